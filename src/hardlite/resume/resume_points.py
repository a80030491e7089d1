"""The resume keys of a database: how far the import under each of them has come."""

import dataclasses
from typing import Any, TypedDict, cast

from sqlalchemy import (
    Column,
    Engine,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    delete,
    inspect,
    select,
)
from sqlalchemy.orm import sessionmaker

from hardlite.clock import system_clock
from hardlite.errors import ConfigurationError
from hardlite.execution_options import hardened
from hardlite.resume.import_claim import claimed
from hardlite.sessions import HardenedSessionmaker, sessionmaker_of

__all__ = [
    "ResumePoint",
    "ResumePointDict",
    "file_behind",
    "forget_resume_key",
    "point_of",
    "progress_table",
    "resume_points",
]

progress_table = Table(
    "hardlite_progress",
    MetaData(),
    Column("resume_key", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("committed", Integer, nullable=False),
    Column("rejected", Integer, nullable=False),
    Column("skipped", Integer, nullable=False),
    Column("settings", String, nullable=False),
    Column("beginning", String, nullable=False),
    Column("started_at", String, nullable=False),
    Column("updated_at", String, nullable=False),
    Column("finished_at", String),
)
"""Where progress is kept; migrations may create it, or the first import with a key does."""

_all = select(progress_table).order_by(progress_table.c.started_at)


class ResumePointDict(TypedDict):
    """A `ResumePoint` as plain values."""

    key: str
    position: int
    committed: int
    rejected: int
    skipped: int
    settings: str
    started_at: str
    updated_at: str
    finished_at: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ResumePoint:
    """How far the imports under a resume key have come.

    Attributes:
        key: the resume key.
        position: how many items of the source are done, from its beginning.
        committed: how many of them went into the database.
        rejected: how many were left out for an error.
        skipped: how many were left out because the database had them already.
        settings: what is imported, and how, in words.
        started_at: when the first import under this key began, in ISO 8601 and UTC.
        updated_at: when its last batch was written.
        finished_at: when its source came to an end; None if it has not yet.
    """

    key: str
    position: int
    committed: int
    rejected: int
    skipped: int
    settings: str
    started_at: str
    updated_at: str
    finished_at: str | None

    @property
    def finished(self) -> bool:
        """Whether nothing is left to be done."""
        return self.finished_at is not None

    def __str__(self) -> str:
        counts = f"{self.committed} committed, {self.rejected} rejected, {self.skipped} skipped"
        done = "all of it was done" if self.finished else f"{self.position} items were done"
        return f"resume key {self.key!r}: {done} before ({counts})"

    def to_dict(self) -> ResumePointDict:
        """Return plain values, ready for `json.dumps`."""
        return cast("ResumePointDict", dataclasses.asdict(self))


def resume_points(target: Engine | sessionmaker[Any]) -> list[ResumePoint]:
    """Return all resume keys of a database and how far their imports have come.

    Args:
        target: a hardened engine, or a sessionmaker bound to one.

    >>> from hardlite import create_hardened_engine
    >>> engine = create_hardened_engine("sqlite://")
    >>> resume_points(engine)
    []
    >>> engine.dispose()
    """
    with sessionmaker_of(target).engine.connect() as connection:
        if not inspect(connection).has_table(progress_table.name):
            return []
        return list(map(point_of, connection.execute(_all).all()))


def forget_resume_key(target: Engine | sessionmaker[Any], key: str) -> None:
    """Forget a resume key, so that the next import under it begins anew.

    What has been imported stays.

    Args:
        target: a hardened engine, or a sessionmaker bound to one.
        key: the resume key.

    Raises:
        ConfigurationError: there is no such key.
        ResumeRefusedError: an import uses it right now.
    """
    known = [point.key for point in resume_points(target)]
    if key not in known:
        raise ConfigurationError(
            f"There is no resume key {key!r}",
            f"The database has {', '.join(map(repr, known)) or 'none'}.",
        )
    maker = sessionmaker_of(target)
    with claimed(file_behind(maker), key, system_clock), maker.writer_connection() as connection:
        connection.execute(delete(progress_table).where(progress_table.c.resume_key == key))


def file_behind(maker: HardenedSessionmaker) -> str:
    """Return the path of the database file as SQLite resolved it; empty if it is in memory."""
    with maker.engine.connect() as connection:
        opened = hardened(connection.connection.dbapi_connection)
        return "" if opened is None else opened.file


def point_of(row: Row[Any]) -> ResumePoint:
    """Return what a row of the table says."""
    return ResumePoint(
        key=row.resume_key,
        position=row.position,
        committed=row.committed,
        rejected=row.rejected,
        skipped=row.skipped,
        settings=row.settings,
        started_at=row.started_at,
        updated_at=row.updated_at,
        finished_at=row.finished_at,
    )
