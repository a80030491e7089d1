"""A JSON file that is there as a whole or not at all."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from hardlite.errors import ConfigurationError

__all__ = ["ReportFile", "report_file"]


class ReportFile:
    """Where the report goes, known to be writable before the work begins.

    Args:
        path: the file to be; it is left alone until `write`.
        draft: a file beside it, which takes its place.
    """

    def __init__(self, path: Path, draft: Path) -> None:
        self._path = path
        self._draft = draft

    def write(self, content: Mapping[str, object]) -> None:
        """Put ``content`` there as JSON.

        Raises:
            OSError: the disk is full or the like; a report that was there before still is.
        """
        with self._draft.open("w", encoding="utf-8") as draft:
            json.dump(content, draft, indent=2, ensure_ascii=False)
            draft.write("\n")
            draft.flush()
            os.fsync(draft.fileno())
        self._draft.replace(self._path)


@contextmanager
def report_file(path: Path, *, keep: Iterable[str]) -> Iterator[ReportFile]:
    """Find out that a report can be written to ``path``, and hand out what writes it.

    Args:
        path: the file to be.
        keep: files that it must not replace.

    Raises:
        ConfigurationError: it cannot be written, or is a file to keep.
    """
    if any(_same(path, Path(other)) for other in keep):
        raise ConfigurationError(
            f"The report would replace {path}, which the import needs", "Name another file."
        )
    if path.exists() and not path.is_file():
        raise ConfigurationError(f"The report cannot replace {path}: it is no file", "Name a file.")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.touch(exist_ok=False)
    except OSError as error:
        raise ConfigurationError(
            f"The report cannot be written to {path}: {error.strerror}",
            "Name a file in a directory that you can write to.",
        ) from error
    try:
        yield ReportFile(path, draft)
    finally:
        draft.unlink(missing_ok=True)


def _same(path: Path, other: Path) -> bool:
    if path.resolve() == other.resolve():
        return True
    return path.exists() and other.exists() and path.samefile(other)
