"""HLS6: an engine for every call."""

from collections.abc import Iterator
from typing import Final

from hardlite.audit.finding import Finding, Severity
from hardlite.audit.per_call import made_per_call
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Unit

__all__ = ["RULE"]

_MAKERS: Final = frozenset(
    {
        *("sqlalchemy.create_engine", "sqlalchemy.engine.create_engine", "sqlmodel.create_engine"),
        "sqlalchemy.ext.asyncio.create_async_engine",
    }
)
_HARDENED: Final = frozenset(
    {
        *("hardlite.create_hardened_engine", "hardlite.create_hardened_async_engine"),
    }
)


def _check(unit: Unit) -> Iterator[Finding]:
    ours = {site.call for site in unit.linked.databases.sites}
    for function, call in made_per_call(unit, _MAKERS | _HARDENED):
        if call not in ours and function.external(call.func) not in _HARDENED:
            continue
        yield at(
            "HLS6",
            function,
            call,
            f"{function.scope.plain_name} makes an engine, and with it a pool, each time that it runs",
            Severity.HIGH,
        )


RULE = Rule(code="HLS6", title="Engine for every call", category="Connection", check=_check)
