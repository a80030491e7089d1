"""One SQLite library for each file, within a process.

Two copies of SQLite in one process know nothing of each other's locks, and whichever closes a file
drops all locks that the process has on it, those of the other one too: a second writer gets in
(sqlite.org, "How To Corrupt An SQLite Database File", section 2.2.1).
"""

import os
import threading
import weakref

from hardlite.connections.drivers import Driver
from hardlite.database_names import DatabaseName, file_of
from hardlite.errors import ConfigurationError

__all__ = ["Use", "use_file"]


class Use:
    """That a file is open; each connection to it keeps the same one for as long as it is."""

    __slots__ = ("__weakref__", "driver")

    def __init__(self, driver: Driver) -> None:
        self.driver = driver


_lock = threading.Lock()
_uses: weakref.WeakValueDictionary[str, Use] = weakref.WeakValueDictionary()


def use_file(database: DatabaseName, driver: Driver) -> Use | None:
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


def _after_fork_in_child() -> None:
    global _lock, _uses  # noqa: PLW0603 - what the parent has open is not used in the child
    _lock = threading.Lock()
    _uses = weakref.WeakValueDictionary()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
