"""An import under a resume key: what it goes on with, and what it may leave out."""

import collections
import contextlib
import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

from hardlite.clock import Clock
from hardlite.errors import ResumeRefusedError
from hardlite.execution_options import hardened
from hardlite.imports.beginning import LOOKED_AT, Beginning
from hardlite.imports.import_claim import claimed
from hardlite.imports.progress import Progress
from hardlite.sessions import HardenedSessionmaker

__all__ = ["Resumed", "resumed"]


@dataclasses.dataclass(frozen=True, slots=True)
class Resumed:
    """The items that are left, and where to note what becomes of them; None without a key."""

    source: Iterator[Any]
    progress: Progress | None

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
    clock: Clock,
) -> Iterator[Resumed]:
    """Find out what is left of ``source``, and have the key for this import alone.

    Args:
        maker: opens connections.
        source: all items.
        key: the resume key; None leaves nothing out.
        settings: what is imported, and how, in words.
        timeout: seconds to wait for a turn.
        clock: tells the time that is written down.

    Raises:
        ResumeRefusedError: the key is in use, or belongs to another source or other settings.
    """
    if key is None:
        yield Resumed(source, None)
        return
    first = list(itertools.islice(source, LOOKED_AT))
    with claimed(_file_of(maker), key, clock):
        progress = Progress(
            maker, key, settings=settings, beginning=Beginning.of(first), clock=clock,
            timeout=timeout,
        )  # fmt: skip
        if progress.before.finished:
            yield Resumed(iter(()), progress)
            return
        left = itertools.chain(first, source)
        _leave_out(left, progress.position, key)
        yield Resumed(left, progress)


def _leave_out(source: Iterator[Any], count: int, key: str) -> None:
    counted = itertools.count()
    collections.deque(zip(itertools.islice(source, count), counted, strict=False), maxlen=0)
    found = next(counted)
    if found < count:
        raise ResumeRefusedError(
            f"The import under the resume key {key!r} stands at item {count}, and this source "
            f"ends after {found}",
            "Give it the source that it began with, or forget the key and begin anew.",
        )


def _file_of(maker: HardenedSessionmaker) -> str:
    with maker.engine.connect() as connection:
        opened = hardened(connection.connection.dbapi_connection)
        return "" if opened is None else opened.file
