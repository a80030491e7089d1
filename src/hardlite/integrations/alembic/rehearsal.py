"""A run of migrations on a copy of the database: what it would rebuild, and what it would lose."""

import contextlib
import dataclasses
import pathlib
import tempfile
from collections.abc import Iterator

from sqlalchemy.engine import URL, Connection

from hardlite.connections.connection import AnyHardenedConnection
from hardlite.engine import create_hardened_engine
from hardlite.errors import ConfigurationError
from hardlite.integrations.alembic.happenings import Happening
from hardlite.integrations.alembic.schema_checks import count_rows, table_names
from hardlite.operations.copying import copy_database

__all__ = ["Child", "Rebuild", "Rehearsal", "copied"]

_CHILDREN = """
    SELECT DISTINCT m.name, f.on_delete
    FROM sqlite_master AS m, pragma_foreign_key_list(m.name) AS f
    WHERE m.type = 'table' AND f."table" = ? COLLATE NOCASE
    ORDER BY 1, 2
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A table that references one that is rebuilt.

    Attributes:
        table: its name.
        rows: how many rows it has.
        on_delete: what becomes of them when the rows that they reference are deleted.
    """

    table: str
    rows: int
    on_delete: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """A table that a revision rebuilds.

    Attributes:
        revision: the revision.
        table: the table.
        rows: how many rows are copied.
        children: the tables that reference it.
    """

    revision: str
    table: str
    rows: int
    children: tuple[Child, ...]


@dataclasses.dataclass(slots=True, kw_only=True)
class Rehearsal:
    """What a run did to a copy, noted while it ran.

    Attributes:
        database: the path of the database, of which a copy was migrated.
        revisions: the revisions whose scripts ran, in order.
        rebuilds: the tables that were rebuilt.
        before: how many rows each table had.
        after: how many each has in the end.
    """

    database: str = ""
    revisions: list[str] = dataclasses.field(default_factory=list)
    rebuilds: list[Rebuild] = dataclasses.field(default_factory=list)
    before: dict[str, int] = dataclasses.field(default_factory=dict)
    after: dict[str, int] = dataclasses.field(default_factory=dict)

    def lost(self) -> dict[str, int]:
        """Return how many rows fewer a table has in the end; of one that is gone, all of them."""
        fewer = {table: rows - self.after.get(table, 0) for table, rows in self.before.items()}
        return {table: rows for table, rows in fewer.items() if rows > 0 or table in self.gone()}

    def gone(self) -> set[str]:
        """Return the tables that are not there in the end."""
        return self.before.keys() - self.after.keys()

    def note(self, happening: Happening, connection: Connection) -> None:
        """Note what happens on the copy."""
        if happening.what == "revision":
            self.revisions.append(happening.name)
        if happening.what == "rebuild":
            children = tuple(
                Child(table=name, rows=count_rows(connection, name), on_delete=action)
                for name, action in connection.exec_driver_sql(_CHILDREN, (happening.name,)).all()
            )
            self.rebuilds.append(
                Rebuild(
                    revision=self.revisions[-1],
                    table=happening.name,
                    rows=happening.rows or 0,
                    children=children,
                )
            )

    @contextlib.contextmanager
    def counting(self, connection: Connection) -> Iterator[None]:
        """Count the rows of all tables before and after."""
        self.before = _rows(connection)
        yield
        self.after = _rows(connection)


@contextlib.contextmanager
def copied(opened: AnyHardenedConnection) -> Iterator[Connection]:
    """Have a hardened connection to a copy, which is deleted in the end.

    Raises:
        ConfigurationError: the database is in memory.
    """
    if not opened.file:
        raise ConfigurationError(
            "A database in memory cannot be rehearsed on", "Give the URL of a file."
        )
    with tempfile.TemporaryDirectory(prefix="hardlite-") as folder:
        copy = str(pathlib.Path(folder) / pathlib.Path(opened.file).name)
        copy_database(opened.file, copy, opened.driver)
        engine = create_hardened_engine(URL.create("sqlite", database=copy), profile=opened.profile)
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()


def _rows(connection: Connection) -> dict[str, int]:
    counted = {name: count_rows(connection, name) for name in table_names(connection)}
    connection.rollback()
    return counted
