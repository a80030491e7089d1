"""`Maintenance`: checkpoints, `optimize` and backups from time to time, in a thread that yields."""

import dataclasses
import logging
import os
import threading
import types
from collections.abc import Callable
from typing import Final, Self

from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from hardlite.clock import Clock, system_clock
from hardlite.errors import ConfigurationError, HardliteError
from hardlite.lock_holders.target import database_file
from hardlite.log_events import log_event
from hardlite.operations.backup import backup
from hardlite.operations.checkpoint import checkpoint
from hardlite.operations.upkeep import optimize

__all__ = ["Maintenance"]

_log = logging.getLogger("hardlite.maintenance")

_TIMEOUT: Final = 0.5
"""Seconds that a task waits for a turn: if writers are in a queue, it comes back later."""
_AGAIN: Final = 0.1
"""The part of its interval after which a task that was not done is tried again."""


@dataclasses.dataclass(slots=True, kw_only=True)
class _Task:
    name: str
    every: float
    run: Callable[[], object]
    due: float


class Maintenance:
    """Looks after a database while the program runs.

    Each task waits half a second for its turn at the most; if writers are in a queue, it is put off for a
    tenth of its interval. What fails is logged as a warning of ``hardlite.maintenance``, and tried
    again in the same way. One process of a program is enough.

    Args:
        engine: an engine on a file.
        checkpoint_every: seconds between two checkpoints.
        optimize_every: seconds between two runs of `optimize`.
        backup_every: seconds between two backups.
        backup_to: where they go, with ``{time}`` in the name; `backup` says more.
        keep: how many backups stay.
        keep_for: seconds for which each backup stays.
        clock: says when something is due.

    Raises:
        ConfigurationError: an interval makes no sense, or backups have no place to go.

    >>> from hardlite import Maintenance, create_hardened_engine
    >>> engine = create_hardened_engine("sqlite:///app.db")
    >>> with engine.begin() as connection:
    ...     _ = connection.exec_driver_sql("CREATE TABLE note (words TEXT)")
    >>> with Maintenance(engine, checkpoint_every=300, optimize_every=86400):
    ...     pass  # the program
    >>> engine.dispose()
    """

    def __init__(
        self,
        engine: Engine,
        *,
        checkpoint_every: float | None = None,
        optimize_every: float | None = None,
        backup_every: float | None = None,
        backup_to: str | os.PathLike[str] | None = None,
        keep: int | None = None,
        keep_for: float | None = None,
        clock: Clock = system_clock,
    ) -> None:
        database_file(engine)
        if backup_every is not None and "{time}" not in os.fspath(backup_to or ""):
            raise ConfigurationError(
                "backup_every= needs backup_to= with {time} in it, such as backups/app-{time}.db",
                "Say where the backups go.",
            )
        self._clock = clock
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._tasks: list[_Task] = []
        self._add("checkpoint", checkpoint_every, lambda: checkpoint(engine, timeout=_TIMEOUT))
        self._add("optimize", optimize_every, lambda: optimize(engine, timeout=_TIMEOUT))
        target = backup_to or ""
        self._add(
            "backup",
            backup_every,
            lambda: backup(engine, target, keep=keep, keep_for=keep_for, timeout=_TIMEOUT),
        )
        if not self._tasks:
            raise ConfigurationError(
                "Maintenance was given nothing to do",
                "Give it checkpoint_every=, optimize_every= or backup_every=.",
            )

    def start(self) -> None:
        """Begin, in a thread of its own; the first of each task comes after its interval."""
        if self._thread is None:
            self._ending.clear()
            self._thread = threading.Thread(
                target=self._go_on, name="hardlite-maintenance", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """End after the task that is under way."""
        thread, self._thread = self._thread, None
        self._ending.set()
        if thread is not None:
            thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        self.stop()

    def run_due(self) -> float:
        """Do what is due now, and return the seconds until something is due again."""
        for task in self._tasks:
            if task.due <= self._clock.now():
                done = _done(task)
                task.due = self._clock.now() + task.every * (1 if done else _AGAIN)
        return max(0.0, min(task.due for task in self._tasks) - self._clock.now())

    def _add(self, name: str, every: float | None, run: Callable[[], object]) -> None:
        if every is None:
            return
        if every <= 0:
            raise ConfigurationError(
                f"{name}_every= cannot be {every}", "Give a number of seconds above 0."
            )
        self._tasks.append(_Task(name=name, every=every, run=run, due=self._clock.now() + every))

    def _go_on(self) -> None:
        pause = 0.0
        while not self._ending.wait(pause):
            pause = self.run_due()


def _done(task: _Task) -> bool:
    try:
        task.run()
    except (HardliteError, DBAPIError, OSError) as error:
        _log.warning(
            "%s was not done, and is tried again: %s",
            task.name,
            error,
            extra=log_event("maintenance.failed", task=task.name, reason=str(error)),
        )
        return False
    return True
