"""The execution options ``hardlite_transaction`` and ``hardlite_timeout``.

They are connection characteristics, as SQLAlchemy's own ``isolation_level`` is: accepted by
engines, connections and ``Session.connection()``, and reset when the connection goes back to its
pool (SQLAlchemy, "Setting Transaction Isolation Levels").
"""

from collections.abc import Callable
from typing import Any, ClassVar, cast, get_args

from sqlalchemy.engine.characteristics import ConnectionCharacteristic
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect

from hardlite.connection import HardenedConnection
from hardlite.errors import ConfigurationError
from hardlite.profile import TransactionMode

__all__ = ["CHARACTERISTICS", "READER", "hardened"]

READER = "reader"
"""The value of ``hardlite_transaction`` for a snapshot that refuses to write."""

_MODES: tuple[str, ...] = get_args(TransactionMode)


def hardened(connection: object) -> HardenedConnection | None:
    """Find the hardened connection in what a pool calls a connection; None if there is none."""
    driver = getattr(connection, "driver_connection", connection)
    if not isinstance(driver, HardenedConnection):
        # aiosqlite keeps its sqlite3 connection here; its public methods all leave the thread.
        driver = getattr(driver, "_conn", None)
    return driver if isinstance(driver, HardenedConnection) else None


class _Option(ConnectionCharacteristic):
    """One option: how its value is set on a connection, put back, and read."""

    def __init__(
        self,
        set_value: Callable[[HardenedConnection, object], None],
        reset: Callable[[HardenedConnection], None],
        get: Callable[[HardenedConnection], object],
    ) -> None:
        self._set = set_value
        self._reset = reset
        self._get = get

    def set_characteristic(
        self, dialect: Dialect, dbapi_conn: DBAPIConnection, value: object
    ) -> None:
        self._set(_of(dbapi_conn), value)

    def reset_characteristic(self, dialect: Dialect, dbapi_conn: DBAPIConnection) -> None:
        self._reset(_of(dbapi_conn))

    def get_characteristic(self, dialect: Dialect, dbapi_conn: DBAPIConnection) -> Any:
        return self._get(_of(dbapi_conn))


class _TransactionOption(_Option):
    transactional: ClassVar[bool] = True


def _of(connection: DBAPIConnection) -> HardenedConnection:
    found = hardened(connection)
    if found is None:
        raise ConfigurationError(
            f"The connection is wrapped in {type(connection)}, and hardlite cannot reach it",
            "Leave the hardlite_ execution options out, or take the wrapper away.",
        )
    return found


def _set_mode(connection: HardenedConnection, value: object) -> None:
    if value == READER:
        connection.set_mode("snapshot", reader=True)
    elif value in _MODES:
        connection.set_mode(cast("TransactionMode", value))
    else:
        raise ConfigurationError(
            f"The execution option hardlite_transaction cannot be {value!r}",
            f"It takes {', '.join(_MODES)} or {READER}.",
        )


def _set_timeout(connection: HardenedConnection, value: object) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
        raise ConfigurationError(
            f"The execution option hardlite_timeout cannot be {value!r}",
            "It takes a number of seconds, 0 or more.",
        )
    connection.timeout = float(value)


def _reset_timeout(connection: HardenedConnection) -> None:
    connection.timeout = connection.profile.timeout


CHARACTERISTICS: dict[str, ConnectionCharacteristic] = {
    "hardlite_transaction": _TransactionOption(
        _set_mode,
        lambda connection: connection.set_mode(connection.profile.transaction),
        lambda connection: connection.mode,
    ),
    "hardlite_timeout": _Option(
        _set_timeout, _reset_timeout, lambda connection: connection.timeout
    ),
}
