"""Rows for an import, up to where the source breaks or the user interrupts."""

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Generic, TypeVar

from hardlite.cli.failures import complain
from hardlite.errors import HardliteError
from hardlite.sources import SourceError

__all__ = ["Feed"]

T = TypeVar("T")


class Feed:
    """Ends an import early but in order, so that its report is whole.

    The batch that is under way is committed, and no other one begins.

    Attributes:
        failure: what ended the rows before the source did.
    """

    def __init__(self) -> None:
        self.failure: HardliteError | KeyboardInterrupt | None = None
        self._reading = False

    def rows(self, source: Iterable[T]) -> "_Rows[T]":
        """Return the rows of ``source`` until something fails."""
        return _Rows(self, source)

    def fed(self, source: Iterable[T]) -> Iterator[T]:
        """Yield them."""
        try:
            self._reading = True
            for row in source:
                self._reading = False
                yield row
                if self.failure:
                    return
                self._reading = True
        except (SourceError, KeyboardInterrupt) as error:
            self.failure = error
        finally:
            self._reading = False

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let the first Ctrl-C end the rows; the second one stops at once, as ever."""
        before = signal.signal(signal.SIGINT, self._interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _interrupt(self, _signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if self._reading:
            # A pipe may be silent for long, so do not wait for its next row.
            raise KeyboardInterrupt
        self.failure = KeyboardInterrupt()
        # The interrupt may have come in the middle of printing, where Python prints nothing else.
        with suppress(RuntimeError):
            complain("stopping after this batch; press Ctrl-C again to stop at once")


class _Rows(Generic[T]):
    """The rows that a feed lets through; an import can ask them whether these are all."""

    def __init__(self, feed: Feed, source: Iterable[T]) -> None:
        self._feed = feed
        self._source = source

    @property
    def cut_short(self) -> bool:
        """Whether something ended them before the source did."""
        return self._feed.failure is not None

    def __iter__(self) -> Iterator[T]:
        return self._feed.fed(self._source)
