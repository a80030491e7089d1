"""One pass over the tree of a file: it leaves facts, and the tree can be dropped."""

import ast
import re
from collections.abc import Callable
from typing import Any, Final

from hardlite.audit.facts import Argument, Call, Module, Scope
from hardlite.audit.paths import (
    CALL,
    ENTER,
    ITEM,
    Path,
    annotation_path,
    children,
    path_of,
    paths_of,
    text_of,
)

__all__ = ["survey"]

_OF_THE_DATABASE: Final = re.compile(
    r"sqlite|PRAGMA|REFERENCES\s|FOREIGN KEY|\.sql\b|\.db\b|-(wal|shm)$|postgres|mysql|BEGIN|INSERT\s|UPDATE\s|DELETE\s",
    re.IGNORECASE,
)
_HEAD: Final = 200
# Work that is done in place only where there is no executor to give it to.
_EXECUTOR: Final = re.compile(r"executor|thread_?pool")


def survey(tree: ast.Module, module: Module) -> None:
    """Fill ``module`` with what its tree says."""
    _Survey(module).block(tree, module.scope)


class _Survey:
    def __init__(self, module: Module) -> None:
        self._module = module
        self._readers: dict[type[ast.AST], Callable[[Any, Scope], None]] = {
            ast.FunctionDef: self._function,
            ast.AsyncFunctionDef: self._function,
            ast.ClassDef: self._class,
            ast.Lambda: self._lambda,
            ast.If: self._if,
            ast.Import: self._import,
            ast.ImportFrom: self._import,
            ast.Constant: self._constant_text,
            ast.Expr: self._statement,
            ast.Await: self._awaited,
            ast.Call: self._called,
            ast.JoinedStr: self._joined,
            ast.Assign: self._binding,
            ast.AnnAssign: self._binding,
            ast.NamedExpr: self._binding,
            ast.For: self._binding,
            ast.AsyncFor: self._binding,
            ast.withitem: self._entered,
            ast.Return: self._returned,
            ast.Yield: self._yielded,
            ast.YieldFrom: self._yielded,
        }

    def block(self, node: ast.AST, scope: Scope) -> None:
        """Read what is below a node."""
        for child in children(node):
            self._read(child, scope)

    def _read(self, node: ast.AST, scope: Scope) -> None:
        reader = self._readers.get(type(node))
        if reader is None:
            self.block(node, scope)
        else:
            reader(node, scope)

    def _lambda(self, node: ast.Lambda, scope: Scope) -> None:
        self._read(node.body, _below(scope, "<lambda>", "function", node.lineno))

    def _if(self, node: ast.If, scope: Scope) -> None:
        match node.test:
            case ast.Compare(left=left, ops=[ast.Is()]) if _is_executor(left):
                inner = _below(scope, "<without executor>", "function", node.lineno)
                self.block(ast.Module(node.body, []), inner)
                self.block(ast.Module(node.orelse, []), scope)
            case _:
                self.block(node, scope)

    def _constant_text(self, node: ast.Constant, _: Scope) -> None:
        self._text(node, node.value)

    def _statement(self, node: ast.Expr, scope: Scope) -> None:
        if not isinstance(node.value, ast.Constant):  # A docstring says nothing to SQLite.
            self._read(node.value, scope)

    def _awaited(self, node: ast.Await, scope: Scope) -> None:
        if isinstance(node.value, ast.Call):
            self._call(node.value, scope, awaited=True)
            self.block(node.value, scope)
        else:
            self.block(node, scope)

    def _called(self, node: ast.Call, scope: Scope) -> None:
        self._call(node, scope)
        self.block(node, scope)

    def _joined(self, node: ast.JoinedStr, scope: Scope) -> None:
        self._text(node, text_of(node))
        for value in node.values:
            if isinstance(value, ast.FormattedValue):
                self._read(value.value, scope)

    def _entered(self, node: ast.withitem, scope: Scope) -> None:
        if node.optional_vars is not None:
            paths = [_then(path, ENTER) for path in paths_of(node.context_expr)]
            self._bind(node.optional_vars, paths, scope)
        self.block(node, scope)

    def _returned(self, node: ast.Return, scope: Scope) -> None:
        scope.returns.extend(paths_of(node.value))
        self.block(node, scope)

    def _yielded(self, node: ast.Yield | ast.YieldFrom, scope: Scope) -> None:
        scope.is_generator = True
        scope.yields.extend(paths_of(node.value))
        self.block(node, scope)

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef, parent: Scope) -> None:
        for outside in (*node.decorator_list, node.args):
            self._read(outside, parent)
        scope = _below(parent, node.name, "function", node.lineno)
        scope.is_async = isinstance(node, ast.AsyncFunctionDef)
        scope.decorators = tuple(p for d in node.decorator_list for p in paths_of(d))
        scope.parameters = _parameters(node.args)
        scope.constants = {
            name: text_of(default)[:_HEAD] for name, default in _defaults(node.args).items()
        }
        if (returned := annotation_path(node.returns)) is not None:
            scope.returns.append(_then(returned, CALL))
        for statement in node.body:
            self._read(statement, scope)

    def _class(self, node: ast.ClassDef, parent: Scope) -> None:
        scope = _below(parent, node.name, "class", node.lineno)
        scope.bases = tuple(p for base in node.bases for p in paths_of(base))
        for statement in node.body:
            self._read(statement, scope)

    def _import(self, node: ast.Import | ast.ImportFrom, _: Scope) -> None:
        imports = self._module.imports
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                imports[alias.asname or top] = alias.name if alias.asname else top
            return
        start = node.module or ""
        if node.level:
            parts = self._module.name.split(".")
            package = parts[: len(parts) - node.level + self._module.is_package]
            start = ".".join([".", *package, *filter(None, [node.module])])
        for alias in node.names:
            imports[alias.asname or alias.name] = f"{start}.{alias.name}"

    def _text(self, node: ast.expr, value: object) -> None:
        if isinstance(value, str) and _OF_THE_DATABASE.search(value):
            self._module.texts.append((node.lineno, value))

    def _call(self, node: ast.Call, scope: Scope, *, awaited: bool = False) -> None:
        callee = path_of(node.func)
        if callee is None:
            return
        given: list[Argument] = [
            (place, path) for place, arg in enumerate(node.args) if (path := path_of(arg))
        ]
        given += [
            (word.arg or "**", path) for word in node.keywords if (path := path_of(word.value))
        ]
        text = text_of(node.args[0])[:_HEAD] if node.args else ""
        scope.calls.append(Call(callee, node.lineno, tuple(given), text, awaited))

    def _binding(
        self,
        node: ast.Assign | ast.AnnAssign | ast.NamedExpr | ast.For | ast.AsyncFor,
        scope: Scope,
    ) -> None:
        match node:
            case ast.Assign():
                for target in node.targets:
                    self._assign(target, node.value, scope)
            case ast.For() | ast.AsyncFor():
                self._bind(node.target, [_then(p, ITEM) for p in paths_of(node.iter)], scope)
            case ast.NamedExpr():
                self._bind(node.target, list(paths_of(node.value)), scope)
            case _:
                if text := text_of(node.value):
                    self._constant(node.target, text[:_HEAD], scope)
                said = [_then(p, CALL) for p in [annotation_path(node.annotation)] if p]
                self._bind(node.target, [*paths_of(node.value), *said], scope)
        self.block(node, scope)

    def _assign(self, target: ast.expr, value: ast.expr, scope: Scope) -> None:
        if text := text_of(value):
            self._constant(target, text[:_HEAD], scope)
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for each, its in zip(target.elts, value.elts, strict=False):
                self._bind(each, list(paths_of(its)), scope)
        else:
            self._bind(target, list(paths_of(value)), scope)

    def _constant(self, target: ast.expr, text: str, scope: Scope) -> None:
        holder, name = _holder(target, scope)
        if holder is not None:
            holder.constants.setdefault(name, text)

    def _bind(self, target: ast.expr, paths: list[Path], scope: Scope) -> None:
        holder, name = _holder(target, scope)
        if holder is not None and name:
            holder.bindings.setdefault(name, []).extend((path, scope) for path in paths)


def _holder(target: ast.expr, scope: Scope) -> tuple[Scope | None, str]:
    """Return whose name a target is: that of a scope, or of the class around it."""
    match target:
        case ast.Name():
            return scope, target.id
        case ast.Attribute(value=ast.Name(id="self" | "cls")):
            owner = scope.parent
            while owner is not None and owner.kind != "class":
                owner = owner.parent
            return owner, target.attr
        case ast.Attribute():
            path = path_of(target)
            outermost = scope.module.scope
            return outermost, "".join(path) if path and "()" not in path else ""
        case _:
            return None, ""


def _defaults(arguments: ast.arguments) -> dict[str, ast.expr]:
    every = [each.arg for each in [*arguments.posonlyargs, *arguments.args]]
    named = zip((each.arg for each in arguments.kwonlyargs), arguments.kw_defaults, strict=True)
    return dict(zip(reversed(every), reversed(arguments.defaults), strict=False)) | {
        name: default for name, default in named if default is not None
    }


def _is_executor(node: ast.expr) -> bool:
    path = path_of(node)
    return path is not None and _EXECUTOR.search(path[-1]) is not None


def _parameters(arguments: ast.arguments) -> dict[str, Path | None]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    defaults = _defaults(arguments)
    said: dict[str, Path | None] = {}
    for each in every:
        path = annotation_path(each.annotation)
        default = defaults.get(each.arg)
        said[each.arg] = _dependency(default) or (_then(path, CALL) if path else None)
    return said


def _dependency(default: ast.expr | None) -> Path | None:
    """Return what FastAPI hands in for ``Depends(...)``."""
    match default:
        case ast.Call(func=ast.Name(id="Depends"), args=[given, *_]):
            path = path_of(given)
            return (*path, CALL, ITEM) if path else None
        case _:
            return None


def _below(parent: Scope, name: str, kind: str, line: int) -> Scope:
    dotted = f"{parent.name}.{name}" if parent.name else name
    scope = Scope(parent.module, dotted, "class" if kind == "class" else "function", line, parent)
    key = name
    while key in parent.children:
        key += "'"
    parent.children[key] = scope
    return scope


def _then(path: Path, step: str) -> Path:
    return (*path, step)
