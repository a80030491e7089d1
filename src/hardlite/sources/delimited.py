"""CSV and TSV: lines of text to blocks of columns."""

import csv
from collections.abc import Collection, Iterator
from typing import Final

from hardlite.sources.blocks import Block, RowPlace, UnfitRow
from hardlite.sources.faults import SourceError, require_names
from hardlite.sources.rejects import DelimitedRejects
from hardlite.sources.text import TextLines, undecodable

__all__ = ["DelimitedReader"]

_LONGEST_FIELD: Final = 16 * 1024 * 1024
"""Characters. csv's own 131,072 are too few for a document in a field; no limit at all would let
a quote that is never closed swallow the rest of the file."""
_DELIMITERS: Final = ",;\t|"


class DelimitedReader:
    """Rows of a CSV or TSV file whose first line names the columns.

    Args:
        lines: the text.
        delimiter: what stands between fields; ``None`` takes the one that the header uses.
        keep_text: also hand out each row as it stands there.

    Attributes:
        columns: the names in the header.

    Raises:
        SourceError: the header cannot be read, or names a column twice or not at all.
    """

    text_only = True
    row_place: RowPlace = "line"
    types = None

    def __init__(self, lines: TextLines, *, delimiter: str | None, keep_text: bool = False) -> None:
        csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))
        self._title = lines.title
        if delimiter is None:
            delimiter = next((mark for mark in _DELIMITERS if mark in lines.first), ",")
        # Strict: a stray quote is an error to report, not something to guess about.
        self._delimiter = delimiter
        self._keep_text = keep_text
        self._record: list[bytes] = []
        text = lines.recorded(self._record) if keep_text else lines
        self._reader = csv.reader(text, delimiter=delimiter, strict=True)
        self.columns = self._header()
        self._header_text = self._taken_text().lstrip(b"\r\n")

    def rejects(self, passed_over: Collection[str]) -> DelimitedRejects:
        """Return how rejected rows are written in this format."""
        return DelimitedRejects(self._header_text, self.columns, passed_over, self._delimiter)

    def blocks(self, rows: int) -> Iterator[Block]:
        """Yield the rows, up to ``rows`` at a time."""
        while (block := self._block(rows)) is not None:
            yield block

    def _header(self) -> tuple[str, ...]:
        try:
            row = next(filter(None, self._reader))
        except csv.Error as error:
            raise SourceError(
                f"The header of {self._title} cannot be read: {error}",
                "The first line must name the columns, and lines must end with a line feed.",
            ) from error
        names = tuple(name.strip() for name in row)
        require_names(self._title, names)
        return names

    def _block(self, rows: int) -> Block | None:
        fields: list[list[str]] = []
        lines: list[int] = []
        texts: list[bytes] = []
        unfit: list[UnfitRow] = []
        reader = self._reader
        width = len(self.columns)
        while len(fields) + len(unfit) < rows:
            line = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                break
            except UnicodeDecodeError as error:
                raise undecodable(self._title, reader.line_num + 1, error) from error
            except csv.Error as error:
                text = self._taken_text()
                unfit.append(UnfitRow(line=line, reason=f"not CSV: {error}", text=text))
                continue
            text = self._taken_text() if self._keep_text else b""
            if len(row) == width:
                fields.append(row)
                lines.append(line)
                texts.append(text)
            elif row:
                unfit.append(UnfitRow(line=line, reason=self._ragged(len(row)), text=text))
        if not fields and not unfit:
            return None
        columns = list(zip(*fields, strict=True)) or [()] * width
        return Block(
            columns=dict(zip(self.columns, columns, strict=True)),
            lines=lines,
            unfit=unfit,
            texts=texts,
        )

    def _taken_text(self) -> bytes:
        """Return the lines that csv has taken since the last time: it takes none ahead."""
        text = b"".join(self._record)
        self._record.clear()
        return text

    def _ragged(self, found: int) -> str:
        return f"fields in the row: {found}, in the header: {len(self.columns)}"
