"""`health`: whether a database can be used right now, for a load balancer or a watchdog."""

import dataclasses
import os
from typing import TypedDict

from sqlalchemy.engine import Engine

from hardlite.clock import Clock, system_clock
from hardlite.doctor.examination import diagnose
from hardlite.doctor.finding import Finding, Severity

__all__ = ["Health", "HealthDict", "health"]


class HealthDict(TypedDict):
    """A `Health` as plain values."""

    schema: str
    path: str
    ok: bool
    problems: list[str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether a database can be used.

    Attributes:
        path: the real path of the file.
        problems: findings of the doctor that are CRITICAL or HIGH, the worst first.
    """

    path: str
    problems: tuple[Finding, ...]

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
    found = diagnose(target, check="none", clock=clock)
    grave = {Severity.CRITICAL, Severity.HIGH}
    return Health(
        path=found.path,
        problems=tuple(finding for finding in found.findings if finding.severity in grave),
    )
