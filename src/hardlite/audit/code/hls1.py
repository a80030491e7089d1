"""HLS1: a session factory for every call."""

from collections.abc import Iterator
from typing import Final

from hardlite.audit.finding import Finding, Severity
from hardlite.audit.per_call import made_per_call
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Unit

__all__ = ["RULE"]

_MAKERS: Final = frozenset(
    {
        *("sqlalchemy.orm.sessionmaker", "sqlalchemy.orm.session.sessionmaker"),
        *("sqlalchemy.orm.scoped_session", "sqlalchemy.ext.asyncio.async_sessionmaker"),
    }
)


def _check(unit: Unit) -> Iterator[Finding]:
    if not unit.linked.databases.orm:
        return
    for function, call in made_per_call(unit, _MAKERS):
        yield at(
            "HLS1",
            function,
            call,
            f"{function.scope.plain_name} makes a session factory each time that it runs",
            Severity.MEDIUM,
        )


RULE = Rule(
    code="HLS1", title="Session factory for every call", category="Connection", check=_check
)
