"""`diagnose`: gather the facts, and let every judge have a look at them."""

import os
from typing import Final

from sqlalchemy.engine import Engine

from hardlite.clock import Clock, system_clock
from hardlite.doctor.access import access_findings
from hardlite.doctor.connections import connection_findings
from hardlite.doctor.content import content_findings
from hardlite.doctor.database_content import Check
from hardlite.doctor.diagnosis import Diagnosis
from hardlite.doctor.facts import Facts, gather
from hardlite.doctor.journal import journal_findings
from hardlite.doctor.locks import lock_findings
from hardlite.lock_holders.target import database_file
from hardlite.readable import byte_count

__all__ = ["diagnose", "judge"]

_JUDGES: Final = (
    content_findings,
    access_findings,
    journal_findings,
    lock_findings,
    connection_findings,
)


def diagnose(
    target: Engine | str | os.PathLike[str],
    *,
    check: Check = "full",
    clock: Clock = system_clock,
) -> Diagnosis:
    """Say what is wrong with a database, or may go wrong, and change nothing.

    It never opens the database beside a connection of SQLite, takes no turn, and leaves the WAL and
    the journal as they are, also those that a crash left.

    Args:
        target: an engine, hardened or not, which tells of its connections too; the path of a
            database file; or a URL as text.
        check: how SQLite looks for damage: ``"full"`` is its integrity_check, ``"quick"`` leaves
            out comparing indexes with tables, and ``"none"`` looks at no tables (sqlite.org, "PRAGMA
            Statements"). While it runs, it reads one snapshot.
        clock: waits some tenths of a second between looks at locks, if there are any.

    Raises:
        ConfigurationError: the target is a database in memory, or there is no such file.
        UnsupportedDatabaseError: the target is not a SQLite database.
        OSError: the file's directory may not be looked into.

    >>> from hardlite import create_hardened_engine
    >>> engine = create_hardened_engine("sqlite:///app.db")
    >>> with engine.begin() as connection:
    ...     _ = connection.exec_driver_sql("CREATE TABLE note (words TEXT)")
    >>> diagnose(engine).ok
    True
    >>> engine.dispose()
    """
    return judge(gather(database_file(target), target, check=check, clock=clock))


def judge(facts: Facts) -> Diagnosis:
    """Say what is wrong by what was seen."""
    found = [finding for look in _JUDGES for finding in look(facts)]
    notes = list(facts.notes)
    if facts.unread is not None:
        notes.append(f"its content was not looked at: {facts.unread}")
    if facts.engine is None:
        notes.append(
            "synchronous, busy_timeout, foreign_keys, cache_size and the like belong to "
            "connections and cannot be seen from outside: call diagnose(engine) in the program"
        )
    return Diagnosis(
        path=facts.file,
        facts=tuple(_told(facts)),
        findings=tuple(sorted(found, key=lambda finding: finding.severity.rank)),
        notes=tuple(dict.fromkeys(notes)),
    )


def _told(facts: Facts) -> list[tuple[str, str]]:
    kind = "not known"
    if facts.headers is not None and facts.headers.is_sqlite:
        kind = "WAL" if facts.in_wal_mode else "rollback journal"
    told = [
        ("journal", kind),
        ("size", byte_count(facts.size())),
        ("WAL", byte_count(facts.size("-wal")) if "-wal" in facts.files else "none"),
        ("file system", facts.filesystem or "not known"),
        ("free on disk", byte_count(facts.free)),
        ("SQLite", ".".join(map(str, facts.driver.version))),
    ]
    if facts.content is not None:
        told.append(("pages", f"{facts.content.pages:,} of {facts.content.page_size} bytes"))
        told.append(("tables", f"{len(facts.content.tables):,}"))
    users = [str(user) for user in facts.open_files.users]
    told.append(("open in", "; ".join(users) or "no process that can be seen"))
    if facts.engine is not None and facts.engine.pragmas is not None:
        held = ", ".join(f"{name}={value}" for name, value in facts.engine.pragmas.items())
        told.append(("pragmas", held))
    return told
