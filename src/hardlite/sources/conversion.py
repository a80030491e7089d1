"""Values of a source to values that fit the type of a column."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Column

from hardlite.readable import shortened
from hardlite.sources.blocks import ABSENT
from hardlite.sources.fitting import fit_as_they_are
from hardlite.sources.values import MisfitError, parser_for, to_text, to_untyped, type_name

__all__ = ["ColumnConverter", "Misfit"]

Misfit = tuple[str, str, str]
"""The reason, the detail and the column of an `UnfitRow`."""

_REMEMBERED: Final = 10_000
_SHOWN: Final = 60


class ColumnConverter:
    """Converts the values of one column of a source for one column of a table.

    Args:
        column: the column of the table.
        nulls: the texts that stand for no value.
        text_only: whether the source knows no types.
        optional: whether the column may go without a value, as it takes NULL or numbers itself.
        required: whether the column must be given.
    """

    def __init__(
        self,
        column: Column[Any],
        *,
        nulls: frozenset[str],
        text_only: bool,
        optional: bool,
        required: bool,
    ) -> None:
        self._column = column
        self._parse = parser_for(column.type, text_only=text_only)
        is_text = self._parse in (to_text, to_untyped)
        # A text column that takes no NULL can still hold the empty text.
        self._nulls = nulls - {""} if is_text and not optional else nulls
        self._as_it_is = is_text and text_only
        self._text_only = text_only
        self._optional = optional
        self._required = required
        self._one: Callable[[object], object] = self._convert
        if text_only:
            # Columns repeat themselves, and looking a text up is faster than parsing it.
            self._one = _Memory(self._convert).__getitem__

    def convert(self, values: Sequence[object]) -> tuple[Sequence[object], dict[int, Misfit]]:
        """Return the converted values, and by its index what is wrong with one that does not fit."""
        if self._as_it_is:
            if self._nulls.isdisjoint(values):
                return values, {}
            if self._optional:
                return [None if value in self._nulls else value for value in values], {}
        elif not self._text_only and self._fits(values):
            return values, {}
        try:
            return list(map(self._one, values)), {}
        except ValueError:
            return self._apart(values)

    def _fits(self, values: Sequence[object]) -> bool:
        if self._optional and None in values:
            values = [value for value in values if value is not None]
        return fit_as_they_are(self._parse, values) and self._nulls.isdisjoint(values)

    def _apart(self, values: Sequence[object]) -> tuple[Sequence[object], dict[int, Misfit]]:
        converted: list[object] = []
        misfits: dict[int, Misfit] = {}
        for index, value in enumerate(values):
            try:
                converted.append(self._one(value))
            except ValueError as error:
                converted.append(None)
                misfits[index] = self._misfit(value, error)
        return converted, misfits

    def _convert(self, value: object) -> object:
        if value is ABSENT:
            if self._required:
                raise _NoValueError
            return ABSENT
        if value is None or (isinstance(value, str) and value in self._nulls):
            if not self._optional:
                raise _NoValueError
            return None
        return self._parse(value)

    def _misfit(self, value: object, error: ValueError) -> Misfit:
        if isinstance(error, _NoValueError):
            return f"column {self._column.name} takes no NULL", "", self._column.name
        shown = shortened(repr(value), _SHOWN)
        kind = type_name(self._column.type)
        reason = f"column {self._column.name} ({kind}) cannot hold the value"
        return reason, shown, self._column.name


class _NoValueError(MisfitError):
    """There is no value, and the column must have one."""


class _Memory(dict[object, object]):
    """Remembers what was converted before, up to a limit: columns of codes and small numbers."""

    def __init__(self, convert: Callable[[object], object]) -> None:
        super().__init__()
        self._convert = convert

    def __missing__(self, value: object) -> object:
        converted = self._convert(value)
        if len(self) < _REMEMBERED:
            self[value] = converted
        return converted
