"""A file looked at closely: its tree, and what the whole program knows of it."""

import ast
import dataclasses
import functools
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from hardlite.audit.catalogue import Effect, direct_effect
from hardlite.audit.databases import Databases
from hardlite.audit.effects import Effects
from hardlite.audit.facts import Call, Module, Scope
from hardlite.audit.paths import CALL, ENTER, children, path_of, text_of
from hardlite.audit.program import Program
from hardlite.audit.routes import is_route

__all__ = ["Function", "Linked", "Parents", "Unit", "own_nodes"]

Parents = tuple[ast.AST, ...]
_OTHER_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


@dataclasses.dataclass(kw_only=True, eq=False)
class Linked:
    """The program, and what follows from all of it.

    Attributes:
        program: names and what they stand for.
        effects: what functions do.
        databases: what is opened where.
        concurrent: whether anything in it runs beside something else.
    """

    program: Program
    effects: Effects
    databases: Databases
    concurrent: bool

    @functools.cached_property
    def answers_requests(self) -> bool:
        """Whether a function of the running program answers requests."""
        production = (s for s in self.program.functions if s.module.role == "production")
        return any(is_route(scope) for scope in production)

    @functools.cached_property
    def per_request(self) -> AbstractSet[Scope]:
        """Functions that run for each request: those that answer one, and what they call."""
        found: set[Scope] = set()
        waiting = [scope for scope in self.program.functions if is_route(scope)]
        waiting += self.program.dependencies
        while waiting:
            scope = waiting.pop()
            if scope not in found:
                found.add(scope)
                waiting += self.effects.callees(scope)
        return found

    @functools.cached_property
    def declares_keys(self) -> bool:
        """Whether a model declares a foreign key."""
        return any(
            call.path[-1].lstrip(".") == "ForeignKey"
            for module in self.program.modules
            if module.role not in {"test", "example"}
            for scope in module.scope.every()
            for call in scope.calls
        )

    @functools.cached_property
    def context_makers(self) -> AbstractSet[Scope]:
        """Functions whose result is the subject of a ``with``, other than generators."""
        found: set[Scope] = set()
        for scope in self.program.functions:
            for path, there in (each for bound in scope.bindings.values() for each in bound):
                if scope.module.role != "test" and path[-2:] == (CALL, ENTER):
                    match self.program.value(path[:-2], there):
                        case ("function", Scope() as made) if not made.is_generator:
                            found.add(made)
                        case _:
                            pass
        return found


@dataclasses.dataclass(kw_only=True, eq=False)
class Function:
    """A function, or a module as what runs when it is loaded.

    Attributes:
        node: of the tree.
        scope: of the facts.
        linked: the program.
    """

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Module
    scope: Scope
    linked: Linked
    _effects: dict[ast.Call, Effect] = dataclasses.field(default_factory=dict, init=False)
    _below: dict[ast.AST, Sequence[ast.Call]] = dataclasses.field(default_factory=dict, init=False)

    @property
    def body(self) -> Sequence[ast.stmt]:
        """Its statements."""
        return self.node.body

    @functools.cached_property
    def nodes(self) -> Sequence[tuple[ast.AST, "Parents"]]:
        """What is in it, each with what is around it; other functions are left out."""
        return list(_with_parents(self.node))

    @functools.cached_property
    def _calls(self) -> Sequence[ast.Call]:
        outside = set(getattr(self.node, "decorator_list", ()))
        return [
            node
            for node, parents in self.nodes
            if isinstance(node, ast.Call)
            and node not in outside
            and not outside.intersection(parents)
        ]

    def external(self, node: ast.expr | None) -> str:
        """Return what of another package an expression stands for, or an empty text."""
        return self.linked.program.external(path_of(node), self.scope)

    def effect(self, node: ast.Call) -> Effect:
        """Return what a call does."""
        if node not in self._effects:
            self._effects[node] = self._effect(node)
        return self._effects[node]

    def _effect(self, node: ast.Call) -> Effect:
        path = path_of(node.func)
        if path is None:
            return Effect.NONE
        text = text_of(node.args[0]) if node.args else ""
        if node.args and not text:
            name = path_of(node.args[0])
            text = self.scope.constants.get(name[0], "") if name and len(name) == 1 else ""
        return self.linked.effects.of_call(Call(path, node.lineno, (), text), self.scope)

    def own_effect(self, node: ast.Call) -> Effect:
        """Return what a call does by itself: nothing, if it is of a function of the program."""
        called = self.external(node.func)
        return direct_effect(called, "") and self.effect(node) if called else Effect.NONE

    def nearby_effect(self, node: ast.Call) -> Effect:
        """Return what a call does by itself, or the function that it calls by itself."""
        callee = self.linked.program.callee(path_of(node.func), self.scope)
        return self.linked.effects.own(callee) if callee else self.own_effect(node)

    def effects_in(self, *nodes: ast.AST) -> Effect:
        """Return what all the calls in some nodes do."""
        found = Effect.NONE
        for call in self._calls_below(*nodes):
            found |= self.effect(call)
        return found

    def calls(self, *nodes: ast.AST) -> Iterator[ast.Call]:
        """Yield the calls in some nodes, in the order they are written."""
        return self._calls_below(*nodes) if nodes else iter(self._calls)

    def _calls_below(self, *nodes: ast.AST) -> Iterator[ast.Call]:
        for node in nodes:
            if node not in self._below:
                found = [each for each in own_nodes(node) if isinstance(each, ast.Call)]
                self._below[node] = found
            yield from self._below[node]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Unit:
    """One file.

    Attributes:
        module: its facts.
        linked: the program.
        functions: those in it, and the module itself first.
    """

    module: Module
    linked: Linked
    functions: Sequence[Function]

    def function_of(self, scope: Scope) -> Function:
        """Return the function that a scope is of."""
        return next(each for each in self.functions if each.scope is scope)

    @classmethod
    def of(cls, tree: ast.Module, module: Module, linked: Linked) -> "Unit":
        """Return the file of a tree."""
        by_line = {(s.line, s.plain_name): s for s in module.scope.functions()}
        functions = [Function(node=tree, scope=module.scope, linked=linked)]
        for node in _defined_in(tree):
            scope = by_line[node.lineno, node.name]
            functions.append(Function(node=node, scope=scope, linked=linked))
        return cls(module=module, linked=linked, functions=functions)


def _defined_in(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        waiting += [each for each in reversed(children(node)) if not isinstance(each, ast.expr)]


def _with_parents(root: ast.AST) -> Iterator[tuple[ast.AST, Parents]]:
    waiting: list[tuple[ast.AST, Parents]] = [(each, ()) for each in reversed(_below(root))]
    while waiting:
        node, parents = waiting.pop()
        yield node, parents
        if below := _below(node):
            around = (*parents, node)
            waiting += [(each, around) for each in reversed(below)]


def own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and what is below it in the order of the text, without other functions."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        yield each
        waiting += reversed(_below(each))


def _below(node: ast.AST) -> list[ast.AST]:
    return [each for each in children(node) if not isinstance(each, _OTHER_SCOPES)]
