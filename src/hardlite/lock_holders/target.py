"""From an engine, a URL or a path to the database file, without opening anything."""

import os
import stat

from sqlalchemy import exc
from sqlalchemy.engine import URL, Engine, make_url

from hardlite.database_names import file_of
from hardlite.errors import ConfigurationError, UnsupportedDatabaseError

__all__ = ["database_file", "file_named"]


def database_file(target: Engine | str | os.PathLike[str]) -> str:
    """Return the real path of the database file that ``target`` names.

    Args:
        target: an engine, hardened or not; a path or a ``file:`` URI; or a URL as text.

    Raises:
        ConfigurationError: it names a database in memory, or no file that exists.
        UnsupportedDatabaseError: it names a database that is not one of SQLite.
    """
    file = file_named(target)
    name = _name(target)
    try:
        kind = os.stat(file).st_mode  # noqa: PTH116 - no more than a look
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ConfigurationError(f"There is no database {name}", "Check the path.") from error
    if not stat.S_ISREG(kind):
        raise ConfigurationError(f"{name} is not a file", "Give the path of the database file.")
    return file


def file_named(target: Engine | str | os.PathLike[str]) -> str:
    """Return the real path of the file that ``target`` names, there or not.

    Args:
        target: as for `database_file`.

    Raises:
        ConfigurationError: it names a database in memory.
        UnsupportedDatabaseError: it names a database that is not one of SQLite.
    """
    file = file_of(_name(target))
    if not file:
        raise ConfigurationError(
            f"{_shown(target)} names a database in memory: no other process can lock it",
            "Give the path of a database file, or an engine on one.",
        )
    return file


def _name(target: Engine | str | os.PathLike[str]) -> str:
    if isinstance(target, Engine):
        return _file_of_url(target.url)
    if isinstance(target, str) and "://" in target:
        return _file_of_url(_url(target))
    return os.fspath(target)


def _url(text: str) -> URL:
    try:
        return make_url(text)
    except (exc.ArgumentError, ValueError) as error:
        raise ConfigurationError(
            f"{text} is not a database URL", "Give a path, or a URL such as sqlite:///app.db."
        ) from error


def _file_of_url(url: URL) -> str:
    if url.get_backend_name() != "sqlite":
        raise UnsupportedDatabaseError(
            f"{url.render_as_string()} is not a SQLite database",
            "Give a path, or a URL such as sqlite:///app.db.",
        )
    in_memory = url.query.get("mode") == "memory"
    return "" if in_memory else url.database or ""


def _shown(target: Engine | str | os.PathLike[str]) -> str:
    return repr(target.url if isinstance(target, Engine) else target)
