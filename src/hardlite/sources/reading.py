"""A source as a whole: opened, its format known, ready to hand out blocks."""

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any, Final

from sqlalchemy.types import TypeEngine

from hardlite.sources.arrow_files import arrow_format, open_arrow
from hardlite.sources.blocks import Block, Reader, RowPlace
from hardlite.sources.delimited import DelimitedReader
from hardlite.sources.faults import explained
from hardlite.sources.json_lines import JsonLinesReader
from hardlite.sources.opening import ByteSource, open_bytes
from hardlite.sources.rejects import RejectsFormat
from hardlite.sources.text import TextLines, text_lines

__all__ = ["Source", "open_source"]

_TAB_SUFFIXES: Final = frozenset({".tsv", ".tab"})
_JSON_SUFFIXES: Final = frozenset({".jsonl", ".ndjson", ".json"})


class Source:
    """An open source of rows, made by `open_source`. Its rows can be read once.

    Attributes:
        title: what messages call it: the path, or ``standard input``.
        name: the last part of the path, where there is little room.
        size: bytes on the disk; ``None`` where nobody knows.
        position: returns how many of ``size`` bytes have been read, or their share of the rows.
        keep_text: every row brings along what the source has for it.
    """

    def __init__(
        self,
        opened: ByteSource,
        reader: Reader,
        *,
        block_rows: int,
        position: Callable[[], int],
        keep_text: bool,
    ) -> None:
        self.title = opened.title
        self.name = PurePath(opened.title).name
        self.size = opened.size
        self.position = position
        self.keep_text = keep_text
        self._reader = reader
        self._blocks: Iterator[Block] = self._explained(reader.blocks(block_rows))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, as the source spells them."""
        return self._reader.columns

    def rejects(self, passed_over: Collection[str]) -> RejectsFormat:
        """Return how rejected rows of this source are written; it must keep their text.

        Args:
            passed_over: the columns that hold the reasons of an earlier import.
        """
        return self._reader.rejects(passed_over)

    @property
    def text_only(self) -> bool:
        """Whether every value is text, as the format knows no types."""
        return self._reader.text_only

    @property
    def row_place(self) -> RowPlace:
        """What the places of its rows are counted in."""
        return self._reader.row_place

    @property
    def types(self) -> Mapping[str, TypeEngine[Any]] | None:
        """The type that each column needs, where the format says it."""
        return self._reader.types

    def blocks(self) -> Iterator[Block]:
        """Return the rows.

        Raises:
            SourceError: the source is damaged or not UTF-8 here; what came before was good.
        """
        return self._blocks

    def sample(self, rows: int) -> list[Block]:
        """Return about ``rows`` of the next rows, which stay to be read."""
        taken: list[Block] = []
        while sum(len(block.lines) for block in taken) < rows:
            block = next(self._blocks, None)
            if block is None:
                break
            taken.append(block)
        self._blocks = itertools.chain(taken, self._blocks)
        return taken

    def _explained(self, blocks: Iterator[Block]) -> Iterator[Block]:
        while True:
            with explained(self.title):
                block = next(blocks, None)
            if block is None:
                return
            yield block


@contextmanager
def open_source(
    source: str, *, block_rows: int = 1000, keep_text: bool = False
) -> Iterator[Source]:
    """Open ``source``, a path or ``-`` for standard input, and read as far as its columns.

    Parquet and Arrow files are known by their first bytes. Of texts, the suffix tells the format:
    ``.csv``, ``.tsv``, ``.jsonl``, before ``.gz`` or ``.zip``. Without one that is known, the first
    line does.

    Args:
        source: what to open.
        block_rows: how many rows are read and converted at a time.
        keep_text: every row brings along what the source has for it, to be written elsewhere.

    Raises:
        SourceError: it is missing, empty, a directory, damaged, not UTF-8, or has no columns.
        MissingExtraError: it is a Parquet or Arrow file, and pyarrow is not installed.
    """
    with open_bytes(source) as opened:
        with explained(opened.title):
            reader, position = _reader_for(opened, keep_text=keep_text)
        yield Source(opened, reader, block_rows=block_rows, position=position, keep_text=keep_text)


def _reader_for(opened: ByteSource, *, keep_text: bool) -> tuple[Reader, Callable[[], int]]:
    """Return what reads the source, and what tells how far it has read."""
    kind = arrow_format(opened)
    if kind:
        return open_arrow(opened, kind)
    return _text_reader_for(opened, keep_text=keep_text), opened.position


def _text_reader_for(opened: ByteSource, *, keep_text: bool) -> Reader:
    lines = text_lines(opened)
    suffix = PurePath(opened.file_name).suffix.lower()
    if suffix in _JSON_SUFFIXES or (suffix not in _TAB_SUFFIXES | {".csv"} and _is_json(lines)):
        return JsonLinesReader(lines, keep_text=keep_text)
    delimiter = "\t" if suffix in _TAB_SUFFIXES else None
    return DelimitedReader(lines, delimiter=delimiter, keep_text=keep_text)


def _is_json(lines: TextLines) -> bool:
    return lines.first.lstrip().startswith("{")
