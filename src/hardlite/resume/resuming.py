"""An import under a resume key: what it goes on with, and what it may leave out."""

import collections
import contextlib
import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

from sqlalchemy.exc import SQLAlchemyError

from hardlite.clock import Clock
from hardlite.errors import ResumeRefusedError
from hardlite.resume.beginning import LOOKED_AT, Beginning
from hardlite.resume.import_claim import claimed
from hardlite.resume.progress import Progress
from hardlite.resume.resume_points import file_behind
from hardlite.retry_policy import Retries
from hardlite.sessions import HardenedSessionmaker

__all__ = ["Interruptible", "Resumed", "resumed"]


@runtime_checkable
class Interruptible(Protocol):
    """A source that may end before its time, so that what it gave so far is written in order.

    Attributes:
        cut_short: whether it did; then its import has not come to its end.
    """

    cut_short: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Resumed:
    """The items that are left.

    Attributes:
        source: the items.
        progress: where to note what becomes of them; None without a key.
        error: what kept the database from being asked; then nothing can be imported.
    """

    source: Iterator[Any]
    progress: Progress | None = None
    error: SQLAlchemyError | None = None

    @property
    def first(self) -> int:
        """Position of the first item that is left."""
        return 0 if self.progress is None else self.progress.position


@contextlib.contextmanager
def resumed(
    maker: HardenedSessionmaker,
    source: Iterator[Any],
    key: str | None,
    *,
    settings: str,
    timeout: float,
    retries: Retries,
    clock: Clock,
) -> Iterator[Resumed]:
    """Find out what is left of ``source``, and have the key for this import alone.

    Args:
        maker: opens connections.
        source: all items.
        key: the resume key; None leaves nothing out.
        settings: what is imported, and how, in words.
        timeout: seconds to wait for a turn.
        retries: says whether to try again when a lock is in the way.
        clock: tells the time that is written down.

    Raises:
        ResumeRefusedError: the key is in use, or belongs to another source or other settings.
    """
    if key is None:
        yield Resumed(source)
        return
    beginning = Beginning()
    with contextlib.ExitStack() as claim:
        try:
            claim.enter_context(claimed(file_behind(maker), key, clock))
            progress = Progress(
                maker,
                key,
                settings=settings,
                beginning=beginning,
                timeout=timeout,
                retries=retries,
                clock=clock,
            )
        except SQLAlchemyError as error:
            found = Resumed(iter(()), error=error)
        else:
            found = _left(beginning.watch(source), progress, key)
        yield found


def _left(source: Iterator[Any], progress: Progress, key: str) -> Resumed:
    done, finished = progress.position, progress.before.finished
    looked_at = min(done, LOOKED_AT)
    with _telling(key):
        found = _pass_over(source, looked_at)
    progress.require_same_source()
    wanted = looked_at if finished else done
    with _telling(key):
        found += _pass_over(source, wanted - found)
    if found < wanted:
        raise ResumeRefusedError(
            f"The import under the resume key {key!r} stands at item {done}, and this source "
            f"ends after {found}",
            "Give it the source that it began with, or forget the key and begin anew.",
        )
    return Resumed(iter(()) if finished else source, progress)


def _pass_over(source: Iterator[Any], count: int) -> int:
    """Leave out ``count`` items, or as many as there are; return how many these were."""
    counted = itertools.count()
    collections.deque(zip(itertools.islice(source, count), counted, strict=False), maxlen=0)
    return next(counted)


@contextlib.contextmanager
def _telling(key: str) -> Iterator[None]:
    """Say of what the source raises that nothing has been imported yet."""
    try:
        yield
    except BaseException as interruption:
        interruption.add_note(
            f"hardlite: the import under the resume key {key!r} was interrupted before its first "
            "batch; what earlier ones committed stays"
        )
        raise
