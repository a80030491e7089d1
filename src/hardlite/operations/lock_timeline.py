"""`record_locks`: who held and who waited, over a time, as a file that trace viewers open.

Looked at from outside a few hundred times a second, so it sees every process on the file, needs nothing of
them, and costs them nothing. What is shorter than the time between two looks may be missed.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import threading
from collections.abc import Iterator
from typing import Final

from sqlalchemy.engine import Engine

from hardlite.clock import Clock, system_clock
from hardlite.errors import ConfigurationError
from hardlite.lock_holders.looking import look_at
from hardlite.lock_holders.target import database_file
from hardlite.turns.holder import Holder

__all__ = ["LockRecorder", "record_locks"]

_MICRO: Final = 1_000_000
_WAITS: Final = {"next in line", "waiting"}

_Key = tuple[str, int | None, str | None]


@dataclasses.dataclass(slots=True, kw_only=True)
class _Span:
    role: str
    holder: Holder
    began: float
    ended: float


class LockRecorder:
    """What was seen so far of the locks on a database.

    Args:
        file: the real path of the database.
        clock: says when.
    """

    def __init__(self, file: str, clock: Clock = system_clock) -> None:
        self._file = file
        self._clock = clock
        self._began = clock.now()
        self._looking = threading.Lock()
        self._open: dict[_Key, _Span] = {}
        self._done: list[_Span] = []

    def look(self) -> None:
        """Look now who holds what and who waits."""
        with self._looking:
            found = look_at(self._file, probe=False)
            now = self._clock.now()
            seen: dict[_Key, _Span] = {}
            for told, holder in found.roles():
                role = "waiting" if told in _WAITS else told
                key = role, holder.pid, holder.thread
                seen[key] = self._span(self._open.get(key), role, holder, now)
            self._done += [span for key, span in self._open.items() if seen.get(key) is not span]
            self._open = seen

    def events(self) -> list[dict[str, object]]:
        """Return it in the form of Chrome's trace viewer ("Trace Event Format"), also of Perfetto."""
        with self._looking:
            spans = sorted((*self._done, *self._open.values()), key=lambda span: span.began)
        lanes = {
            key: number for number, key in enumerate(dict.fromkeys(map(_lane, spans)), start=1)
        }
        names = [event for (pid, name), lane in lanes.items() for event in _named(pid, name, lane)]
        return [*names, *(self._event(span, lanes[_lane(span)]) for span in spans)]

    def _span(self, known: _Span | None, role: str, holder: Holder, now: float) -> _Span:
        # A note tells since when; without one, since this look.
        began = now if holder.held is None else max(self._began, now - holder.held)
        if known is not None and (holder.held is None or began <= known.ended):
            known.ended = now
            return known
        return _Span(role=role, holder=holder, began=began, ended=now)

    def _event(self, span: _Span, lane: int) -> dict[str, object]:
        told = span.holder
        return {
            "name": span.role,
            "cat": "wait" if span.role == "waiting" else "hold",
            "ph": "X",
            "ts": round((span.began - self._began) * _MICRO),
            "dur": round((span.ended - span.began) * _MICRO),
            "pid": told.pid or 0,
            "tid": lane,
            "args": {
                "at": str(told.site or ""),
                "working on": told.label or "",
                "command": told.short_command(),
            },
        }


@contextlib.contextmanager
def record_locks(
    target: Engine | str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    interval: float = 0.005,
) -> Iterator[LockRecorder]:
    """Record who holds the turn and SQLite's locks on a database, and who waits, in all processes.

    The file opens in Perfetto (ui.perfetto.dev) and in Chrome's ``about:tracing``: a lane for each thread
    of each process, with the line of code where its transaction began.

    Args:
        target: an engine, a path or a URL.
        path: the file to be, written in the end, also after an error; it replaces an older one.
        interval: seconds between two looks. What is shorter may be missed.

    Raises:
        ConfigurationError: there is no such database, or the file cannot be written.

    >>> from hardlite import create_hardened_engine, record_locks
    >>> engine = create_hardened_engine("sqlite:///app.db")
    >>> with engine.begin() as connection, record_locks(engine, "trace.json"):
    ...     _ = connection.exec_driver_sql("CREATE TABLE note (words TEXT)")
    >>> engine.dispose()
    """
    if interval <= 0:
        raise ConfigurationError(
            f"interval= cannot be {interval}", "Give a number of seconds above 0."
        )
    recorder = LockRecorder(database_file(target))
    draft = pathlib.Path(f"{os.fspath(path)}.draft")
    try:
        draft.touch()
    except OSError as error:
        raise ConfigurationError(
            f"The trace cannot be written to {os.fspath(path)}: {error.strerror}",
            "Name a file in a directory that you can write to.",
        ) from error
    ending = threading.Event()

    def go_on() -> None:
        while not ending.wait(interval):
            recorder.look()

    thread = threading.Thread(target=go_on, name="hardlite-recorder", daemon=True)
    thread.start()
    try:
        yield recorder
    finally:
        ending.set()
        thread.join()
        draft.write_text(json.dumps({"traceEvents": recorder.events()}), encoding="utf-8")
        draft.replace(path)


def _lane(span: _Span) -> tuple[int, str]:
    # A lock of SQLite is the process's, and no thread is told for it.
    return span.holder.pid or 0, span.holder.thread or span.role


def _named(pid: int, name: str, lane: int) -> Iterator[dict[str, object]]:
    shown = f"process {pid}" if pid else "a process that cannot be seen from here"
    for what, told in (("process_name", shown), ("thread_name", name)):
        yield {"name": what, "ph": "M", "pid": pid, "tid": lane, "args": {"name": told}}
