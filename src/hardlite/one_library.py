"""One SQLite library for each file, within a process.

Two copies of SQLite in one process know nothing of each other's locks, and whichever closes a file
drops all locks that the process has on it, those of the other one too: a second writer gets in
(sqlite.org, "How To Corrupt An SQLite Database File", section 2.2.1).
"""

import os
import threading
import urllib.parse
import weakref

from hardlite.drivers import Driver
from hardlite.errors import ConfigurationError

__all__ = ["Use", "file_of", "use_file"]

_Database = str | bytes | os.PathLike[str] | os.PathLike[bytes]


class Use:
    """That a file is open; each connection to it keeps the same one for as long as it is."""

    __slots__ = ("__weakref__", "driver")

    def __init__(self, driver: Driver) -> None:
        self.driver = driver


_lock = threading.Lock()
_uses: weakref.WeakValueDictionary[str, Use] = weakref.WeakValueDictionary()


def use_file(database: _Database, driver: Driver) -> Use | None:
    """Say that ``driver`` is about to open ``database``; to look afterwards would be too late.

    Args:
        database: what the driver is going to open, as a path or as a URI.
        driver: the driver.

    Returns:
        What the connection has to keep until it is closed; None for a database in memory.

    Raises:
        ConfigurationError: another driver has the file open.
    """
    file = file_of(database)
    if not file:
        return None
    with _lock:
        use = _uses.get(file)
        if use is None:
            use = _uses[file] = Use(driver)
    if use.driver.module is not driver.module:
        other = use.driver.name
        # The traceback would keep it for as long as somebody keeps the error.
        del use
        raise ConfigurationError(
            f"driver={driver.name!r} was about to open {file}, which this process has open with "
            f"driver={other!r}: each would drop the locks of the other, and the file "
            "would be damaged",
            "Use one driver for a file throughout the program; to change it, close all "
            "connections first, with engine.dispose().",
        )
    return use


def file_of(database: _Database) -> str:
    """Return the path of the file that ``database`` names; empty if it is in memory.

    Names are read as SQLite reads them (sqlite.org, "Uniform Resource Identifiers").

    >>> file_of("file:/srv/my%20app.db?mode=ro")
    '/srv/my app.db'
    >>> file_of(":memory:"), file_of("file:shared?mode=memory&cache=shared")
    ('', '')
    """
    name = os.fsdecode(database)
    if name.startswith("file:"):
        parts = urllib.parse.urlsplit(name)
        query = dict(urllib.parse.parse_qsl(parts.query))
        in_memory = query.get("mode") == "memory" or query.get("vfs") == "memdb"
        name = "" if in_memory else urllib.parse.unquote(parts.path)
    if name in {"", ":memory:"}:
        return ""
    return os.path.normcase(os.path.realpath(name))


def _after_fork_in_child() -> None:
    global _lock, _uses  # noqa: PLW0603 - what the parent has open is not used in the child
    _lock = threading.Lock()
    _uses = weakref.WeakValueDictionary()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
