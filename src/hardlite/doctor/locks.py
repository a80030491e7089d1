"""Findings about who keeps others waiting right now."""

from collections.abc import Iterator
from typing import Final

from hardlite.doctor.facts import Facts
from hardlite.doctor.finding import Finding, Severity
from hardlite.profile import Profile
from hardlite.readable import seconds
from hardlite.result_codes import Fate, fate_of

__all__ = ["lock_findings"]

_LONG: Final = Profile().warn_hold


def lock_findings(facts: Facts) -> Iterator[Finding]:
    """Judge the locks."""
    yield from _shut_out(facts)
    yield from _stopped(facts)
    yield from _long(facts)


def _shut_out(facts: Facts) -> Iterator[Finding]:
    if facts.error is not None and fate_of(facts.error) is Fate.WAIT:
        who = str(facts.locks.writer or "a process that is not known")
        yield Finding(
            name="readers-shut-out",
            severity=Severity.CRITICAL,
            category="Write Contention",
            location=who,
            problem="Not even a reader got in within a second: somebody has an EXCLUSIVE lock, or "
            "locking_mode=EXCLUSIVE.",
            impact="Every other program fails with 'database is locked'.",
            confidence="High",
            verify=f"hardlite who {facts.shell}",
            fix="Let that process commit, or end it: the kernel then frees the lock, and SQLite "
            "undoes what was open. Use BEGIN IMMEDIATE instead of BEGIN EXCLUSIVE, and WAL.",
            trade_off="What it did not commit is undone.",
        )


def _stopped(facts: Facts) -> Iterator[Finding]:
    told = set()
    for role, holder in facts.locks.roles():
        if holder.stopped and holder.pid not in told and role != "waiting":
            told.add(holder.pid)
            yield Finding(
                name="stopped-holder",
                severity=Severity.CRITICAL,
                category="Write Contention",
                location=str(holder),
                problem=f"A stopped process has the {role}. It does nothing, and keeps it for as "
                "long as it is stopped.",
                impact="Whoever needs it waits until the timeout and fails.",
                confidence="High",
                verify=f"grep State /proc/{holder.pid}/status",
                fix=f"kill -CONT {holder.pid} lets it go on; kill {holder.pid} ends it.",
                trade_off="Ended, it loses what it did not commit.",
            )


def _long(facts: Facts) -> Iterator[Finding]:
    turn, writer = facts.locks.turn, facts.locks.writer
    if turn is not None and turn.held is not None and turn.held > _LONG:
        yield Finding(
            name="long-turn",
            severity=Severity.HIGH,
            category="Write Contention",
            location=str(turn.site or f"process {turn.pid}"),
            problem=f"One transaction has had the turn for {seconds(turn.held)}: {turn}.",
            impact="All other writers wait for it.",
            confidence="High",
            verify=f"hardlite who {facts.shell}",
            fix="Move what is slow out of the transaction: files, requests, computing. Load in "
            "batches with batched_unit_of_work(batch_size='auto').",
            trade_off="Several transactions are not undone as one.",
        )
    elif writer is not None and len(facts.looks) > 1:
        pids = {look.writer.pid if look.writer else None for look in facts.looks}
        # Nobody looks at locks and turns at one moment, so it is asked for at each look.
        if pids == {writer.pid} and all(look.turn is None for look in facts.looks):
            yield Finding(
                name="writer-without-turn",
                severity=Severity.MEDIUM,
                category="Write Contention",
                location=str(writer),
                problem="This process had SQLite's write lock at each of several looks, and never a "
                "turn: one long transaction, or many with hardly a pause, of a program that does "
                "not use hardlite.",
                impact="Others wait for it in no order, and fail when their timeout is over.",
                confidence="Medium",
                verify=f"hardlite who --watch {facts.shell}",
                fix="Make that program's engine by create_hardened_engine, or add ?plugin=hardlite "
                "to its URL; keep its transactions short.",
                trade_off="None.",
            )
