"""Warns of a turn that lasts too long, while it lasts, with the place where its thread is now.

When it is over it is too late to see what took so long. A thread of its own looks a few times a
second, and only while there is somebody to look at.
"""

import contextlib
import functools
import logging
import os
import sys
import threading
import types
from collections.abc import Iterable

from hardlite.call_sites import CallSite, call_site, site_of
from hardlite.log_events import log_event
from hardlite.turns.gate import Gate
from hardlite.turns.gate_registry import call_before_fork, known_gates
from hardlite.turns.turn import Turn

__all__ = ["look_at_holds", "warn_of_long_hold", "watch_holds"]

_log = logging.getLogger("hardlite.connection")

_PAUSE = 0.25
"""Seconds between two looks."""
_LOOKS = 4
"""Looks without anybody to look at, after which the thread ends."""


class _Watch:
    """The thread that looks, if there is one."""

    thread: threading.Thread | None = None
    starting = threading.Lock()
    ending = threading.Event()


def watch_holds() -> None:
    """See to it that somebody looks."""
    if _Watch.thread is None and _Watch.starting.acquire(blocking=False):
        thread = threading.Thread(target=_look_again, name="hardlite-watch", daemon=True)
        try:
            # Before it starts: it may be over before this one goes on.
            _Watch.thread = thread
            # None can be started when there are too many, or the interpreter is about to end: a
            # write does not fail because nobody looks at it.
            with contextlib.suppress(RuntimeError):
                thread.start()
        finally:
            if not thread.is_alive():
                _Watch.thread = None
            _Watch.starting.release()


def warn_of_long_hold(file: str, turn: Turn, held: float) -> None:
    """Warn of a turn that is over and was held for too long, ``held`` seconds."""
    _log.warning(
        "a turn on %s was held for %.1f s; it began at %s",
        file,
        held,
        turn.site,
        extra=log_event("turn.was_long", database=file, held=held, site=str(turn.site)),
    )


def look_at_holds(gates: Iterable[Gate]) -> bool:
    """Warn once of each turn that has been held for too long; say whether any is held at all."""
    busy = False
    for gate in gates:
        turn = gate.turn
        if turn is not None:
            busy = True
            held = turn.held()
            if held > turn.warn_hold and not turn.has_warned:
                turn.has_warned = True
                _warn(gate, turn, held)
    return busy


def _warn(gate: Gate, turn: Turn, held: float) -> None:
    holder = str(gate.own_holder() or "a thread that has just ended it")
    place = _place(turn)
    _log.warning(
        "a turn on %s is still held by %s%s",
        gate.name,
        holder,
        place,
        extra=log_event("turn.is_long", database=gate.name, held=held, holder=holder, place=place),
    )


def _place(turn: Turn) -> str:
    """Tell where a thread is: the innermost line, and the one of the program that led there."""
    if turn.awaited:
        return _place_of_task(turn)
    frame = sys._current_frames().get(turn.owner)  # noqa: SLF001 - the documented way to a frame
    if frame is None:
        return ""
    here = site_of(frame)
    caller = _caller(frame)
    called = "" if caller in {None, here} else f", called from {caller}"
    return f"; its thread is now at {here}{called}"


def _place_of_task(turn: Turn) -> str:
    """Tell where a task waits: the innermost line of the program."""
    place = ""
    step: object = None if turn.task is None else turn.task.get_coro()
    while (frame := getattr(step, "cr_frame", None)) is not None:
        caller = _caller(frame)
        # What waits in a coroutine has no caller by itself: each is found by the one before it.
        if caller == site_of(frame):
            place = f"; its task is now at {caller}"
        step = getattr(step, "cr_await", None)
    return place


def _caller(frame: types.FrameType | None) -> CallSite | None:
    libraries = _libraries()
    while frame is not None and frame.f_code.co_filename.startswith(libraries):
        frame = frame.f_back
    return None if frame is None else call_site(frame)


@functools.cache
def _libraries() -> tuple[str, ...]:
    """Return where code is that programs use and are not made of."""
    # It loads what only builders of extensions need, so it is not imported with hardlite.
    import sysconfig

    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    return tuple(f"{sysconfig.get_path(kind)}{os.sep}" for kind in kinds)


def _look_again() -> None:
    idle = 0
    while idle < _LOOKS and not _Watch.ending.wait(_PAUSE):
        idle = 0 if look_at_holds(known_gates()) else idle + 1
    _Watch.thread = None
    # Who took a turn in the meantime has seen a thread, and started none.
    if not _Watch.ending.is_set() and look_at_holds(known_gates()):
        watch_holds()


def _end() -> None:
    """End the thread before a fork, of which Python warns where there are threads."""
    thread = _Watch.thread
    if thread is not None:
        _Watch.ending.set()
        # One that is about to start has not begun to look, and cannot be waited for.
        if thread.is_alive():
            thread.join()


def _go_on_in_parent() -> None:
    _Watch.ending.clear()
    # A turn of another thread may be held over the fork.
    if look_at_holds(known_gates()):
        watch_holds()


def _begin_in_child() -> None:
    _Watch.thread = None
    _Watch.starting = threading.Lock()
    _Watch.ending = threading.Event()


call_before_fork(_end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_parent=_go_on_in_parent, after_in_child=_begin_in_child)
