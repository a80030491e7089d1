"""Things that are meant to be made once, and are made for every request or round of a loop."""

import ast
from collections.abc import Collection, Iterator

from hardlite.audit.reading import is_startup, within
from hardlite.audit.unit import Function, Parents, Unit

__all__ = ["made_per_call"]

_REMEMBER = ("cache", "lru_cache", "cached", "cached_property", "cache_resource", "singleton")


def made_per_call(unit: Unit, makers: Collection[str]) -> Iterator[tuple[Function, ast.Call]]:
    """Yield each call that makes such a thing again and again, and does not keep it.

    Args:
        unit: a file.
        makers: what makes them, by its full name.
    """
    for function in unit.functions:
        if function.scope.kind == "module" or unit.module.role != "production":
            continue
        if is_startup(function) or function.scope.decorated_by(*_REMEMBER):
            continue
        for node, parents in function.nodes:
            if not isinstance(node, ast.Call) or function.external(node.func) not in makers:
                continue
            again = function.scope in unit.linked.per_request or within(parents, ast.For, ast.While)
            if again and not _is_kept(parents, function):
                yield function, node


def _is_kept(parents: Parents, function: Function) -> bool:
    """Say whether what is made outlives the function: under an attribute, a key or a global name."""
    holder = within(parents, ast.Assign, ast.AnnAssign, ast.NamedExpr)
    match holder:
        case ast.Assign(targets=targets):
            return any(_outlives(target, function) for target in targets)
        case ast.AnnAssign(target=target) | ast.NamedExpr(target=target):
            return _outlives(target, function)
        case _:
            return False


def _outlives(target: ast.expr, function: Function) -> bool:
    """Say so of the name that something is given; a local one may be put elsewhere later."""
    if not isinstance(target, ast.Name):
        return True
    for node, _ in function.nodes:
        match node:
            case ast.Global(names=names) | ast.Nonlocal(names=names) if target.id in names:
                return True
            case ast.Assign(
                targets=[ast.Attribute() | ast.Subscript(), *_], value=ast.Name(id=put)
            ):
                if put == target.id:
                    return True
            case _:
                pass
    return False
