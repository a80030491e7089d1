"""A file that a command writes: there as a whole in the end, and known to be writable before."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from hardlite.errors import ConfigurationError, HardliteError

__all__ = ["OutputError", "OutputFile", "output_file"]


class OutputError(HardliteError):
    """A file that a command was asked for could not be written."""

    slug: ClassVar[str] = "output"


class OutputFile:
    """A file to be, and what is written until it is.

    Args:
        path: the file to be; it is left alone until `finish`.
        draft: a file beside it, which takes its place.
    """

    def __init__(self, path: Path, draft: Path) -> None:
        self.path = path
        self.draft = draft

    def finish(self) -> None:
        """Put the draft in its place.

        Raises:
            OSError: the disk is full or the like; a file that was there before still is.
        """
        with self.draft.open("rb+") as written:
            os.fsync(written.fileno())
        self.draft.replace(self.path)


@contextmanager
def output_file(path: Path, what: str, *, keep: Iterable[Path]) -> Iterator[OutputFile]:
    """Find out that ``path`` can be written, and hand out what it is written through.

    Args:
        path: the file to be.
        what: what is in it, as the subject of a sentence.
        keep: files that it must not replace.

    Raises:
        ConfigurationError: it cannot be written, or is a file to keep.
    """
    if any(_same(path, other) for other in keep):
        raise ConfigurationError(
            f"{what} would replace {path}, which the command needs", "Name another file."
        )
    if path.exists() and not path.is_file():
        raise ConfigurationError(f"{what} cannot replace {path}: it is no file", "Name a file.")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.touch(exist_ok=False)
    except OSError as error:
        raise ConfigurationError(
            f"{what} cannot be written to {path}: {error.strerror}",
            "Name a file in a directory that you can write to.",
        ) from error
    try:
        yield OutputFile(path, draft)
    finally:
        draft.unlink(missing_ok=True)


def _same(path: Path, other: Path) -> bool:
    if path.resolve() == other.resolve():
        return True
    return path.exists() and other.exists() and path.samefile(other)
