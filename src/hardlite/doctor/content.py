"""Findings about what is in the database: damage, lost references, and what the schema lacks."""

import sqlite3
from collections.abc import Iterator
from typing import Final

from hardlite.doctor.database_content import Content
from hardlite.doctor.facts import Facts
from hardlite.doctor.finding import Finding, Severity
from hardlite.result_codes import primary_code

__all__ = ["content_findings"]

_SMALL_PAGE: Final = 4096
_MANY_FREE: Final = 1000
_LARGE_TABLE: Final = 10_000


def content_findings(facts: Facts) -> Iterator[Finding]:
    """Judge what SQLite found in the database, or why it found nothing."""
    if facts.size() == 0:
        yield _empty(facts)
    if facts.error is not None:
        yield from _unreadable(facts, facts.error)
    if facts.content is not None:
        yield from _damage(facts, facts.content)
        yield from _references(facts, facts.content)
        yield from _indexes(facts, facts.content)
        yield from _pages(facts, facts.content)


def _empty(facts: Facts) -> Finding:
    return Finding(
        name="empty-file",
        severity=Severity.MEDIUM,
        category="Data",
        location=facts.file,
        problem="The file has no bytes. SQLite takes that for a new database, so programs start "
        "without an error and say 'no such table' later.",
        impact="If there was data in it, it is lost; if not, the tables were never made.",
        confidence="High",
        verify=f"ls -l {facts.shell}*",
        fix="Check that the path is the right one: a mistyped path makes such a file. Else restore "
        f"the newest backup, hardlite restore BACKUP {facts.shell}, or make the tables.",
        trade_off="None.",
    )


def _unreadable(facts: Facts, error: sqlite3.Error) -> Iterator[Finding]:
    code = primary_code(error)
    if code == sqlite3.SQLITE_NOTADB:
        yield Finding(
            name="not-a-database",
            severity=Severity.CRITICAL,
            category="Data",
            location=facts.file,
            problem="The file does not begin as a SQLite database does. It is a file of another "
            "kind, an encrypted database, or its beginning was overwritten.",
            impact="No program can use it with this SQLite.",
            confidence="High",
            verify=f"xxd -l 16 {facts.shell}   # a database begins with: SQLite format 3",
            fix="Check the path. If it is encrypted, open it with the program that has the key. If "
            f"not, restore the newest backup: hardlite restore BACKUP {facts.shell}. It keeps this "
            "file beside the database.",
            trade_off="What came after that backup is lost.",
        )
    elif code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_IOERR}:
        yield _corrupt(facts, f"SQLite cannot read it: {error}")
    elif code == sqlite3.SQLITE_CANTOPEN:
        yield Finding(
            name="cannot-open",
            severity=Severity.CRITICAL,
            category="Access",
            location=facts.file,
            problem="SQLite may not open the file or one of those beside it.",
            impact="Programs that run as this user cannot use it.",
            confidence="High",
            verify=f"ls -l {facts.shell}* && id",
            fix="Give this user the right to read the file, those beside it and its directory, or "
            "run the program as their owner.",
            trade_off="None.",
        )


def _corrupt(facts: Facts, what: str) -> Finding:
    return Finding(
        name="damaged",
        severity=Severity.CRITICAL,
        category="Data",
        location=facts.file,
        problem=f"The database is damaged. {what}.",
        impact="Reads fail or give wrong rows, and each write may damage more.",
        confidence="High",
        verify=f"hardlite verify {facts.shell}",
        fix="Stop all programs that use it, and copy the file with its -wal before anything "
        "else: a failing disk can look like this, too. Then restore the newest good backup, "
        f"hardlite restore BACKUP {facts.shell}, which keeps what was there, or save what can be read: sqlite3 {facts.shell} .recover | sqlite3 new.db. If only indexes "
        "are named, REINDEX mends them.",
        trade_off="What came after the backup is lost; .recover may miss rows.",
    )


def _damage(facts: Facts, content: Content) -> Iterator[Finding]:
    if content.damage:
        yield _corrupt(facts, "; ".join(content.damage[:5]).rstrip("."))


def _references(facts: Facts, content: Content) -> Iterator[Finding]:
    for table, parent, count in content.lost_references:
        yield Finding(
            name="lost-references",
            severity=Severity.HIGH,
            category="Data",
            location=table,
            problem=f"Rows of {table!r} that name a row of {parent!r} that is not there: {count:,}. "
            "They were written by a connection without PRAGMA foreign_keys=ON.",
            impact="Joins miss rows, and migrations that check foreign keys fail.",
            confidence="High",
            verify=f"sqlite3 {facts.shell} 'PRAGMA foreign_key_check(\"{table}\")'",
            fix=f"After hardlite backup {facts.shell} TARGET, decide for each: delete the row, set the column to NULL, or add the parent. "
            "Hardened engines enforce foreign keys from then on.",
            trade_off="Programs that relied on lax references meet IntegrityError.",
        )
    for table, reason in content.wrong_keys:
        yield Finding(
            name="wrong-foreign-key",
            severity=Severity.HIGH,
            category="Data",
            location=table,
            problem=f"A foreign key of {table!r} cannot work: {reason}. It names columns that are "
            "not there, or that no unique index keeps unique.",
            impact="With foreign_keys=ON, every write to that table fails.",
            confidence="High",
            verify=f"sqlite3 {facts.shell} 'PRAGMA foreign_key_check(\"{table}\")'",
            fix="Add the unique index to the parent's columns, or rebuild the table without that key.",
            trade_off="A unique index refuses what is there twice.",
        )


def _indexes(facts: Facts, content: Content) -> Iterator[Finding]:
    rows = {table.name: table.rows or 0 for table in content.tables}
    for key in content.unindexed:
        columns = ", ".join(f'"{column}"' for column in key.columns)
        large = rows[key.table] > _LARGE_TABLE
        yield Finding(
            name="foreign-key-without-index",
            severity=Severity.MEDIUM if large else Severity.MONITOR,
            category="Write Contention",
            location=str(key),
            problem=f"No index begins with the columns of the foreign key of {key.table!r} to "
            f"{key.parent!r}. For each row of {key.parent!r} that is deleted or whose key changes, "
            f"SQLite reads all of {key.table!r}.",
            impact=f"With {rows[key.table]:,} rows, such a delete holds the turn for longer the "
            "larger the table grows.",
            confidence="Medium",
            verify=f"sqlite3 {facts.shell} .lint fkey-indexes",
            fix=f'CREATE INDEX "{key.table}_{"_".join(key.columns)}" ON "{key.table}" ({columns});',
            trade_off="Each insert into that table writes one more index.",
        )
    for short, other in content.same_indexes:
        yield Finding(
            name="redundant-index",
            severity=Severity.MONITOR,
            category="Write Contention",
            location=short,
            problem=f"The index {short!r} is the beginning of {other!r}, which serves all its queries.",
            impact="Each write keeps both, and holds the turn for longer.",
            confidence="High",
            verify=f"sqlite3 {facts.shell} .indexes",
            fix=f'DROP INDEX "{short}";',
            trade_off="A query that read the narrower index reads a few more pages.",
        )
    largest = max(content.tables, key=lambda table: table.rows or 0, default=None)
    has_indexes = any(table.indexes for table in content.tables)
    if largest and (largest.rows or 0) > _LARGE_TABLE and has_indexes and not content.analyzed:
        yield Finding(
            name="never-analyzed",
            severity=Severity.MONITOR,
            category="Write Contention",
            location=facts.file,
            problem="ANALYZE never ran, so SQLite guesses how many rows each index picks out.",
            impact="It may choose the wrong index, and then reads many times as many rows.",
            confidence="Low",
            verify=f'sqlite3 {facts.shell} "SELECT * FROM sqlite_stat1"',  # noqa: S608 - to be read
            fix=f"hardlite optimize {facts.shell}, once a day; Maintenance does it in the program.",
            trade_off="It writes a few rows, and takes a turn for that.",
        )


def _pages(facts: Facts, content: Content) -> Iterator[Finding]:
    if content.free_pages > _MANY_FREE and content.free_pages * 4 > content.pages:
        share = content.free_pages / content.pages
        yield Finding(
            name="many-free-pages",
            severity=Severity.MONITOR,
            category="Data",
            location=facts.file,
            problem=f"{content.free_pages:,} of {content.pages:,} pages ({share:.0%}) hold nothing: "
            "deleted rows leave their pages in the file.",
            impact="The file and its backups are larger than need be; new rows use the pages again.",
            confidence="High",
            verify=f'sqlite3 {facts.shell} "PRAGMA freelist_count"',
            fix=f"When writers may wait for it: hardlite vacuum {facts.shell}",
            trade_off="It keeps all writers out, and needs twice the size of the file.",
        )
    if content.page_size < _SMALL_PAGE and facts.size():
        yield Finding(
            name="small-pages",
            severity=Severity.MONITOR,
            category="Data",
            location=facts.file,
            problem=f"A page has {content.page_size} bytes; SQLite's default has been 4096 since 2016.",
            impact="More pages for the same rows: more reads, and more frames in the WAL.",
            confidence="Medium",
            verify=f'sqlite3 {facts.shell} "PRAGMA page_size"',
            fix=f'With nobody using it: sqlite3 {facts.shell} "PRAGMA journal_mode=DELETE; '
            'PRAGMA page_size=4096; VACUUM; PRAGMA journal_mode=WAL".',
            trade_off="A stop for as long as VACUUM takes.",
        )
    if content.auto_vacuum == 1:
        yield Finding(
            name="auto-vacuum",
            severity=Severity.MONITOR,
            category="Write Contention",
            location=facts.file,
            problem="auto_vacuum is FULL: each commit that frees pages moves others into their place.",
            impact="Deletes write more and hold the turn for longer, and rows that belong together "
            "end up apart.",
            confidence="Medium",
            verify=f'sqlite3 {facts.shell} "PRAGMA auto_vacuum"',
            fix=f'sqlite3 {facts.shell} "PRAGMA auto_vacuum=INCREMENTAL", and PRAGMA '
            "incremental_vacuum when there is time.",
            trade_off="The file does not shrink by itself.",
        )
