"""What every function does, itself and through what it calls."""

from collections import defaultdict, deque

from hardlite.audit.catalogue import Effect, direct_effect
from hardlite.audit.facts import Call, Scope
from hardlite.audit.program import Program

__all__ = ["Effects"]


class Effects:
    """The effects of the functions of a program.

    Args:
        program: linked already.
        orm: whether what goes through SQLAlchemy is known to reach SQLite.
    """

    def __init__(self, program: Program, *, orm: bool) -> None:
        self._program = program
        self._orm = orm
        self._own: dict[Scope, Effect] = {}
        self._all: dict[Scope, Effect] = {}
        self._edges: dict[Scope, list[tuple[Call, Scope]]] = defaultdict(list)
        self._callers: dict[Scope, list[Scope]] = defaultdict(list)
        for scope in program.functions:
            self._read(scope)
        self._spread()

    def of(self, scope: Scope) -> Effect:
        """Return what a function does, its calls included."""
        return self._all[scope]

    def own(self, scope: Scope) -> Effect:
        """Return what a function does by itself."""
        return self._own[scope]

    def callers(self, scope: Scope) -> list[Scope]:
        """Return the functions that call this one."""
        return self._callers[scope]

    def callees(self, scope: Scope) -> list[Scope]:
        """Return the functions that this one calls."""
        return [callee for _, callee in self._edges[scope]]

    def of_call(self, call: Call, scope: Scope) -> Effect:
        """Return what one call does."""
        callee = self._program.callee(call.path, scope)
        if callee is not None:
            return _passed_on(callee, self._all[callee])
        return self._outside(call, scope)

    def chain(self, scope: Scope, wanted: Effect) -> list[tuple[Scope, int, str]]:
        """Return the shortest way from a function to an effect: where, and what is called."""
        waiting = deque([(scope, list[tuple[Scope, int, str]]())])
        seen = {scope}
        while waiting:
            here, so_far = waiting.popleft()
            for call in here.calls:
                if self._outside(call, here) & wanted:
                    return [*so_far, (here, call.line, _written(call))]
            for call, to in self._edges[here]:
                if to not in seen and _passed_on(to, self._all[to]) & wanted:
                    seen.add(to)
                    waiting.append((to, [*so_far, (here, call.line, _written(call))]))
        return []

    def _outside(self, call: Call, scope: Scope) -> Effect:
        effect = direct_effect(self._program.external(call.path, scope), call.text)
        if call.awaited:
            effect &= ~Effect.BLOCKS
        return Effect.NONE if effect & Effect.ORM and not self._orm else effect

    def _read(self, scope: Scope) -> None:
        effect = Effect.NONE
        for call in scope.calls:
            callee = self._program.callee(call.path, scope)
            if callee is None:
                effect |= self._outside(call, scope)
            else:
                self._edges[scope].append((call, callee))
                self._callers[callee].append(scope)
        self._own[scope] = self._all[scope] = effect

    def _spread(self) -> None:
        waiting = [scope for scope, effect in self._all.items() if effect]
        while waiting:
            changed = waiting.pop()
            for caller in self._callers[changed]:
                grown = self._all[caller] | _passed_on(changed, self._all[changed])
                if grown != self._all[caller]:
                    self._all[caller] = grown
                    waiting.append(caller)


def _passed_on(callee: Scope, effect: Effect) -> Effect:
    """What an async function blocks is told of where it stands, not of its callers."""
    return effect & ~Effect.BLOCKS if callee.is_async else effect


def _written(call: Call) -> str:
    return "".join(call.path)
