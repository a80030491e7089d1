"""HL4A: state in a file is written over in place."""

import ast
from collections.abc import Iterator

from hardlite.audit.finding import Finding, Severity
from hardlite.audit.paths import text_of
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Unit

__all__ = ["RULE"]


def _check(unit: Unit) -> Iterator[Finding]:
    for function in unit.functions:
        opened = [
            c
            for c in function.calls()
            if isinstance(c.func, ast.Name) and c.func.id == "open" and c.args
        ]
        read = {ast.unparse(call.args[0]) for call in opened if _mode(call).startswith("r")}
        for call in opened:
            if _mode(call).startswith("w") and ast.unparse(call.args[0]) in read:
                yield at(
                    "HL4A",
                    function,
                    call,
                    "The state is written over in place: a crash, or a reader meanwhile, meets half a file",
                    Severity.MEDIUM if function.scope.is_async else Severity.MONITOR,
                )


def _mode(call: ast.Call) -> str:
    words = {word.arg: word.value for word in call.keywords}
    return text_of(call.args[1] if len(call.args) > 1 else words.get("mode")) or "r"


RULE = Rule(code="HL4A", title="State written in place", category="Checkpoint", check=_check)
