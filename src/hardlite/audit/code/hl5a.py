"""HL5A: the database is waited for on the event loop."""

from collections.abc import Iterator

from hardlite.audit.catalogue import Effect
from hardlite.audit.finding import Finding, Severity, Step
from hardlite.audit.reading import is_startup
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Unit

__all__ = ["RULE"]


def _check(unit: Unit) -> Iterator[Finding]:
    effects = unit.linked.effects
    for function in unit.functions:
        scope = function.scope
        if not scope.is_async or not effects.of(scope) & Effect.BLOCKS or is_startup(function):
            continue
        chain = effects.chain(scope, Effect.BLOCKS)
        last = chain[-1][2]
        yield at(
            "HL5A",
            function,
            None,
            f"The coroutine {scope.plain_name} waits for the database on the event loop, in {last}",
            Severity.CRITICAL,
            steps=[Step(path=s.module.path, line=line, text=text) for s, line, text in chain],
        )


RULE = Rule(
    code="HL5A", title="Blocking database call in a coroutine", category="Async", check=_check
)
