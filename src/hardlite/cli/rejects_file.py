"""``--rejects``: the file that takes the rejected rows of a source."""

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, cast

from hardlite.cli.imported import why
from hardlite.cli.output_file import OutputError, OutputFile
from hardlite.errors import ConfigurationError
from hardlite.reports.rejections import Rejection
from hardlite.sources import RejectsFormat, Row, UnfitRow, json_row, table_name_of

__all__ = ["RejectsFile", "rejects_path"]

_BUFFER: Final = 64 * 1024
_SUFFIXES: Final = frozenset({".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json"})


def rejects_path(given: Path, source: str, style: RejectsFormat) -> Path:
    """Return where the rejected rows of ``source`` go.

    Args:
        given: a file, or a directory in which the file is called after the source.
        source: as the command line has it.
        style: how rows are written.

    Raises:
        ConfigurationError: the suffix of the file says that it is in another format.
    """
    if given.is_dir():
        return given / f"{table_name_of(source) or 'rows'}.rejects{style.suffixes[0]}"
    name = Path(given.stem) if given.suffix.lower() == ".gz" else given
    suffix = name.suffix.lower()
    if suffix in _SUFFIXES and suffix not in style.suffixes:
        raise ConfigurationError(
            f"The rejected rows of {source} cannot go into {given}: they are in the format of "
            "their source",
            f"Name a file that ends in {style.suffixes[0]}.",
        )
    return given


class RejectsFile:
    """Takes rejected rows as they come.

    Args:
        output: the file; its rows are packed if the name ends in ``.gz``.
        style: how rows are written.

    Attributes:
        path: the file.
        rows: how many rows it has got.
        failure: what kept further rows from being written.
    """

    def __init__(self, output: OutputFile, style: RejectsFormat) -> None:
        self.path = output.path
        self.rows = 0
        self.failure: OutputError | None = None
        self._output = output
        self._style = style
        self._packed = output.path.suffix.lower() == ".gz"
        self._file: BinaryIO | None = None
        self._written = 0
        self._pending: list[bytes] = []
        self._pending_bytes = 0

    def add(self, rejection: Rejection) -> None:
        """Write the row of ``rejection``, unless that has failed before."""
        if self.failure is not None:
            return
        if self.rows == 0:
            self._pending.append(self._style.header)
        item = cast("Row | UnfitRow", rejection.item)
        text = json_row(item) if isinstance(item, Row) and not item.text else item.text
        row = self._style.row(text, why(rejection))
        self._pending.append(row)
        self._pending_bytes += len(row)
        self.rows += 1
        if self._pending_bytes >= _BUFFER:
            self._flush()

    @contextmanager
    def during_import(self) -> Iterator[None]:
        """Put the file in its place when the import ends, however it ends.

        If nothing was rejected there is no file then, also where an earlier import left one.
        """
        try:
            yield
        finally:
            self._finish()
        if self.rows == 0:
            self.path.unlink(missing_ok=True)

    def _finish(self) -> None:
        self._flush()
        try:
            self._close()
            if self._written:
                self._output.finish()
        except OSError as error:
            self._fail(error)

    def _flush(self) -> None:
        """Write what is pending, as a whole: a second Ctrl-C may come in the middle."""
        if not self._pending or self.failure is not None:
            return
        data = b"".join(self._pending)
        try:
            if self._file is None:
                self._file = self._opened()
            if not self._packed:
                self._file.seek(self._written)
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            self._fail(error)
        else:
            self._written += len(data)
            self._pending, self._pending_bytes = [], 0

    def _opened(self) -> BinaryIO:
        draft = self._output.draft
        return cast("BinaryIO", gzip.open(draft, "wb")) if self._packed else draft.open("wb")

    def _close(self) -> None:
        if self._file is None:
            return
        if self.failure is None:
            self._file.close()
            return
        with suppress(OSError):
            self._file.close()
        if not self._packed:
            os.truncate(self._output.draft, self._written)

    def _fail(self, error: OSError) -> None:
        self.failure = self.failure or OutputError(
            f"The rejected rows could not all be written to {self.path}: {error.strerror}",
            "Make room, or name another file.",
        )
