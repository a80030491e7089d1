"""The whole program: names are followed across files to what they stand for."""

import sys
from collections.abc import Iterable, Iterator
from typing import Final, Literal

from hardlite.audit.catalogue import given_back
from hardlite.audit.facts import Call, Module, Scope
from hardlite.audit.paths import CALL, ENTER, ITEM, Path

__all__ = ["Program", "Value"]

Tag = Literal["external", "function", "class", "object", "module", "generator"]
Value = tuple[Literal["external"], str] | tuple[Tag, Scope]
"""What an expression stands for: something of another package by its name, or a scope of ours."""

_DEEPEST: Final = 24


class Program:
    """Modules that have been read, and what their names stand for.

    Args:
        modules: every one of them.
        callers: whether a parameter without an annotation is what its callers hand in.
    """

    def __init__(self, modules: Iterable[Module]) -> None:
        self.modules = list(modules)
        self._by_name = {module.name: module for module in self.modules}
        self._cache: dict[tuple[Path, Scope], Value | None] = {}
        self._handed: dict[tuple[Scope, str], list[tuple[Path, Scope]]] = {}
        self._depth = 0

    @property
    def functions(self) -> Iterator[Scope]:
        """All functions, and the modules as what runs when they are loaded."""
        for module in self.modules:
            yield from module.scope.functions()

    @property
    def dependencies(self) -> Iterator[Scope]:
        """Functions that FastAPI runs for a request, for what they return is asked for."""
        for scope in (each for module in self.modules for each in module.scope.every()):
            for call in scope.calls:
                if call.path[-1].lstrip(".") == "Depends" and call.arguments:
                    given = self.callee(call.arguments[0][1], scope)
                    if given is not None:
                        yield given

    def link(self) -> None:
        """Learn what callers hand in."""
        for scope in list(self.functions):
            for call in scope.calls:
                self._hand(call, scope)
        self._cache.clear()

    def value(self, path: Path | None, scope: Scope) -> Value | None:
        """Return what a path stands for in a scope, or None if that is not known."""
        if path is None or self._depth > _DEEPEST:
            return None
        key = (path, scope)
        if key in self._cache:
            return self._cache[key]
        self._cache[key] = None
        self._depth += 1
        found = self._name(path[0], scope) if len(path) == 1 else self._step(path, scope)
        self._depth -= 1
        self._cache[key] = found
        return found

    def external(self, path: Path | None, scope: Scope) -> str:
        """Return what a path stands for if that is of another package, else an empty text."""
        found = self.value(path, scope)
        return found[1] if found and isinstance(found[1], str) else ""

    def callee(self, path: Path | None, scope: Scope) -> Scope | None:
        """Return the function of ours that calling a path runs, if it is known."""
        match self.value(path, scope):
            case ("function", Scope() as function):
                return function
            case ("class", Scope() as made):
                method = self._attribute(("object", made), ".__init__")
                return method[1] if method and isinstance(method[1], Scope) else None
            case _:
                return None

    def module_named(self, name: str, near: Module) -> Module | None:
        """Return the module that an import in ``near`` loads, if it is among ours."""
        if name.startswith("."):
            return self._by_name.get(name.lstrip("."))
        if name in self._by_name:
            return self._by_name[name]
        if name.partition(".")[0] in sys.stdlib_module_names:
            return None
        parts = near.name.split(".")
        places = (".".join([*parts[:length], name]) for length in range(len(parts) - 1, -1, -1))
        beside = next((self._by_name[place] for place in places if place in self._by_name), None)
        return beside or self._by_name.get(f"src.{name}")

    def _step(self, path: Path, scope: Scope) -> Value | None:
        owner = self.value(path[:-1], scope)
        if path[-1] not in {CALL, ENTER, ITEM} and (owner is None or owner[0] == "external"):
            kept = scope.module.scope.bindings.get("".join(path), ())
            if kept and (found := self._first(kept)) is not None:
                return found
        if owner is None:
            return None
        if path[-1] == CALL:
            return self._called(owner)
        if path[-1] == ENTER:
            return self._entered(owner)
        if path[-1] == ITEM:
            return self._item(owner)
        return self._attribute(owner, path[-1])

    def _called(self, owner: Value) -> Value | None:
        match owner:
            case ("external", str() as name):
                return ("external", given_back(f"{name}()"))
            case ("class", Scope() as made):
                outside = self._outside_base(made)
                known = given_back(f"{outside}()")
                return (
                    ("external", known)
                    if known.endswith(")") and "." not in known and outside
                    else ("object", made)
                )
            case ("function", Scope() as function):
                if function.is_generator:
                    return ("generator", function)
                return self._first((path, function) for path in function.returns)
            case ("object", Scope()):
                method = self._attribute(owner, ".__call__")
                return self._called(method) if method else None
            case _:
                return None

    def _entered(self, owner: Value) -> Value | None:
        match owner:
            case ("generator", _):
                return self._item(owner)
            case ("object", Scope()):
                method = self._attribute(owner, ".__enter__") or self._attribute(
                    owner, ".__aenter__"
                )
                return (self._called(method) if method else None) or owner
            case _:
                return owner

    def _item(self, owner: Value) -> Value | None:
        match owner:
            case ("generator", Scope() as function):
                return self._first((path, function) for path in function.yields)
            case ("external", _):
                return owner
            case _:
                return None

    def _attribute(self, owner: Value, step: str) -> Value | None:
        match owner:
            case ("external", str() as name):
                return ("external", given_back(f"{name}{step}"))
            case ("module", Scope() as module):
                return self._name(step[1:], module) or self._submodule(module.module, step)
            case (("object" | "class"), Scope() as made):
                return self._member(made, step)
            case _:
                return None

    def _submodule(self, package: Module, step: str) -> Value | None:
        module = self._by_name.get(f"{package.name}{step}")
        return ("module", module.scope) if module else None

    def _member(self, made: Scope, step: str) -> Value | None:
        name = step[1:]
        if (method := made.children.get(name)) is not None:
            if method.decorated_by("property", "cached_property"):
                return self._called(("function", method))
            return ("class" if method.kind == "class" else "function", method)
        found = self._first(made.bindings.get(name, ()))
        for base in () if found else made.bases:
            match self.value(base, made.parent or made):
                case ("class", Scope() as inherited) if inherited is not made:
                    found = found or self._member(inherited, step)
                case ("external", str() as outside):
                    found = found or ("external", given_back(f"{outside}{step}"))
                case _:
                    pass
        return found

    def _outside_base(self, made: Scope) -> str:
        return next(
            (b for base in made.bases if (b := self.external(base, made.parent or made))), ""
        )

    def _name(self, name: str, scope: Scope) -> Value | None:
        around: Scope | None = scope
        while around is not None:
            if around.kind != "class" or around is scope:
                found = self._bound(name, around)
                if found is not None:
                    return found
            around = around.parent
        return self._imported(name, scope.module)

    def _bound(self, name: str, scope: Scope) -> Value | None:
        if (child := scope.children.get(name)) is not None:
            return ("class" if child.kind == "class" else "function", child)
        if name in scope.parameters:
            given = self._parameter(name, scope)
            if given is not None:
                return given
        return self._first(scope.bindings.get(name, ()))

    def _parameter(self, name: str, scope: Scope) -> Value | None:
        if scope.owner is not None and name in {"self", "cls"}:
            return ("object" if name == "self" else "class", scope.owner)
        said = scope.parameters[name]
        known = self.value(said, scope.parent or scope)
        if known is not None and known[1] not in {"Any()", "typing.Any()", "object()"}:
            return known
        return self._first(self._handed.get((scope, name), ()))

    def _imported(self, name: str, module: Module) -> Value | None:
        target = module.imports.get(name)
        if target is None:
            return None
        ours = self.module_named(target, module)
        if ours is not None:
            return ("module", ours.scope)
        start, _, last = target.rpartition(".")
        ours = self.module_named(start, module) if start else None
        if ours is not None and ours is not module:
            return self._name(last, ours.scope)
        return ("external", target.lstrip("."))

    def _first(self, said: Iterable[tuple[Path, Scope]]) -> Value | None:
        found = (self.value(path, scope) for path, scope in said)
        return next((value for value in found if value is not None), None)

    def _hand(self, call: Call, scope: Scope) -> None:
        function = self.callee(call.path, scope)
        if function is None:
            self._hand_to_later(call, scope)
            return
        names = [name for name in function.parameters if name not in {"self", "cls"}]
        for place, path in call.arguments:
            name = place if isinstance(place, str) else names[place] if place < len(names) else ""
            if name in function.parameters:
                self._handed.setdefault((function, name), []).append((path, scope))

    def _hand_to_later(self, call: Call, scope: Scope) -> None:
        """A decorator's wrapper calls what it was given: its arguments are those of all of them."""
        if (
            len(call.path) != 1
            or scope.parent is None
            or call.path[0] not in scope.parent.parameters
        ):
            return
        for module in self.modules:
            for function in module.scope.functions():
                if any(
                    self.value(d, module.scope) == ("function", scope.parent)
                    for d in function.decorators
                ):
                    for (_, path), name in zip(call.arguments, function.parameters, strict=False):
                        self._handed.setdefault((function, name), []).append((path, scope))
