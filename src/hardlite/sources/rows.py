"""Blocks of a source to the items of an import, each with the line it came from."""

from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from operator import attrgetter

from hardlite.sources.blocks import ABSENT, Block, RowPlace, UnfitRow
from hardlite.sources.conversion import ColumnConverter, Misfit
from hardlite.sources.faults import UnfitRowError
from hardlite.sources.reading import Source
from hardlite.sources.rejects import is_reason_column, json_row
from hardlite.sources.target import Target, is_optional, is_required

__all__ = ["Row", "checked", "rows_for"]


class Row(dict[str, object]):
    """A row for a table, column names to values.

    Attributes:
        line: the line of the source on which it starts, or the number of the row, counted from 1.
        text: what the source has for it, if that was asked for and the source is text; else empty.
    """

    __slots__ = ("line", "text")

    line: int
    text: bytes


def rows_for(target: Target, source: Source, nulls: frozenset[str]) -> Iterator[Row | UnfitRow]:
    """Yield the rows of ``source`` as items for an import into the table of ``target``.

    Rows that do not fit are among them; `checked` is the ``prepare`` that rejects those.

    Args:
        target: the table, matched with the source.
        source: where the rows come from.
        nulls: further texts, besides the empty one, that stand for no value.

    Raises:
        SourceError: the source is damaged or not UTF-8 from here on.
    """
    return chain.from_iterable(map(_Conversion(target, source, nulls).items, source.blocks()))


def checked(item: Row | UnfitRow) -> Row:
    """Return a row; raise for one that does not fit.

    Raises:
        UnfitRowError: it does not fit; the text says why.
    """
    if isinstance(item, UnfitRow):
        raise UnfitRowError(str(item))
    return item


class _Conversion:
    """The converters of a target, with what they remember."""

    def __init__(self, target: Target, source: Source, nulls: frozenset[str]) -> None:
        self._target = target
        self._row_place: RowPlace = source.row_place
        self._keep_text = source.keep_text
        self._required = [column.key for column in target.table.columns if is_required(column)]
        self._converters = {
            column.key: ColumnConverter(
                column,
                nulls=nulls | {""} if source.text_only else nulls,
                text_only=source.text_only,
                optional=is_optional(column),
                required=is_required(column),
            )
            for column in target.table.columns
        }

    def items(self, block: Block) -> Sequence[Row | UnfitRow]:
        """Return the rows of a block in their order, with those that its reader left out."""
        misfits: dict[int, Misfit] = {}
        converted: dict[str, Sequence[object]] = {}
        for key, values in self._columns(block, misfits).items():
            converted[key], wrong = self._converters[key].convert(values)
            misfits = wrong | misfits
        columns = tuple(converted.values())
        fields = zip(*columns, strict=True) if columns else repeat((), len(block.lines))
        # Nested maps: no Python code runs for a row or a field.
        rows = list(map(Row, map(zip, repeat(tuple(converted)), fields)))
        texts = block.texts or repeat(b"", len(block.lines))
        for row, line, text in zip(rows, block.lines, texts, strict=True):
            row.line, row.text = line, text
        items: list[Row | UnfitRow] = list(map(_dense, rows) if block.sparse else rows)
        for index, (reason, detail, column) in misfits.items():
            items[index] = UnfitRow(
                line=block.lines[index],
                row_place=self._row_place,
                reason=reason,
                detail=detail,
                column=column,
                text=self._text(block, index),
            )
        if bare := self._bare_reasons(block):
            items = [item for index, item in enumerate(items) if index not in bare]
        if block.unfit:
            # An import that is resumed counts rows, and blocks may be larger by then.
            items = sorted([*items, *block.unfit], key=attrgetter("line"))
        return items

    def _text(self, block: Block, index: int) -> bytes:
        """Return what the source has for a row; where that is no text, its values as JSON."""
        if block.texts:
            return block.texts[index]
        values = {name: values[index] for name, values in block.columns.items()}
        return json_row(values) if self._keep_text else b""

    def _bare_reasons(self, block: Block) -> set[int]:
        """Return which rows are but the reason why an earlier import rejected the next line."""
        names = set(filter(self._is_passed_over, block.columns))
        noted = {index for name in names for index in _given(block.columns[name])}
        for name in block.columns.keys() - names if noted else ():
            noted -= _given(block.columns[name])
        return noted

    def _is_passed_over(self, name: str) -> bool:
        return is_reason_column(name) and self._target.column(name) is None

    def _columns(self, block: Block, misfits: dict[int, Misfit]) -> dict[str, Sequence[object]]:
        """Return the values of each column of the table that the block or the table calls for."""
        columns: dict[str, Sequence[object]] = {}
        for name, values in block.columns.items():
            column = self._target.column(name)
            if column is None and self._is_passed_over(name):
                continue
            if column is None:
                unknown = (f"the table has no column {name}", "", name)
                misfits.update(dict.fromkeys(_given(values), unknown))
            elif column.key in columns:
                # JSON may spell a key once this way and once that way.
                before = columns[column.key]
                twice = (f"column {column.name} is named twice", "", column.name)
                misfits.update(dict.fromkeys(_given(values) & _given(before), twice))
                pairs = zip(before, values, strict=True)
                columns[column.key] = [new if old is ABSENT else old for old, new in pairs]
            else:
                columns[column.key] = values
        nothing = (ABSENT,) * len(block.lines)
        for key in self._required:
            columns.setdefault(key, nothing)
        return columns


def _given(values: Sequence[object]) -> set[int]:
    return {index for index, value in enumerate(values) if value is not ABSENT}


def _dense(row: Row) -> Row | UnfitRow:
    """Leave out what the source says nothing about: the database has a default for it."""
    dense = Row((key, value) for key, value in row.items() if value is not ABSENT)
    dense.line, dense.text = row.line, row.text
    return dense or UnfitRow(line=row.line, reason="an object without keys", text=row.text)
