"""HL7A: an error of the database is swallowed."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from hardlite.audit.catalogue import Effect
from hardlite.audit.finding import Finding, Severity
from hardlite.audit.reading import names_in, serialised, uses_memory
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Function, Unit

__all__ = ["RULE", "is_broad", "is_of_the_database"]

_OURS: Final = re.compile(
    r"(^|\.)(sqlite3|aiosqlite|dbapi2)\.(Error|OperationalError|DatabaseError)$"
    r"|^sqlalchemy\.(exc|orm\.exc)\.(OperationalError|DBAPIError|SQLAlchemyError|DatabaseError)$"
)
_BROAD: Final = {"Exception", "BaseException"}
_LOGS: Final = {
    "debug",
    "info",
    "warning",
    "warn",
    "error",
    "exception",
    "critical",
    "log",
    "print",
    "print_exc",
    "write",
    "echo",
}
_ABSENT: Final = re.compile(r"NotFound|Missing|DoesNotExist|KeyError")
_PAUSE: Final = re.compile(r"pause|delay|backoff|wait")
_LATER: Final = re.compile(r"queue|retry|schedule|put")
_FAILURE: Final = 400


def is_of_the_database(handler: ast.ExceptHandler, function: Function) -> bool:
    """Say whether a handler names an error that a locked database raises."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(_OURS.search(function.external(kind)) for kind in kinds if kind)


def is_broad(handler: ast.ExceptHandler) -> bool:
    """Say whether a handler takes every error."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or (isinstance(kind, ast.Name) and kind.id in _BROAD) for kind in kinds)


def _check(unit: Unit) -> Iterator[Finding]:
    for function in unit.functions:
        for node, parents in function.nodes:
            if isinstance(node, ast.Try):
                handler = _swallowing(node, function)
                if handler is None or _guards_a_loop(handler, parents) or _is_entry(node, function):
                    continue
                if not uses_memory(function):
                    changes = function.effects_in(*node.body) & (Effect.WRITES | Effect.COMMITS)
                    yield at(
                        "HL7A",
                        function,
                        handler,
                        "An error of the database, a locked one too, ends here and nobody learns of it",
                        Severity.HIGH
                        if changes and not serialised(node, function)
                        else Severity.MONITOR,
                    )


def _swallowing(node: ast.Try, function: Function) -> ast.ExceptHandler | None:
    uses = any(function.nearby_effect(c) & Effect.DATABASE for c in function.calls(*node.body))
    for handler in node.handlers:
        if is_of_the_database(handler, function) or (is_broad(handler) and uses):
            return None if _is_told(handler, function) else handler
    return None


def _is_told(handler: ast.ExceptHandler, function: Function) -> bool:
    """Say whether somebody learns of the error: a caller, a record, a second try."""
    if is_broad(handler) and any(
        isinstance(node, ast.Raise) and _ABSENT.search(ast.unparse(node))
        for node in ast.walk(handler)
    ):
        return False
    if function.effects_in(*handler.body) & Effect.DATABASE:
        return True
    return any(_tells(node, handler.name or "") for node in ast.walk(handler))


def _tells(node: ast.AST, error: str) -> bool:
    match node:
        case ast.Raise():
            return True
        case ast.Return():
            return error in names_in(node.value) or _says_failure(node)
        case ast.Assign(targets=[target, *_], value=value):
            return error in names_in(value) or bool(_PAUSE.search(ast.unparse(target)))
        case ast.Call():
            name = ast.unparse(node.func).rpartition(".")[2]
            if name in {"sleep", "exit", "_exit", "abort", "wait"} or _LATER.search(name):
                return True
            given = set().union(*map(names_in, [*node.args, *(w.value for w in node.keywords)]))
            return error in given and name not in _LOGS | {
                "str",
                "repr",
                "type",
                "isinstance",
                "getattr",
                "format",
            }
        case _:
            return False


def _says_failure(node: ast.Return) -> bool:
    return any(
        isinstance(each, ast.Constant) and isinstance(each.value, int) and each.value >= _FAILURE
        for each in ast.walk(node)
    )


def _is_entry(node: ast.Try, function: Function) -> bool:
    """Say whether a function is one call of another one, guarded: what a scheduler runs."""
    calls = list(function.calls(*node.body))
    is_one = function.body[-1] is node and [type(each) for each in node.body] == [ast.Expr]
    return is_one and not any(function.own_effect(call) for call in calls)


def _guards_a_loop(handler: ast.ExceptHandler, parents: tuple[ast.AST, ...]) -> bool:
    """Say whether the loop tries again: one that counts attempts."""
    loop = next((p for p in reversed(parents) if isinstance(p, ast.For | ast.While)), None)
    again = any(isinstance(node, ast.Continue) for node in ast.walk(handler))
    return again and isinstance(loop, ast.For) and "range" in ast.unparse(loop.iter)


RULE = Rule(code="HL7A", title="Swallowed database error", category="Error Handling", check=_check)
