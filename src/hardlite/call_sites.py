"""Where in the user's code something began: the nearest frame that is not plumbing."""

import contextlib
import dataclasses
import os
import pathlib
import sys

import sqlalchemy

__all__ = ["CallSite", "call_site"]

_PLUMBING = (
    f"{pathlib.Path(__file__).parent}{os.sep}",
    f"{pathlib.Path(sqlalchemy.__file__).parent}{os.sep}",
    contextlib.__file__,
    "<",
)


@dataclasses.dataclass(frozen=True, slots=True)
class CallSite:
    """A line of code.

    Attributes:
        file: the source file's path.
        line: the line number, counted from 1.
        function: the name of the function.
    """

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


def call_site() -> CallSite | None:
    """Return the innermost line of the current thread that is neither hardlite nor SQLAlchemy.

    Code without a file, as of the interactive interpreter, is named only if there is no other:
    much of SQLAlchemy's own is made that way.
    """
    without_file: CallSite | None = None
    frame = sys._getframe(1)  # noqa: SLF001 - the documented way to a frame without its whole stack
    while frame is not None:
        code = frame.f_code
        if not code.co_filename.startswith(_PLUMBING):
            return CallSite(code.co_filename, frame.f_lineno, code.co_name)
        if code.co_filename.startswith("<"):
            without_file = CallSite(code.co_filename, frame.f_lineno, code.co_name)
        frame = frame.f_back  # type: ignore[assignment]
    return without_file
