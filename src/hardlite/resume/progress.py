"""How far an import has come, committed in the very transactions of its batches."""

import dataclasses
import datetime as dt
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Row, bindparam, delete, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from hardlite.clock import Clock
from hardlite.errors import ResumeRefusedError
from hardlite.resume.beginning import LOOKED_AT, Beginning
from hardlite.resume.resume_points import point_of, progress_table
from hardlite.retry_policy import Retries
from hardlite.sessions import HardenedSessionmaker

__all__ = ["Progress"]

T = TypeVar("T")

_columns = progress_table.c
_one = select(progress_table).where(_columns.resume_key == bindparam("key"))
_anew = delete(progress_table).where(_columns.resume_key == bindparam("key"))
_begin = insert(progress_table).values(position=0, committed=0, rejected=0, skipped=0)
# Where it stands is part of the question: who has been overtaken moves nothing. So is when it
# began: a key that was forgotten meanwhile, and begun anew, may stand at the same place.
_move = update(progress_table).where(
    _columns.resume_key == bindparam("key"),
    _columns.started_at == bindparam("began"),
    _columns.position == bindparam("was"),
)
_end = update(progress_table).where(
    _columns.resume_key == bindparam("key"), _columns.started_at == bindparam("began")
)


@dataclasses.dataclass(frozen=True, slots=True)
class _Counts:
    """What the row says."""

    position: int
    committed: int
    rejected: int
    skipped: int


class Progress:
    """The progress of one import, while it runs.

    Args:
        maker: opens connections.
        key: the resume key.
        settings: what is imported, and how, in words.
        beginning: of the source, as far as it has been taken.
        timeout: seconds to wait for a turn.
        retries: says whether to try again when a lock is in the way.
        clock: tells the time that is written down.

    Attributes:
        before: where the import stood when this call began.

    Raises:
        ResumeRefusedError: the key belongs to other settings.
    """

    def __init__(
        self,
        maker: HardenedSessionmaker,
        key: str,
        *,
        settings: str,
        beginning: Beginning,
        timeout: float,
        retries: Retries,
        clock: Clock,
    ) -> None:
        self._maker = maker
        self._key = key
        self._timeout = timeout
        self._retries = retries
        self._clock = clock
        self._beginning = beginning
        row = self._in_a_turn(lambda connection: self._open(connection, settings))
        self._began_with = Beginning.from_json(row.beginning)
        self.before = before = point_of(row)
        self._reached = _Counts(before.position, before.committed, before.rejected, before.skipped)
        self._sought = self._reached

    @property
    def position(self) -> int:
        """How many items of the source are done, as far as it is committed."""
        return self._reached.position

    def require_same_source(self) -> None:
        """See that what has been taken of the source is what was taken before.

        Raises:
            ResumeRefusedError: it is another source.
        """
        before, now = self._began_with, self._beginning
        if not now.agrees_with(before):
            begins = "a source that begins with"
            raise self._refusal(f"{begins} {before.shown}", f"one that begins with {now.shown}")

    def advance(self, connection: Connection, *, to: int, kept: int, skipped: int) -> None:
        """Move the row on, in the transaction that ``connection`` has open.

        Args:
            connection: has the transaction.
            to: position of the first item that is not done.
            kept: how many items are written since the last time.
            skipped: how many were in the database already; all others were rejected.

        Raises:
            ResumeRefusedError: somebody else has moved it, so these items are done.
        """
        was = self._reached
        refused = (to - was.position) - kept - skipped
        self._sought = _Counts(
            to, was.committed + kept, was.rejected + refused, was.skipped + skipped
        )
        new = {"updated_at": self._now()} | dataclasses.asdict(self._sought)
        if was.position < LOOKED_AT:
            new["beginning"] = self._beginning.to_json(to)
        moved = connection.execute(_move, {**self._me(), "was": was.position, **new})
        if moved.rowcount != 1:
            raise ResumeRefusedError(
                f"The import under the resume key {self._key!r} was at item {was.position}, and "
                "somebody else has moved it on or forgotten it meanwhile; nothing of this batch "
                "was written",
                "Let one import at a time use a key; call again, and it goes on from there.",
            )

    def is_committed(self) -> None:
        """Learn that the transaction with the last `advance` is committed."""
        self._reached = self._sought

    def settle(self) -> bool | None:
        """Find out whether the transaction with the last `advance` was committed after all.

        To be asked after a COMMIT that failed, or that nobody saw the end of.

        Returns:
            Whether it was; None if that cannot be known now. The next import under this key asks
            again.
        """
        try:
            with self._maker.engine.connect() as connection:
                found = connection.execute(_one, {"key": self._key}).one_or_none()
        except SQLAlchemyError:
            return None
        if found is None or found.started_at != self.before.started_at:
            return None
        if found.position == self._sought.position:
            self.is_committed()
            return True
        return False if found.position == self._reached.position else None

    def record(self, to: int) -> None:
        """Move on past items that were all rejected, in a transaction of its own."""
        self._in_a_turn(lambda connection: self.advance(connection, to=to, kept=0, skipped=0))
        self.is_committed()

    def finish(self) -> None:
        """Note that the source has come to an end, unless that was noted before."""
        if self.before.finished:
            return
        now = {"updated_at": self._now(), "finished_at": self._now()}
        self._in_a_turn(lambda connection: connection.execute(_end, self._me() | now))

    def _open(self, connection: Connection, settings: str) -> Row[Any]:
        progress_table.create(connection, checkfirst=True)
        row = connection.execute(_one, {"key": self._key}).one_or_none()
        if row is not None and row.position > 0:
            if row.settings != settings:
                raise self._refusal(f"an import {row.settings}", f"one {settings}")
            return row
        # Where nothing is done yet there is nothing to be true to.
        connection.execute(_anew, {"key": self._key})
        now, nothing = self._now(), Beginning().to_json(0)
        new = {"resume_key": self._key, "settings": settings, "beginning": nothing}
        connection.execute(_begin, {**new, "started_at": now, "updated_at": now})
        return connection.execute(_one, {"key": self._key}).one()

    def _in_a_turn(self, work: Callable[[Connection], T]) -> T:
        attempts = 0
        while True:
            attempts += 1
            began = self._clock.now()
            try:
                with self._maker.writer_connection(timeout=self._timeout) as connection:
                    return work(connection)
            except DBAPIError as error:
                if not self._retries.go_on(error, attempts, self._clock.now() - began):
                    raise

    def _me(self) -> dict[str, str]:
        return {"key": self._key, "began": self.before.started_at}

    def _refusal(self, owner: str, other: str) -> ResumeRefusedError:
        return ResumeRefusedError(
            f"The resume key {self._key!r} belongs to {owner}; it cannot be used for {other}",
            "Give each import a key of its own. If this one is to replace the other, forget the "
            "key first: forget_resume_key(engine, key), or hardlite import --forget KEY.",
        )

    def _now(self) -> str:
        now = dt.datetime.fromtimestamp(self._clock.wall(), tz=dt.UTC)
        return now.isoformat(timespec="microseconds")
