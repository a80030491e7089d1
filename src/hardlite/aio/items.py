"""The items of an async import: from what is iterated with ``async for``, and from all the rest."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sized
from typing import Any

from sqlalchemy.engine import Row, RowMapping
from sqlalchemy.util.concurrency import await_only

from hardlite.rows.item_sources import ItemSource, item_source

__all__ = ["awaited_source"]


def awaited_source(items: object) -> ItemSource:
    """Return the items of what an async import was given; they are taken within a greenlet."""
    if not isinstance(items, AsyncIterable):
        return item_source(items)
    total = len(items) if isinstance(items, Sized) else None
    return ItemSource(_Taken(aiter(items)), total)


class _Taken(Iterable[Any]):
    """An async iterator that sync code takes items from; it goes on with the same one each time."""

    def __init__(self, source: AsyncIterator[Any]) -> None:
        self._source = source

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            item = await_only(anext(self._source))
        except StopAsyncIteration:
            raise StopIteration from None
        if isinstance(item, Row):
            # What a streamed SELECT yields; a sync one is taken as dicts as well.
            return dict(item._mapping)  # noqa: SLF001 - its public name
        return dict(item) if isinstance(item, RowMapping) else item
