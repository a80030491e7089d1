"""HL3B: something slow happens while the write lock is held."""

import ast
from collections.abc import Iterator, Sequence

from hardlite.audit.catalogue import Effect
from hardlite.audit.finding import Finding, Severity
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Function, Unit

__all__ = ["RULE"]

_LEAVES = ast.Return | ast.Raise | ast.Continue | ast.Break


def _check(unit: Unit) -> Iterator[Finding]:
    for function in unit.functions:
        if not unit.linked.effects.of(function.scope) & Effect.WRITES:
            continue
        reading = _Reading(function)
        reading.block(function.body, is_open=False)
        if reading.slow is not None:
            yield at(
                "HL3B",
                function,
                reading.slow,
                "The write lock is held while this waits for something that is not the database",
                Severity.HIGH,
            )


class _Reading:
    """Goes through a function and keeps in mind whether a write transaction is open."""

    def __init__(self, function: Function) -> None:
        self._function = function
        self.slow: ast.Call | None = None

    def block(self, body: Sequence[ast.stmt], *, is_open: bool) -> bool:
        """Read statements; say whether a transaction is open behind them."""
        for statement in body:
            is_open = self._statement(statement, is_open=is_open)
            if isinstance(statement, _LEAVES):
                return False
        return is_open

    def _statement(self, node: ast.stmt, *, is_open: bool) -> bool:
        match node:
            case ast.If():
                is_open = self._calls(node.test, is_open=is_open)
                after = self.block(node.body, is_open=is_open)
                return self.block(node.orelse, is_open=is_open) or after
            case ast.For() | ast.AsyncFor() | ast.While():
                for _ in range(2):  # What a round leaves open, the next one meets.
                    is_open = self.block(node.body, is_open=is_open) or is_open
                return self.block(node.orelse, is_open=is_open)
            case ast.Try():
                after = self.block([*node.body, *node.orelse], is_open=is_open)
                for handler in node.handlers:
                    self.block(handler.body, is_open=is_open)
                return self.block(node.finalbody, is_open=after)
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    is_open = self._calls(item.context_expr, is_open=is_open)
                after = self.block(node.body, is_open=is_open)
                return after and not self._ends(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return is_open
            case _:
                return self._calls(node, is_open=is_open)

    def _ends(self, node: ast.With | ast.AsyncWith) -> bool:
        return any(self._function.external(item.context_expr) for item in node.items)

    def _calls(self, node: ast.AST, *, is_open: bool) -> bool:
        for call in self._function.calls(node):
            effect = self._function.effect(call)
            if (
                is_open
                and self.slow is None
                and (effect & Effect.SLOW or _opens_file(call))
                and not effect & Effect.COMMITS
            ):
                self.slow = call
            if effect & (Effect.COMMITS | Effect.ROLLS_BACK):
                is_open = False
            elif effect & Effect.WRITES and self._function.own_effect(call):
                is_open = True
        return is_open


def _opens_file(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "open"


RULE = Rule(
    code="HL3B", title="Slow work in a write transaction", category="Write Contention", check=_check
)
