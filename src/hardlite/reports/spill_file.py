"""Bytes that need not stay in memory: a file without a name, gone with its owner."""

import os
import sys
import tempfile
import weakref
from collections.abc import Callable
from io import FileIO
from typing import Final, cast

__all__ = ["SpillFile"]

_COPIED_AT_ONCE: Final = 1024 * 1024


class SpillFile:
    """A temporary file that grows at its end and is read anywhere.

    It is made at the first `append`, in the directory that `tempfile` chooses (``TMPDIR``), and
    has no name there: nothing is left behind, however the process ends. After a fork each process
    appends to a file of its own.

    Attributes:
        size: bytes appended so far.
    """

    def __init__(self) -> None:
        self.size = 0
        self._file: FileIO | None = None
        self._process = os.getpid()
        self._close: Callable[[], object] = _nothing_to_close

    def append(self, data: bytes) -> int:
        """Write ``data`` at the end, whole or not at all; return where it begins.

        Raises:
            OSError: the disk is full, or there is no temporary directory.
        """
        if not data:
            return self.size
        if self._file is None or self._process != os.getpid():
            self._open()
        start = self.size
        _write_all(cast("FileIO", self._file), data, start)
        self.size = start + len(data)
        return start

    def read(self, start: int, size: int) -> bytes:
        """Return ``size`` bytes that were appended at ``start``."""
        return _read_at(cast("FileIO", self._file), size, start)

    def __getstate__(self) -> bytes:
        return self.read(0, self.size) if self.size else b""

    def __setstate__(self, state: bytes) -> None:
        SpillFile.__init__(self)
        self.append(state)

    def _open(self) -> None:
        """Begin a file, with what this process has inherited of it."""
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed below
        close = weakref.finalize(self, file.close)
        for start in range(0, self.size, _COPIED_AT_ONCE):
            part = self.read(start, min(_COPIED_AT_ONCE, self.size - start))
            _write_all(file, part, start)
        self._close()
        self._file, self._close, self._process = file, close, os.getpid()


def _nothing_to_close() -> None:
    """Stand in for closing a file while there is none."""


def _write_all(file: FileIO, data: bytes, start: int) -> None:
    left = memoryview(data)
    while left:
        written = _write_at(file, left, start)
        left, start = left[written:], start + written


if sys.platform == "win32":

    def _write_at(file: FileIO, data: memoryview, start: int) -> int:
        file.seek(start)
        return file.write(data)

    def _read_at(file: FileIO, size: int, start: int) -> bytes:
        file.seek(start)
        return file.read(size)
else:
    # A child that was forked shares the position in the file, so nobody uses it.

    def _write_at(file: FileIO, data: memoryview, start: int) -> int:
        return os.pwrite(file.fileno(), data, start)

    def _read_at(file: FileIO, size: int, start: int) -> bytes:
        return os.pread(file.fileno(), size, start)
