"""HLS3: a commit for every row of a loop."""

import ast
from collections.abc import Iterator

from hardlite.audit.catalogue import Effect
from hardlite.audit.finding import Finding, Severity
from hardlite.audit.reading import is_data_loop, is_startup, serialised, within
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Function, Unit, own_nodes

__all__ = ["RULE"]


def _check(unit: Unit) -> Iterator[Finding]:
    for function in unit.functions:
        told: set[ast.AST] = set()
        for node, parents in function.nodes:
            if not isinstance(node, ast.Call) or not function.effect(node) & Effect.COMMITS:
                continue
            loop = within(parents, ast.For, ast.AsyncFor, ast.While)
            if (
                loop is None
                or loop in told
                or not is_data_loop(loop, function)
                or is_startup(function)
            ):
                continue
            if _opens_each(loop, function):
                continue
            told.add(loop)
            yield at(
                "HLS3",
                function,
                node,
                "Every round of the loop commits: it waits for the disk, and takes the write lock, once for each",
                Severity.MONITOR if serialised(node, function) else Severity.MEDIUM,
            )


def _opens_each(loop: ast.AST, function: Function) -> bool:
    """Say whether every round has a database of its own."""
    return any(
        isinstance(node, ast.Call) and function.external(node.func) == "sqlite3.connect"
        for node in own_nodes(loop)
    )


RULE = Rule(code="HLS3", title="Commit for every row", category="Write Contention", check=_check)
