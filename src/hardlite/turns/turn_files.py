"""The two files beside a database by which processes take turns.

``app.db-gate`` is locked by the process whose turn it is, ``app.db-gateq`` by the one that is
next. Whoever wants the turn has to be next first: so a process that gives the turn back and asks
again at once does not come before one that waits, and those who wait to be next do so in order
(`tickets`). Both files stay there for ever: a file that is deleted while others wait for its lock
would let two of them in.

They give order, nothing else. Where they cannot be had, SQLite's own lock still keeps writers
apart.
"""

import contextlib
import logging
import math
import os
import pathlib
import stat
import sys

from hardlite.clock import Clock, system_clock
from hardlite.filesystems import is_network
from hardlite.log_events import log_event
from hardlite.turns.file_locks import lock, try_lock, unlock
from hardlite.turns.tickets import anybody_came_before, in_order_of_arrival

__all__ = ["TurnFiles"]

_log = logging.getLogger("hardlite.gate")

_LOOK = 1.0
"""Seconds between two looks whether the files are still there, while nobody waits for them."""


_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


class TurnFiles:
    """This process's view of the two files.

    Args:
        database: the absolute path of the database, as SQLite resolved it.

    Attributes:
        trouble: why processes could not be ordered, the last time that was tried; None if they
            were.

    The descriptors are this object's own and are closed with it.
    """

    def __init__(self, database: str, *, clock: Clock = system_clock) -> None:
        self.database = database
        self._clock = clock
        self._looked = -math.inf
        self.trouble: Exception | None = None
        self._open: tuple[int, int] | None = None
        self._has_warned = False
        self._has_met_others = False

    def __del__(self) -> None:
        self.close()

    def try_claim(self) -> bool:
        """Take the turn of this process if nobody has it or is next; say whether that was so."""
        try:
            while True:
                turn, place = self._files()
                if not try_lock(place):
                    return False
                try:
                    free = not self._somebody_came_before(place) and try_lock(turn)
                finally:
                    unlock(place)
                if not free or self._looked_at_lately() or self._are_in_place():
                    return free
        except OSError as error:
            self.go_without(error)
            return True

    def claim(self) -> None:
        """Wait for the turn of this process, however long it takes."""
        try:
            while True:
                turn, place = self._files()
                self._has_met_others = True
                with self._in_order(place):
                    lock(place)
                try:
                    lock(turn)
                finally:
                    unlock(place)
                if self._are_in_place():
                    return
        except OSError as error:
            self.go_without(error)

    def others_wait(self) -> bool:
        """Say whether another process is next."""
        if self._open is None:
            return False
        _, place = self._open
        if not try_lock(place):
            return True
        try:
            others = self._somebody_came_before(place)
        finally:
            unlock(place)
        if others:
            return True
        # In a deleted file nobody queues: whoever waits does so elsewhere, and is let in.
        return not self._is_in_place(place)

    def release(self) -> None:
        """Give the turn of this process back; without one, do nothing."""
        if self._open is not None:
            unlock(self._open[0])

    def write_note(self, note: bytes) -> None:
        """Leave word of who has the turn, for others to read; it may fail without a word."""
        if self._open is not None:
            try:
                _write_at_start(self._open[0], note)
            except OSError:
                # The file may be somebody else's, or the disk full: the kernel still knows.
                return

    def go_without(self, error: Exception) -> None:
        """Let this process have the turn for itself, and say once why."""
        self.trouble = error
        self.close()
        if not self._has_warned:
            self._has_warned = True
            _log.warning(
                "writers to %s in other processes are not ordered, because %s: the threads of "
                "this process take turns, and SQLite's own lock keeps processes apart",
                self.database,
                error,
                extra=log_event("turn.not_ordered", database=self.database, reason=str(error)),
            )

    def close(self) -> None:
        """Close the files; their locks end, but not in a child that a fork gave copies of them."""
        descriptors, self._open, self._looked = self._open, None, -math.inf
        for descriptor in descriptors or ():
            os.close(descriptor)

    def _in_order(self, place: int) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if is_network(self.database) else in_order_of_arrival(place)

    def _somebody_came_before(self, place: int) -> bool:
        """Say whether somebody is on the way to the place."""
        # Asked only where this process had to wait lately: it takes a tenth of an uncontended turn.
        if self._has_met_others:
            self._has_met_others = anybody_came_before(place)
        return self._has_met_others

    def _files(self) -> tuple[int, int]:
        if self._open is None:
            turn = _open(f"{self.database}-gate", self.database)
            try:
                self._open = turn, _open(f"{self.database}-gateq", self.database)
            except BaseException:
                os.close(turn)
                raise
        return self._open

    def _looked_at_lately(self) -> bool:
        """Say whether there is no need to look: deleted files cost order, and that for a second."""
        return self._clock.now() - self._looked < _LOOK

    def _are_in_place(self) -> bool:
        if not all(map(self._is_in_place, self._files())):
            return False
        self._looked = self._clock.now()
        return True

    def _is_in_place(self, descriptor: int) -> bool:
        """Say whether others find the file that was locked; close both if somebody deleted it.

        Looked at with the lock in hand: a file that was deleted while this process waited for it
        orders nobody any more.
        """
        self.trouble = None
        if os.fstat(descriptor).st_nlink:
            return True
        self.close()
        return False


def _open(path: str, database: str) -> int:
    """Open a lock file, or make it for everybody who may write to the database.

    Raises:
        OSError: it cannot be had.
    """
    try:
        return os.open(path, os.O_RDWR | _FLAGS)
    except PermissionError:
        # To lock it, and to be ordered with its owner, reading is enough.
        return os.open(path, os.O_RDONLY | _FLAGS)
    except FileNotFoundError:
        return _make(path, database)


def _make(path: str, database: str) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o666)
    except FileExistsError:
        # Another process made it in the meantime, perhaps for itself alone.
        return _open(path, database)
    # As SQLite does for the files that it makes beside a database, where the file system can.
    with contextlib.suppress(OSError):
        _give_rights_of(database, descriptor)
    return descriptor


if sys.platform == "win32":

    def _give_rights_of(database: str, descriptor: int) -> None:
        pass  # A new file has those of its directory there.

    def _write_at_start(descriptor: int, content: bytes) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, content)

else:

    def _give_rights_of(database: str, descriptor: int) -> None:
        found = pathlib.Path(database).stat()
        os.fchmod(descriptor, stat.S_IMODE(found.st_mode) & 0o666)
        # Root may do this, and whoever is of that group.
        os.fchown(descriptor, found.st_uid, found.st_gid)

    def _write_at_start(descriptor: int, content: bytes) -> None:
        os.pwrite(descriptor, content, 0)
