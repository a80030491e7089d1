"""HL1A: a database that is written concurrently is not in WAL mode."""

from collections.abc import Iterator

from hardlite.audit.databases import Databases, Site
from hardlite.audit.finding import Finding, Severity
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Unit

__all__ = ["RULE"]


def _check(unit: Unit) -> Iterator[Finding]:
    databases = unit.linked.databases
    for every in databases.by_key():
        sites = [each for each in every if each.module.role == "production" and not _copies(each)]
        if not sites:
            continue
        site = sites[0]
        if site.module is not unit.module or any(_is_fine(each, databases) for each in sites):
            continue
        alone = not unit.linked.concurrent or site.is_under_lock
        yield at(
            "HL1A",
            unit.function_of(site.scope),
            site.call,
            "Nothing sets journal_mode=WAL on this database: readers and the writer exclude each other",
            Severity.MONITOR if alone else Severity.HIGH,
        )


def _is_fine(site: Site, databases: Databases) -> bool:
    return databases.has_wal(site) or databases.read_only(site)


def _copies(site: Site) -> bool:
    """Say whether it is for the backup API, or for callers that say all of it: the mode is theirs."""
    if any(word.arg is None for word in site.call.keywords):
        return True
    return any(call.path[-1] == ".backup" for call in site.scope.calls)


RULE = Rule(code="HL1A", title="No WAL mode", category="WAL Config", check=_check)
