"""The modules that can drive SQLite: the standard library's, and pysqlite3 with a newer SQLite."""

import dataclasses
import functools
import importlib
import sqlite3
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

from hardlite.errors import FileReplacedError, LockedByOtherError, MissingExtraError
from hardlite.profile import DriverName

__all__ = ["SQLITE3", "AnyConnection", "AnyCursor", "Driver", "driver_named", "driver_of"]

E = TypeVar("E", bound=sqlite3.OperationalError)

if TYPE_CHECKING:
    AnyConnection = sqlite3.Connection
    AnyCursor = sqlite3.Cursor
else:
    # hardlite's classes are mixed in front of those of whichever module it is.
    AnyConnection = AnyCursor = object


@dataclasses.dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Driver:
    """A module with the interface of `sqlite3`, and what hardlite needs of it.

    Attributes:
        name: as the setting ``driver`` has it.
        module: the module.
        version: of the SQLite it is linked with.
        connection: its class of connections.
        cursor: its class of cursors.
        connect_options: what its connections are opened with besides the caller's own; Python
            3.16 gives ``autocommit`` another default, so it is named where it exists.
        blob_opener: the method of its connections that opens a value as a file.
        extended_codes: its errors have SQLite's extended result codes, not the primary ones alone
            (sqlite.org, "Result and Error Codes").
        locked_error: `LockedByOtherError`, as an error of this module.
        replaced_error: `FileReplacedError`, as an error of this module.
    """

    name: str
    module: types.ModuleType
    version: tuple[int, int, int]
    connection: type[sqlite3.Connection]
    cursor: type[sqlite3.Cursor]
    connect_options: Mapping[str, int]
    blob_opener: str
    extended_codes: bool
    locked_error: type[LockedByOtherError]
    replaced_error: type[FileReplacedError]


@functools.cache
def driver_of(module: types.ModuleType) -> Driver:
    """Look at a module that has the interface of `sqlite3`."""
    return Driver(
        name=module.__name__.partition(".")[0],
        module=module,
        version=module.sqlite_version_info,
        connection=module.Connection,
        cursor=module.Cursor,
        connect_options={"autocommit": -1} if hasattr(module.Connection, "autocommit") else {},
        blob_opener="blobopen" if hasattr(module.Connection, "blobopen") else "open_blob",
        extended_codes=hasattr(module, "SQLITE_BUSY_SNAPSHOT"),
        locked_error=_as_error_of(module, LockedByOtherError),
        replaced_error=_as_error_of(module, FileReplacedError),
    )


def driver_named(name: DriverName) -> Driver:
    """Return the driver that the setting ``driver`` names.

    Raises:
        MissingExtraError: the extra ``pysqlite3`` is not installed.
    """
    if name == "sqlite3":
        return SQLITE3
    try:
        return driver_of(importlib.import_module("pysqlite3.dbapi2"))
    except ModuleNotFoundError:
        raise MissingExtraError("pysqlite3", "driver='pysqlite3'") from None


def _as_error_of(module: types.ModuleType, kind: type[E]) -> type[E]:
    """Return ``kind`` as a class that is caught, and wrapped by SQLAlchemy, as the module's own."""
    if issubclass(kind, module.OperationalError):
        return kind
    namespace = {"__module__": kind.__module__, "__doc__": kind.__doc__}
    return type(kind.__name__, (kind, module.OperationalError), namespace)


SQLITE3 = driver_of(importlib.import_module("sqlite3"))
