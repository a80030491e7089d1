"""Findings about the journal: which kind, how large, and whether a crash left something in it."""

import sqlite3
from collections.abc import Iterator
from typing import Final

from hardlite.doctor.facts import Facts
from hardlite.doctor.finding import Finding, Severity
from hardlite.profile import Profile
from hardlite.readable import byte_count
from hardlite.result_codes import primary_code
from hardlite.wal_reset import wal_reset_bug

__all__ = ["journal_findings"]

_LARGE: Final = Profile().journal_size_limit
_MANY_FRAMES: Final = 4 * Profile().wal_autocheckpoint


def journal_findings(facts: Facts) -> Iterator[Finding]:
    """Judge the journal of a database."""
    if facts.headers is None or not facts.headers.is_sqlite:
        return
    if facts.in_wal_mode:
        yield from _wal(facts)
        yield from _leftovers(facts)
        yield from _version(facts)
    else:
        yield from _rollback(facts)


def _rollback(facts: Facts) -> Iterator[Finding]:
    yield Finding(
        name="not-wal",
        severity=Severity.HIGH,
        category="WAL Config",
        location=facts.file,
        problem="The database has a rollback journal, which is SQLite's default. A writer then "
        "keeps all readers out while it commits, and a reader keeps the writer from committing.",
        impact="With some readers and writers at once, 'database is locked' after the busy "
        "timeout, or at once where there is none.",
        confidence="High",
        verify=f'sqlite3 {facts.shell} "PRAGMA journal_mode"',
        fix="Use a hardened engine: it sets WAL when it connects. Or once, with nobody using the "
        f'file: sqlite3 {facts.shell} "PRAGMA journal_mode=WAL". It stays in the file.',
        trade_off="Two more files beside the database while it is in use; it must be on a local "
        "disk. A file that only one process ever uses may stay as it is.",
    )
    # SQLite itself says so: a transaction that is under way has a journal as well.
    if facts.error is not None and primary_code(facts.error) == sqlite3.SQLITE_READONLY:
        yield Finding(
            name="hot-journal",
            severity=Severity.HIGH,
            category="Checkpoint",
            location=f"{facts.file}-journal",
            problem="A process died in the midst of a transaction. Its journal is still there, and "
            "the database file alone is not whole.",
            impact="A copy of the database without the journal is damaged; so is the database "
            "if somebody deletes the journal.",
            confidence="High",
            verify=f"ls -l {facts.shell}-journal",
            fix="Do not delete it. Open the database once with a program that may write, and "
            f"SQLite undoes what was not committed: hardlite verify {facts.shell}",
            trade_off="None; the transaction that was cut short is undone, as it has to be.",
        )


def _wal(facts: Facts) -> Iterator[Finding]:
    size, frames = facts.size("-wal"), 0 if facts.headers is None else facts.headers.frames
    if facts.headers is not None and facts.headers.wal_is_damaged:
        yield Finding(
            name="wal-damaged",
            severity=Severity.CRITICAL,
            category="Data",
            location=f"{facts.file}-wal",
            problem=f"The WAL has {byte_count(size)}, but its header is none of SQLite's. SQLite "
            "passes over such a file without a word.",
            impact="Commits that were in it and not yet in the database are gone.",
            confidence="Medium",
            verify=f"xxd -l 32 {facts.shell}-wal   # begins with 377f 0682 or 377f 0683",
            fix="Keep copies of all files as they are. Compare the data with the newest backup, "
            "and find out who wrote to the -wal file: a sync program or a failing disk. If that "
            f"backup has more: hardlite restore BACKUP {facts.shell}",
            trade_off="None.",
        )
    if size > _LARGE:
        yield Finding(
            name="wal-large",
            severity=Severity.MEDIUM,
            category="Checkpoint",
            location=f"{facts.file}-wal",
            problem=f"The WAL file has {byte_count(size)}, of which {frames:,} pages are since it "
            f"last started over; hardlite cuts it to {byte_count(_LARGE)} after a checkpoint.",
            impact="Disk space, and slow reads if most of it is in use: each read looks through it.",
            confidence="Medium",
            verify=f"ls -l {facts.shell}-wal",
            fix=f"hardlite checkpoint {facts.shell}, which takes a turn and says who reads if it "
            "cannot end. Then set journal_size_limit, as hardened engines do.",
            trade_off="The checkpoint takes a turn and copies the pages.",
        )
    lasting = lasting_readers(facts)
    if frames > _MANY_FRAMES and lasting:
        yield Finding(
            name="wal-pinned",
            severity=Severity.HIGH,
            category="Checkpoint",
            location=", ".join(lasting),
            problem=f"The WAL has {frames:,} pages and cannot start over, because somebody has been "
            "reading at each of several looks. A connection that reads one snapshot for long, or "
            "a result that is not fetched to its end, keeps all that was written since.",
            impact="The WAL grows with every write, and reads get slower the larger it is.",
            confidence="Medium",
            verify=f"hardlite who {facts.shell}",
            fix="End that transaction: commit, close the session, or fetch the result whole. Then "
            f"hardlite checkpoint {facts.shell} empties the WAL, or the next commits do. If it is "
            "a report, let it read in pieces, or read a copy: hardlite backup.",
            trade_off="Pieces do not see one and the same state of the data.",
        )


def lasting_readers(facts: Facts) -> list[str]:
    """Return the processes that read at each look."""
    each = [{str(reader): reader.pid for reader in look.readers} for look in facts.looks]
    return [told for told in each[-1] if all(told in other for other in each)]


def _leftovers(facts: Facts) -> Iterator[Finding]:
    if facts.in_use or facts.open_files.users:
        return
    if facts.size("-wal") and facts.headers is not None and facts.headers.frames:
        yield Finding(
            name="wal-left-behind",
            severity=Severity.MEDIUM,
            category="Checkpoint",
            location=f"{facts.file}-wal",
            problem=f"Nobody uses the database, yet its WAL has {facts.headers.frames:,} pages. "
            "The last program was killed, or did not close its connections.",
            impact="No harm as it is: the next program that opens it for writing recovers it. But "
            f"{facts.shell} copied alone lacks those commits.",
            confidence="High",
            verify=f"ls -l {facts.shell}*",
            fix=f"hardlite checkpoint {facts.shell}, or open it once with the program that uses "
            "it. Never delete the -wal file, and copy a database by hardlite backup only.",
            trade_off="None.",
        )
    elif "-shm" in facts.files and "-wal" not in facts.files:
        yield Finding(
            name="wal-missing",
            severity=Severity.HIGH,
            category="Data",
            location=f"{facts.file}-wal",
            problem="There is a -shm file but no -wal file beside the database, and nobody uses "
            "it. SQLite makes and removes them together, the -wal last.",
            impact="If somebody deleted the -wal file, the commits in it are lost.",
            confidence="Medium",
            verify=f"ls -l {facts.shell}*",
            fix="Ask who cleans up in that directory. Compare the newest rows with the newest "
            "backup before the programs go on. If that has more: hardlite restore BACKUP "
            f"{facts.shell}",
            trade_off="None.",
        )


def _version(facts: Facts) -> Iterator[Finding]:
    version = facts.driver.version
    if wal_reset_bug(version):
        told = ".".join(map(str, version))
        yield Finding(
            name="wal-reset-bug",
            severity=Severity.MONITOR,
            category="Checkpoint",
            location=f"SQLite {told} in this Python",
            problem="This SQLite may have the WAL-reset bug: a checkpoint that meets a commit of "
            "another process can lose a part of it and damage the file (sqlite.org, "
            "'Write-Ahead Logging', section 'The WAL-Reset Bug').",
            impact="Very rare with automatic checkpoints; not rare with a program that runs "
            "PRAGMA wal_checkpoint in a loop. Hardened programs do not do it to each other.",
            confidence="High",
            verify='python -c "import sqlite3; print(sqlite3.sqlite_version)"',
            fix="Use SQLite 3.51.3 or newer (driver='pysqlite3' brings one), and run no PRAGMA "
            "wal_checkpoint from programs without hardlite.",
            trade_off="One more package.",
        )
