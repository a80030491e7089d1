"""What is kept of a file once it has been read: scopes, what their names are bound to, calls."""

import dataclasses
from collections.abc import Iterator
from typing import Literal

from hardlite.audit.paths import Path

__all__ = ["Argument", "Call", "Module", "Role", "Scope"]

Role = Literal["production", "test", "script", "example", "migration"]
Argument = tuple[int | str, Path]


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """One call.

    Attributes:
        path: of what is called.
        line: where.
        arguments: those that have a path, by position or name.
        text: what is literal of the first argument.
        awaited: whether it is awaited.
    """

    path: Path
    line: int
    arguments: tuple[Argument, ...]
    text: str
    awaited: bool = False


@dataclasses.dataclass(eq=False, slots=True)
class Scope:
    """A module, a class or a function.

    Attributes:
        module: where it stands.
        name: the dotted name within the module; empty for the module itself.
        kind: which of the three.
        line: of its ``def`` or ``class``.
        parent: the scope around it.
        is_async: whether it is an ``async def``.
        decorators: their paths.
        parameters: their names, each with what an annotation or a default says of it.
        bindings: names, each with what it is bound to and where that was said.
        constants: names, each with the literal text that it is bound to.
        children: classes and functions in it.
        returns: what it returns.
        yields: what it yields.
        is_generator: whether it yields at all.
        bases: of a class.
        calls: in it, without those of its children.
    """

    module: "Module"
    name: str
    kind: Literal["module", "class", "function"]
    line: int
    parent: "Scope | None"
    is_async: bool = False
    decorators: tuple[Path, ...] = ()
    parameters: dict[str, Path | None] = dataclasses.field(default_factory=dict)
    bindings: "dict[str, list[tuple[Path, Scope]]]" = dataclasses.field(default_factory=dict)
    constants: dict[str, str] = dataclasses.field(default_factory=dict)
    children: "dict[str, Scope]" = dataclasses.field(default_factory=dict)
    returns: list[Path] = dataclasses.field(default_factory=list)
    yields: list[Path] = dataclasses.field(default_factory=list)
    is_generator: bool = False
    bases: tuple[Path, ...] = ()
    calls: list[Call] = dataclasses.field(default_factory=list)

    @property
    def plain_name(self) -> str:
        """Its own name, without those around it."""
        return self.name.rpartition(".")[2]

    @property
    def owner(self) -> "Scope | None":
        """The class whose method it is."""
        return self.parent if self.parent and self.parent.kind == "class" else None

    def decorated_by(self, *names: str) -> bool:
        """Say whether a decorator's last name is one of ``names``."""
        last = {next((s for s in reversed(path) if s != "()"), "") for path in self.decorators}
        return any(name.lstrip(".") in names for name in last)

    def every(self) -> "Iterator[Scope]":
        """Yield itself and all that is below it."""
        yield self
        for child in self.children.values():
            yield from child.every()

    def functions(self) -> "Iterator[Scope]":
        """Yield itself and all that is below it, except classes."""
        return (scope for scope in self.every() if scope.kind != "class")


@dataclasses.dataclass(eq=False, slots=True)
class Module:
    """One file.

    Attributes:
        path: as a finding names it, with slashes.
        name: dotted, from the root of what is audited.
        role: what the file is for.
        is_package: whether it is the ``__init__.py`` of a package.
        imports: local names, each with what it stands for.
        texts: literal texts that speak of the database, each with its line.
        scope: its outermost scope; set once it has been read.
    """

    path: str
    name: str
    role: Role
    is_package: bool = False
    imports: dict[str, str] = dataclasses.field(default_factory=dict)
    texts: list[tuple[int, str]] = dataclasses.field(default_factory=list)
    scope: Scope = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        self.scope = Scope(self, "", "module", 1, None)
