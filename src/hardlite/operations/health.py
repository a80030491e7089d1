"""`health`: whether a database can be used right now, for a load balancer or a watchdog."""

import dataclasses
import os
from typing import Final, TypedDict

from sqlalchemy.engine import Engine

from hardlite.clock import Clock, system_clock
from hardlite.doctor.examination import judge
from hardlite.doctor.facts import gather
from hardlite.doctor.finding import Finding, Severity
from hardlite.lock_holders.target import database_file
from hardlite.turns.holder import Holder, HolderDict

__all__ = ["Health", "HealthDict", "health"]

_KEPT: Final = {"long-turn", "readers-shut-out", "stopped-holder", "writer-without-turn"}
"""What the doctor calls it when somebody keeps others from writing."""


class HealthDict(TypedDict):
    """A `Health` as plain values."""

    schema: str
    path: str
    ok: bool
    problems: list[str]
    holder: HolderDict | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether a database can be used.

    Attributes:
        path: the real path of the file.
        problems: findings of the doctor that are CRITICAL or HIGH, the worst first.
        holder: who keeps writers waiting: who has had the turn for more than two seconds, or has it
            and is stopped, or had SQLite's write lock at each of three looks without a turn. None if
            nobody does, or it cannot be seen who.
    """

    path: str
    problems: tuple[Finding, ...]
    holder: Holder | None = None

    @property
    def ok(self) -> bool:
        """Whether none of the problems is CRITICAL."""
        return all(problem.severity is not Severity.CRITICAL for problem in self.problems)

    def to_dict(self) -> HealthDict:
        """Return plain values, ready for `json.dumps`."""
        return {
            "schema": "hardlite.health/1",
            "path": self.path,
            "ok": self.ok,
            "problems": [problem.name for problem in self.problems],
            "holder": None if self.holder is None else self.holder.to_dict(),
        }


def health(target: Engine | str | os.PathLike[str], *, clock: Clock = system_clock) -> Health:
    """Say whether a database can be used right now.

    This is `hardlite.doctor.diagnose` without a look at the tables. It takes some hundredths of a
    second, and three tenths more while somebody has a lock. It changes nothing and takes no turn.

    Args:
        target: an engine, hardened or not; the path of a database file; or a URL as text.
        clock: waits between two looks at locks.

    Raises:
        ConfigurationError: the target is a database in memory, or there is no such file.
        UnsupportedDatabaseError: the target is not a SQLite database.
        OSError: the file's directory may not be looked into.

    >>> from hardlite import create_hardened_engine, health
    >>> engine = create_hardened_engine("sqlite:///app.db")
    >>> with engine.begin() as connection:
    ...     _ = connection.exec_driver_sql("CREATE TABLE note (words TEXT)")
    >>> health(engine).ok
    True
    >>> engine.dispose()
    """
    facts = gather(database_file(target), target, check="none", clock=clock)
    found = judge(facts)
    grave = {Severity.CRITICAL, Severity.HIGH}
    kept = any(finding.name in _KEPT for finding in found.findings)
    return Health(
        path=found.path,
        problems=tuple(finding for finding in found.findings if finding.severity in grave),
        holder=(facts.locks.turn or facts.locks.writer) if kept else None,
    )
