"""Where in the user's code something began: the nearest frame that is not plumbing."""

import asyncio
import contextlib
import dataclasses
import os
import pathlib
import sys
import types

import sqlalchemy

__all__ = ["CallSite", "call_site", "site_of"]

_PLUMBING = (
    f"{pathlib.Path(__file__).parent}{os.sep}",
    f"{pathlib.Path(sqlalchemy.__file__).parent}{os.sep}",
    contextlib.__file__,
    "<",
)
_LOOP_FILES = f"{pathlib.Path(asyncio.__file__).parent}{os.sep}"
# By name: it need not be installed.
_DRIVER = f"{os.sep}aiosqlite{os.sep}"

_USER, _INSIDE, _NO_FILE, _LOOP = range(4)
_kinds: dict[str, int] = {}
"""What each source file met so far is: there are few of them, and many frames."""

_depths: tuple[int, ...] = ()
"""How far up the stack the last answers were, newest first; see `_found_before`."""
_DEPTHS = 4


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


def call_site(frame: types.FrameType | None = None) -> CallSite | None:
    """Return the innermost line that is neither hardlite nor SQLAlchemy.

    Code without a file, as of the interactive interpreter, is named only if there is no other:
    much of SQLAlchemy's own is made that way.

    Args:
        frame: where to begin; that of the caller if left out.
    """
    if frame is not None:
        return _nearest(frame)[0]
    found = _found_before()
    if found is not None:
        return site_of(found)
    site, depth = _nearest(sys._getframe(1))  # noqa: SLF001
    _remember(depth)
    return site


def site_of(frame: types.FrameType) -> CallSite:
    """Return the line where ``frame`` is."""
    return CallSite(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)


def _nearest(frame: types.FrameType | None) -> tuple[CallSite | None, int]:
    """Find the line, and how far up it is; 0 if it is not of the program itself."""
    without_file: CallSite | None = None
    depth = 0
    while frame is not None:
        kind = _kind_of(frame.f_code.co_filename)
        if kind == _USER:
            return site_of(frame), depth
        if kind == _NO_FILE:
            without_file = site_of(frame)
        frame = frame.f_back
        depth += 1
    return without_file, 0


def _found_before() -> types.FrameType | None:
    """Look for the line where it has been before: as deep, and right above the plumbing.

    To walk up costs the interpreter an object for each frame, which is more than all the rest of
    taking a turn. A stack that looks the same at both places can have a line of the program
    further in only if SQLAlchemy called that one back; then the outer one is named instead. What
    runs an event loop is no such place: there the stack always looks the same.
    """
    for depth in _depths:
        try:
            frame = sys._getframe(depth + 2)  # noqa: SLF001 - past this function and call_site()
        except ValueError:
            continue
        if _kinds.get(frame.f_code.co_filename) == _USER:
            inner = sys._getframe(depth + 1)  # noqa: SLF001
            if _kinds.get(inner.f_code.co_filename, _USER) in {_INSIDE, _NO_FILE}:
                return frame
    return None


def _remember(depth: int) -> None:
    global _depths  # noqa: PLW0603 - replaced as a whole: threads may do so at once
    if depth and depth not in _depths:
        _depths = (depth, *_depths[: _DEPTHS - 1])


def _kind_of(file: str) -> int:
    kind = _kinds.get(file)
    if kind is None:
        kind = _USER
        if file.startswith(_PLUMBING) or _DRIVER in file:
            kind = _NO_FILE if file.startswith("<") else _INSIDE
        elif file.startswith(_LOOP_FILES):
            kind = _LOOP
        _kinds[file] = kind
    return kind
