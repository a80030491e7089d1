"""A table for a source that has none yet: types that all values of a sample fit."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import INTEGER, REAL, TEXT, Column, MetaData, Table, types

from hardlite.sources.blocks import ABSENT
from hardlite.sources.reading import Source
from hardlite.sources.rejects import is_reason_column
from hardlite.sources.values import MisfitError, to_integer, to_real

__all__ = ["declare_table"]

SAMPLE_ROWS: Final = 5000


def declare_table(name: str, source: Source, nulls: frozenset[str]) -> Table:
    """Return a table for ``source``, not yet created.

    Its columns are what the source says of them, else INTEGER, REAL and TEXT.

    Args:
        name: what to call it.
        source: its columns, and some of its rows, which stay to be read.
        nulls: further texts, besides the empty one, that stand for no value.
    """
    if source.types is not None:
        declared = [Column(spelled, kind) for spelled, kind in source.types.items()]
        return Table(name, MetaData(), *declared)
    blocks = source.sample(SAMPLE_ROWS)
    if source.text_only:
        nulls = nulls | {""}
    columns: dict[str, Column[Any]] = {}
    for spelled in source.columns:
        if is_reason_column(spelled):
            continue
        folded = spelled.casefold()
        values = [
            value
            for block in blocks
            for key, found in block.columns.items()
            if key.casefold() == folded
            for value in found
        ]
        columns.setdefault(folded, Column(spelled, _type_of(values, nulls)))
    return Table(name, MetaData(), *columns.values())


def _type_of(values: Sequence[object], nulls: frozenset[str]) -> types.TypeEngine[Any]:
    known = [
        value
        for value in values
        if value is not None
        and value is not ABSENT
        and not (isinstance(value, str) and value in nulls)
    ]
    if known and _all_fit(_written_integer, known):
        return INTEGER()
    if known and _all_fit(_written_real, known):
        return REAL()
    return TEXT()


def _all_fit(parse: Callable[[object], object], values: Sequence[object]) -> bool:
    try:
        for value in values:
            parse(value)
    except ValueError:
        return False
    return True


def _written_integer(value: object) -> None:
    if isinstance(value, float):
        raise MisfitError(value)
    _require_number(value)
    if isinstance(value, str):
        int(value)
    to_integer(value)


def _written_real(value: object) -> None:
    _require_number(value)
    to_real(value)


def _require_number(value: object) -> None:
    """Tell numbers from codes, such as 00123 and +49123, which would lose what makes them so."""
    if isinstance(value, str):
        text = value.strip().removeprefix("-")
        if text.startswith("+") or (text[:1] == "0" and text[1:2].isdigit()):
            raise MisfitError(value)
