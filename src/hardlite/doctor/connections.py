"""Findings about an engine: what its connections hold, and who keeps them."""

from collections.abc import Iterator, Mapping
from typing import Final

from hardlite.doctor.facts import EngineFacts, Facts
from hardlite.doctor.finding import Finding, Severity

__all__ = ["connection_findings"]

_LONG: Final = 60.0
"""Seconds after which a connection that is in use is told."""
_SHORT_WAIT: Final = 1000


def connection_findings(facts: Facts) -> Iterator[Finding]:
    """Judge an engine; there is nothing to be said of a path."""
    if facts.engine is None:
        return
    if not facts.engine.hardened:
        yield Finding(
            name="engine-not-hardened",
            severity=Severity.MEDIUM,
            category="Connection",
            location="the engine",
            problem="The engine was not made by hardlite: its writers wait for SQLite's lock in no "
            "order, and transactions begin as the driver likes.",
            impact="Under load some writers wait until their timeout and fail with 'database is "
            "locked'.",
            confidence="Medium",
            verify="Look at the line that makes the engine.",
            fix="create_hardened_engine(url), or add ?plugin=hardlite to the URL.",
            trade_off="Two small files beside the database.",
        )
    if facts.engine.pragmas is not None:
        yield from _pragmas(facts, facts.engine, facts.engine.pragmas)
    yield from _pool(facts.engine)


def _pragmas(
    facts: Facts, engine: EngineFacts, pragmas: Mapping[str, int | str]
) -> Iterator[Finding]:
    def wrong(
        *, pragma: str, severity: Severity, problem: str, impact: str, fix: str, trade_off: str
    ) -> Finding:
        return Finding(
            name=f"pragma-{pragma.replace('_', '-')}",
            severity=severity,
            category="Connection",
            location=f"PRAGMA {pragma} = {pragmas[pragma]}",
            problem=problem,
            impact=impact,
            confidence="High",
            verify=f"PRAGMA {pragma}, on a connection of the engine.",
            fix=fix,
            trade_off=trade_off,
        )

    if pragmas["synchronous"] == 0:
        yield wrong(
            pragma="synchronous",
            severity=Severity.HIGH,
            problem="synchronous is OFF: SQLite does not wait until the disk has anything.",
            impact="A power cut or a crash of the system can damage the file.",
            fix="PRAGMA synchronous=NORMAL with WAL, or leave it to hardlite.",
            trade_off="A commit takes as long as the disk does, with NORMAL only at checkpoints.",
        )
    if int(pragmas["busy_timeout"]) < _SHORT_WAIT and not engine.hardened:
        yield wrong(
            pragma="busy_timeout",
            severity=Severity.CRITICAL,
            problem=f"A statement that meets a lock fails after {pragmas['busy_timeout']} milliseconds.",
            impact="Two writers at once are enough for 'database is locked'.",
            fix="Leave busy_timeout at hardlite's 5 seconds; in a plain engine, "
            "connect_args={'timeout': 5}.",
            trade_off="A writer that cannot get in says so later.",
        )
    if pragmas["foreign_keys"] == 0 and facts.content and facts.content.foreign_keys:
        yield wrong(
            pragma="foreign_keys",
            severity=Severity.MEDIUM,
            problem=f"The schema has {facts.content.foreign_keys} foreign keys, and they are not enforced.",
            impact="Rows that refer to nothing get in without an error.",
            fix="PRAGMA foreign_keys=ON on every connection, or leave it to hardlite.",
            trade_off="Programs that relied on lax references meet IntegrityError.",
        )
    if pragmas["wal_autocheckpoint"] == 0 and pragmas["journal_mode"] == "wal":
        yield wrong(
            pragma="wal_autocheckpoint",
            severity=Severity.MEDIUM,
            problem="Automatic checkpoints are off.",
            impact="The WAL grows for as long as nobody else runs checkpoints.",
            fix="Leave wal_autocheckpoint at 1000.",
            trade_off="Now and then a commit takes longer, for it copies pages.",
        )
    if pragmas["locking_mode"] == "exclusive":
        yield wrong(
            pragma="locking_mode",
            severity=Severity.CRITICAL,
            problem="locking_mode is EXCLUSIVE: a connection keeps its locks after the transaction.",
            impact="Every other connection fails with 'database is locked', also of the same engine.",
            fix="Leave it at NORMAL.",
            trade_off="None with more than one connection.",
        )


def _pool(engine: EngineFacts) -> Iterator[Finding]:
    for checkout in engine.checkouts:
        if checkout.leaked or checkout.held > _LONG:
            yield Finding(
                name="leaked-connection" if checkout.leaked else "connection-kept-long",
                severity=Severity.HIGH if checkout.leaked else Severity.MEDIUM,
                category="Connection",
                location=str(checkout.site),
                problem=f"A connection was taken and not given back: {checkout}.",
                impact="The pool has one less; when all are gone, whoever needs one waits 30 seconds "
                "and fails with 'QueuePool limit'. A snapshot that it may keep pins the WAL.",
                confidence="High" if checkout.leaked else "Medium",
                verify="hardlite.status(engine).checkouts",
                fix="Take it in a with block, or close it in a finally block.",
                trade_off="None.",
            )
    pool = engine.pool
    if pool is not None and pool.limit is not None and pool.checked_out >= pool.limit:
        yield Finding(
            name="pool-exhausted",
            severity=Severity.HIGH,
            category="Connection",
            location="the engine's pool",
            problem=f"All {pool.limit} connections that the pool may have are in use.",
            impact="Whoever needs one waits, 30 seconds by default, and then fails with 'QueuePool "
            "limit'.",
            confidence="High",
            verify="engine.pool.status()",
            fix="See who has them with track_checkouts=True; close sessions sooner. More of them "
            "do not make writes faster: one writes at a time.",
            trade_off="None.",
        )
