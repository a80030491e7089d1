"""`SingleInstance`: one process for a database file, and what becomes of a second one."""

import contextlib
import math
import os
import sqlite3
import types
from typing import Final, Literal, Self, get_args
from urllib.parse import quote

from sqlalchemy import event
from sqlalchemy.engine import URL, Engine
from sqlalchemy.engine.interfaces import ExceptionContext

from hardlite.clock import Clock, system_clock
from hardlite.engine import create_hardened_engine
from hardlite.errors import (
    ConfigurationError,
    DatabaseInUseError,
    ReadOnlySessionError,
    UsageError,
)
from hardlite.lock_holders.claim_files import ClaimedByOtherError, claimed_file
from hardlite.lock_holders.target import file_named
from hardlite.profile import Profile
from hardlite.result_codes import primary_code
from hardlite.turns.holder import Holder

__all__ = ["Second", "SingleInstance"]

Second = Literal["refuse", "read_only", "wait"]
"""What becomes of a process that is not the first."""

_PAUSE: Final = 0.05
"""Seconds between two tries of one that waits."""


class SingleInstance:
    """Have a database file for this process alone, among all programs that ask in this way.

    A lock file beside the database, ``NAME-instance``, is kept for as long as the block lasts. It ends
    with the process, however that ends, so nothing has to be cleaned up after a crash. Programs that do
    not ask are not kept out; the database itself stays as it is.

    Args:
        path: the database: a path or a URL. It may be missing; its directory may not.
        second: what becomes of a second process: ``"refuse"`` raises, ``"read_only"`` lets it read,
            ``"wait"`` lets it wait for the end of the first.
        timeout: seconds to wait, with ``"wait"``; for ever if left out.
        clock: waits.

    Attributes:
        first: who has the database, if that is not this process; None if it is, or is not known.
        is_first: whether it is this process.

    Raises:
        ConfigurationError: ``second`` is none of the three, or the path names no file.

    >>> from hardlite import SingleInstance
    >>> with SingleInstance("app.db", second="read_only") as instance:
    ...     engine = instance.create_engine()
    ...     instance.is_first
    True
    >>> engine.dispose()
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        second: Second = "refuse",
        *,
        timeout: float | None = None,
        clock: Clock = system_clock,
    ) -> None:
        if second not in get_args(Second):
            raise ConfigurationError(
                f"second= cannot be {second!r}", f"Give one of {', '.join(get_args(Second))}."
            )
        self._file = file_named(path)
        self._second = second
        self._timeout = math.inf if timeout is None else timeout
        self._clock = clock
        self._claim: contextlib.ExitStack | None = None
        self.first: Holder | None = None
        self.is_first = False

    def __enter__(self) -> Self:
        """Become the first, or what a second one is.

        Raises:
            DatabaseInUseError: another process is the first, and this one is refused or has waited
                for too long.
            ConfigurationError: the lock file cannot be made.
        """
        started = self._clock.now()
        while not self._try():
            waited = self._clock.now() - started
            if self._second == "read_only":
                return self
            if self._second == "refuse" or waited >= self._timeout:
                raise DatabaseInUseError(
                    f"{self._file} belongs to another instance of this program: "
                    f"{self.first or 'a process that has not told its name'}",
                    "Use that one, or end it; the database is free as soon as its process is gone.",
                )
            self._clock.sleep(_PAUSE)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        claim, self._claim, self.is_first = self._claim, None, False
        if claim is not None:
            claim.close()

    def create_engine(self, *, profile: Profile | None = None, **options: object) -> Engine:
        """Make a hardened engine on the database: of the second process, one that only reads.

        A write through that raises `ReadOnlySessionError`, with who the first is.

        Args:
            profile: the settings; `Profile()` if left out.
            options: what else `create_hardened_engine` takes besides the URL.

        Raises:
            UsageError: this is called outside of the block.
        """
        if self.is_first:
            return create_hardened_engine(
                URL.create("sqlite", database=self._file), profile=profile, **options
            )
        if self._second != "read_only":
            raise UsageError(
                f"An engine on {self._file} was asked for outside of the block of SingleInstance",
                "Call create_engine() within it.",
            )
        url = URL.create(
            "sqlite", database=f"file:{quote(self._file)}", query={"mode": "ro", "uri": "true"}
        )
        engine = create_hardened_engine(url, profile=profile, **options)
        event.listen(engine, "handle_error", self._translate)
        return engine

    def _try(self) -> bool:
        claim = contextlib.ExitStack()
        try:
            claim.enter_context(claimed_file(f"{self._file}-instance", "instance", self._clock))
        except ClaimedByOtherError as error:
            self.first = error.holder
            return False
        except OSError as error:
            raise ConfigurationError(
                f"Nobody can be kept from {self._file}: {error}",
                "Put the database into a directory that this user can write to.",
            ) from error
        self._claim, self.first, self.is_first = claim, None, True
        return True

    def _translate(self, context: ExceptionContext) -> ReadOnlySessionError | None:
        if primary_code(context.original_exception) != sqlite3.SQLITE_READONLY:
            return None
        return ReadOnlySessionError(
            f"{self._file} is only read by this process: it belongs to "
            f"{self.first or 'another instance of this program'}",
            "Write in that process, or end it and start this one again.",
        )
