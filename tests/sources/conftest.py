"""Files to read and tables to read them for."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Engine, Table

from hardlite.sources import Row, UnfitRow, find_table, match, open_source, rows_for

Rows = Callable[..., Sequence[Row | UnfitRow]]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], str]:
    """Write a file and return its path as a user would type it."""

    def write(name: str, content: str | bytes) -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


@pytest.fixture
def make_table(engine: Engine) -> Callable[[str], Table]:
    """Create a table called ``t`` with the columns given, and return it as the database sees it."""

    def make_table(columns: str) -> Table:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE TABLE t ({columns})")
        table = find_table(engine, "t")
        assert table is not None
        return table

    return make_table


@pytest.fixture
def read() -> Rows:
    """Read a whole file for a table."""

    def read(
        path: str, table: Table, *, nulls: Sequence[str] = (), block_rows: int = 1000
    ) -> Sequence[Row | UnfitRow]:
        with open_source(path, block_rows=block_rows) as source:
            return list(rows_for(match(source, table), source, frozenset(nulls)))

    return read
