"""What the errors that a report keeps hold in memory."""

import contextlib
import traceback
from collections.abc import Iterator
from typing import Final

from sqlalchemy.exc import StatementError

__all__ = ["KeptErrors"]

_WITH_TRACEBACK: Final = 100


class KeptErrors:
    """Makes the errors of one import light; what they say stays.

    A traceback holds its frames, these hold their callers, and all hold their local variables: an
    error that a report keeps would keep every item of its batch. So do the parameters that
    SQLAlchemy puts into its errors. And a traceback without any of these is still some kilobytes,
    so that of an import with very many errors only the first hundred have one.
    """

    def __init__(self) -> None:
        self._tracebacks = 0

    def lighten(self, error: BaseException | None) -> None:
        """Free what ``error`` and its causes hold. Frames that still run are left alone."""
        if error is None or error.__traceback__ is None:
            return
        self._tracebacks += 1
        for each in list(_chain(error)):
            _release_frames(each)
            if isinstance(each, StatementError):
                each.params = None
            if self._tracebacks > _WITH_TRACEBACK:
                each.__traceback__ = each.__cause__ = each.__context__ = None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _release_frames(error: BaseException) -> None:
    if error.__traceback__ is None:
        return
    callers = traceback.walk_stack(error.__traceback__.tb_frame.f_back)
    traceback.clear_frames(error.__traceback__)
    for frame, _ in callers:
        with contextlib.suppress(RuntimeError):
            frame.clear()
