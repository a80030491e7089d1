"""HLS7: the file of a live database is copied."""

import ast
from collections.abc import Iterator
from pathlib import PurePosixPath

from hardlite.audit.databases import fold
from hardlite.audit.finding import Finding, Severity
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Function, Unit

__all__ = ["RULE"]

_COPIES = {"shutil.copy", "shutil.copy2", "shutil.copyfile"}
_SUFFIXES = {".db", ".sqlite", ".sqlite3"}


def _check(unit: Unit) -> Iterator[Finding]:
    for function in unit.functions:
        for call in function.calls():
            if (
                function.external(call.func) in _COPIES
                and call.args
                and _is_database(call.args[0], function)
            ):
                yield at(
                    "HLS7",
                    function,
                    call,
                    "A copy of a live database file misses what is in the log, and may be torn",
                    Severity.MEDIUM,
                )


def _is_database(node: ast.expr, function: Function) -> bool:
    text = fold(function.linked.program, node, function.scope)
    keys = {site.key for site in function.linked.databases.sites}
    return PurePosixPath(text).suffix in _SUFFIXES or bool(
        text and PurePosixPath(text).name in keys
    )


RULE = Rule(code="HLS7", title="Copy of a live file", category="Connection", check=_check)
