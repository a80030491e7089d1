"""Common questions about the tree of a function."""

import ast
import re
from typing import Final

from hardlite.audit.catalogue import Effect
from hardlite.audit.databases import holds_lock
from hardlite.audit.paths import path_of
from hardlite.audit.unit import Function, Parents

__all__ = [
    "is_data_loop",
    "is_startup",
    "long_lived",
    "names_in",
    "serialised",
    "uses_memory",
    "within",
]

_STARTUP: Final = re.compile(
    r"^_*(a?init(ialize|ialise|_\w+)?|initiali[sz]e\w*|set_?up\w*|start(up|_up)?|stop|shut_?down|a?close\w*|a?open|connect|disconnect"
    r"|on_(startup|shutdown|start|ready)|startup\w*|lifespan|bootstrap|create_tables?|create_all|create_db\w*"
    r"|migrat\w*|main|run_migrations\w*|ensure_(schema|tables?)|__aenter__|__aexit__|__init__|__del__|__enter__|__exit__|__post_init__|reset\w*)$"
)
_STARTUP_DECORATORS: Final = {
    "on_event",
    "before_first_request",
    "on_startup",
    "before_serving",
    "command",
}


def is_startup(function: Function) -> bool:
    """Say whether a function runs as the program starts or ends, not under load."""
    scope = function.scope
    return bool(_STARTUP.match(scope.plain_name)) or scope.decorated_by(*_STARTUP_DECORATORS)


def uses_memory(function: Function) -> bool:
    """Say whether a function opens a database in memory, which nobody shares."""
    return any(call.text == ":memory:" for call in function.scope.calls)


def serialised(node: ast.AST, function: Function) -> bool:
    """Say whether what commits below a node is a class that keeps its connection under a lock."""
    linked = function.linked
    for call in function.calls(node):
        callee = linked.program.callee(path_of(call.func), function.scope)
        chain = linked.effects.chain(callee, Effect.COMMITS | Effect.WRITES) if callee else []
        if chain and chain[-1][0].owner and holds_lock(chain[-1][0].owner):
            return True
    return False


def within(parents: Parents, *kinds: type[ast.AST]) -> ast.AST | None:
    """Return the innermost of ``parents`` that is of one of the kinds."""
    return next((each for each in reversed(parents) if isinstance(each, kinds)), None)


def names_in(node: ast.AST | None) -> set[str]:
    """Return the names that an expression uses."""
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)} if node else set()


def is_data_loop(loop: ast.AST, function: Function) -> bool:
    """Say whether a loop goes through data, and does so without waiting for anything slow."""
    if not isinstance(loop, ast.For | ast.AsyncFor):
        return False
    over = ast.unparse(loop.iter)
    if re.match(r"range\(|count\(|itertools\.count", over) and re.search(
        r"\b_*(attempts?|retry|retries|tries|try)\b|_(attempts?|retries)",
        f"{over} {ast.unparse(loop.target)}",
        re.IGNORECASE,
    ):
        return False
    if re.search(r"migrat|version", f"{over} {function.scope.name}", re.IGNORECASE):
        return False
    return not function.effects_in(*loop.body) & Effect.SLOW


def long_lived(node: ast.expr, function: Function) -> bool:
    """Say whether a connection or session outlives the function: an attribute or a global."""
    root = next(each for each in ast.walk(node) if isinstance(each, ast.Name))
    local = function.scope.bindings.get(root.id)
    if root.id in {"self", "cls"}:
        return True
    if root.id in function.scope.parameters:
        return False
    if local is None:
        return True
    return any(
        len(path) > 1
        and path[0] in {"self", "cls"}
        and "()" in path
        and path[-1] == "()"
        and path[-2] in {".cursor", ".execute"}
        for path, _ in local
    )
