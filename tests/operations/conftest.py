"""A database with something in it, and ways to damage a file."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

FILL = """
INSERT INTO note (words) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {})
SELECT printf('%0500d', i) FROM n
"""
ROWS = 5000
"""Of half a kilobyte: the copy takes several steps."""


@pytest.fixture
def notes(engine: Engine) -> Engine:
    """An engine on a database of some megabytes."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (id INTEGER PRIMARY KEY, words TEXT)"))
        connection.execute(text("CREATE INDEX by_words ON note (words)"))
        connection.execute(text(FILL.format(ROWS)))
    return engine


@pytest.fixture
def spoil() -> Callable[[Path], None]:
    """Write over a part of a file that nobody has open, in its middle."""

    def spoil(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2 // 4096 * 4096)
            file.write(b"\xff" * 4096)

    return spoil
