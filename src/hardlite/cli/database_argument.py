"""The DATABASE of a command: a path or a URL, looked at before it is opened."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import exc
from sqlalchemy.engine import URL, Engine, make_url

from hardlite.engine import create_hardened_engine
from hardlite.errors import ConfigurationError, UnsupportedDatabaseError
from hardlite.result_codes import primary_code

__all__ = ["database_file", "database_url", "opened"]

_WRONG_FILE: Final = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN)


def database_url(database: str) -> URL:
    """Return the URL of ``database``, which may be a path.

    Raises:
        ConfigurationError: it is not a URL.
        UnsupportedDatabaseError: it is not one of SQLite.
    """
    if "://" not in database:
        return URL.create("sqlite", database=database)
    try:
        url = make_url(database)
    except exc.ArgumentError as error:
        raise ConfigurationError(
            f"{database} is not a database URL", "Give a path, or a URL such as sqlite:///app.db."
        ) from error
    if url.get_backend_name() != "sqlite":
        raise UnsupportedDatabaseError(
            f"{url.render_as_string()} is not a SQLite database",
            "Give a path, or a URL such as sqlite:///app.db.",
        )
    # The URL of an asynchronous program will do: here it is read by one that is not.
    return url.set(drivername="sqlite")


def database_file(url: URL) -> Path | None:
    """Return the file that ``url`` names, there or not; None for memory and for URIs of SQLite."""
    name = url.database
    if not name or name == ":memory:" or "uri" in url.query:
        return None
    return Path(name)


@contextmanager
def opened(url: URL, *, create: bool) -> Iterator[Engine]:
    """Make a hardened engine for a command, and dispose of it in the end.

    Args:
        url: the database.
        create: the file may be new.

    Raises:
        ConfigurationError: the file is missing, a directory, or no database.
    """
    file = database_file(url)
    if file is not None:
        _require_place(file, create=create)
    try:
        engine = create_hardened_engine(url)
        try:
            yield engine
        finally:
            engine.dispose()
    except exc.ArgumentError as error:
        raise _unusable(url, error) from error
    except exc.DBAPIError as error:
        if primary_code(error) not in _WRONG_FILE:
            raise
        raise _unusable(url, error.orig) from error


def _unusable(url: URL, reason: BaseException | None) -> ConfigurationError:
    return ConfigurationError(
        f"{database_file(url) or url.render_as_string()} cannot be used: {reason}",
        "The database comes last on the command line, and must be a SQLite file.",
    )


def _require_place(file: Path, *, create: bool) -> None:
    if file.is_dir():
        raise ConfigurationError(f"{file} is a directory", "Name a database file in it.")
    if not file.parent.is_dir():
        raise ConfigurationError(f"There is no directory {file.parent}", "Make it first.")
    if not file.exists() and not create:
        raise ConfigurationError(
            f"There is no database {file}", "Check the path, or add --create to make it."
        )
