"""Expressions as paths: a name and the steps from it to a value."""

import ast
from collections.abc import Iterator
from typing import Final

__all__ = [
    "CALL",
    "ENTER",
    "ITEM",
    "Path",
    "annotation_path",
    "children",
    "path_of",
    "paths_of",
    "text_of",
]

Path = tuple[str, ...]
"""``self.pool.get().cursor`` is ``("self", ".pool", ".get", "()", ".cursor")``."""

CALL: Final = "()"
ENTER: Final = "with"
ITEM: Final = "[]"

_TRANSPARENT: Final = {"closing", "aclosing", "text", "cast", "Path", "str"}
_FROM_ENVIRONMENT: Final = {"getenv", "get"}
_WRAPPERS: Final = {"Optional", "Annotated", "Union", "ClassVar", "Final"}
_GENERATORS: Final = {"Generator", "Iterator", "AsyncIterator", "AsyncGenerator", "Iterable"}

# Fields of nodes that hold texts, numbers, operators and contexts, and nothing of a program's names.
_WITHOUT_NODES: Final = {
    *("arg", "attr", "conversion", "ctx", "id", "is_async", "kind", "level", "lineno", "op", "ops"),
    *("simple", "tag", "type_comment", "type_ignores"),
}
_FIELDS: Final[dict[type[ast.AST], tuple[str, ...]]] = {}


def children(node: ast.AST) -> list[ast.AST]:
    """Return what is directly below a node; `ast.iter_child_nodes` takes three times as long."""
    found: list[ast.AST] = []
    for name in _fields_of(type(node)):
        value = getattr(node, name, None)
        if type(value) is list:
            found += [each for each in value if isinstance(each, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


def _fields_of(kind: type[ast.AST]) -> tuple[str, ...]:
    if kind not in _FIELDS:
        _FIELDS[kind] = tuple(name for name in kind._fields if name not in _WITHOUT_NODES)
    return _FIELDS[kind]


def path_of(node: ast.expr | None) -> Path | None:
    """Return the path of an expression, or None where it has none.

    >>> path_of(ast.parse("self.pool.get().cursor", mode="eval").body)
    ('self', '.pool', '.get', '()', '.cursor')
    """
    steps: list[str] = []
    while True:
        match node:
            case ast.Name():
                return (node.id, *reversed(steps))
            case ast.Attribute():
                steps.append(f".{node.attr}")
                node = node.value
            case ast.Call():
                if node.args and _last_name(node.func) in _TRANSPARENT:
                    node = node.args[-1]
                else:
                    steps.append(CALL)
                    node = node.func
            case ast.Await() | ast.NamedExpr():
                node = node.value
            case ast.Subscript():
                steps.append(ITEM)
                node = node.value
            case _:
                return None


def paths_of(node: ast.expr | None) -> Iterator[Path]:
    """Yield the paths of everything that an expression may come to."""
    match node:
        case ast.IfExp():
            yield from paths_of(node.body)
            yield from paths_of(node.orelse)
        case ast.BoolOp():
            for value in node.values:
                yield from paths_of(value)
        case ast.Subscript(value=ast.Name(id="Annotated")):
            yield from _named(annotation_path(node))
        case _:
            yield from _named(path_of(node))


def annotation_path(node: ast.expr | None) -> Path | None:
    """Return the path of the class that an annotation names.

    >>> annotation_path(ast.parse("Optional[db.Session]", mode="eval").body)
    ('db', '.Session')
    """
    match node:
        case ast.Constant(value=str(text)):
            try:
                return annotation_path(ast.parse(text, mode="eval").body)
            except SyntaxError:
                return None
        case ast.BinOp():
            return annotation_path(node.left) or annotation_path(node.right)
        case ast.Subscript():
            name = _last_name(node.value)
            inner = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) else node.slice
            if name in _WRAPPERS:
                return annotation_path(inner)
            return None if name in _GENERATORS else path_of(node.value)
        case _:
            return path_of(node)


def text_of(node: ast.expr | None) -> str:
    """Return what is literal of a text, with ``{}`` for the rest; empty if nothing is.

    >>> text_of(ast.parse("f'sqlite:///{name}.db'", mode="eval").body)
    'sqlite:///{}.db'
    """
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr():
            return "".join(text_of(value) or "{}" for value in node.values)
        case ast.BinOp(op=ast.Add() | ast.Div()):
            left, right = text_of(node.left), text_of(node.right)
            return f"{left or '{}'}{right or '{}'}" if left or right else ""
        case ast.Call(args=[_, default], func=function) if (
            _last_name(function) in _FROM_ENVIRONMENT
        ):
            return text_of(default)
        case ast.Call(args=[first, *_]) if _last_name(node.func) in _TRANSPARENT:
            return text_of(first)
        case _:
            return ""


def _named(path: Path | None) -> Iterator[Path]:
    if path is not None:
        yield path


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
