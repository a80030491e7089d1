"""The execution options ``hardlite_transaction`` and ``hardlite_timeout``.

They are connection characteristics, as SQLAlchemy's own ``isolation_level`` is: accepted by
engines, connections and ``Session.connection()``, and reset when the connection goes back to its
pool (SQLAlchemy, "Setting Transaction Isolation Levels").
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, cast, get_args

from sqlalchemy.engine.characteristics import ConnectionCharacteristic
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect

from hardlite.connections.connection import AnyHardenedConnection
from hardlite.errors import ConfigurationError
from hardlite.profile import TransactionMode

__all__ = ["CHARACTERISTICS", "READER", "hardened", "refuse_wrong_options"]

READER = "reader"
"""The value of ``hardlite_transaction`` for a snapshot that refuses to write."""

_MODES: tuple[str, ...] = get_args(TransactionMode)


def hardened(connection: object) -> AnyHardenedConnection | None:
    """Find the hardened connection in what a pool calls a connection; None if there is none."""
    driver = getattr(connection, "driver_connection", connection)
    if not isinstance(driver, AnyHardenedConnection):
        # aiosqlite keeps its sqlite3 connection here; its public methods all leave the thread.
        driver = getattr(driver, "_conn", None)
    return driver if isinstance(driver, AnyHardenedConnection) else None


class _Option(ConnectionCharacteristic):
    """One option: how its value is set on a connection, put back, and read."""

    def __init__(
        self,
        set_value: Callable[[AnyHardenedConnection, object], None],
        reset: Callable[[AnyHardenedConnection], None],
        get: Callable[[AnyHardenedConnection], object],
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


def _of(connection: DBAPIConnection) -> AnyHardenedConnection:
    found = hardened(connection)
    if found is None:
        raise ConfigurationError(
            f"The connection is wrapped in {type(connection)}, and hardlite cannot reach it",
            "Leave the hardlite_ execution options out, or take the wrapper away.",
        )
    return found


def refuse_wrong_options(options: Mapping[str, object]) -> None:
    """Refuse a wrong option when it is given, not when a connection is there to have it.

    Raises:
        ConfigurationError: an option of hardlite is not known, or its value is not.
    """
    for name, value in options.items():
        if name in _CHECKS:
            _CHECKS[name](value)
        elif name.startswith("hardlite_"):
            raise ConfigurationError(
                f"hardlite has no execution option {name!r}",
                f"It has {' and '.join(_CHECKS)}.",
            )


def _check_mode(value: object) -> None:
    if value not in (*_MODES, READER):
        raise ConfigurationError(
            f"The execution option hardlite_transaction cannot be {value!r}",
            f"It takes {', '.join(_MODES)} or {READER}.",
        )


def _check_timeout(value: object) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and cast("float", value) >= 0):
        raise ConfigurationError(
            f"The execution option hardlite_timeout cannot be {value!r}",
            "It takes a number of seconds, 0 or more.",
        )


_CHECKS: Mapping[str, Callable[[object], None]] = {
    "hardlite_transaction": _check_mode,
    "hardlite_timeout": _check_timeout,
}


def _set_mode(connection: AnyHardenedConnection, value: object) -> None:
    if value == READER:
        connection.set_mode("snapshot", reader=True)
    else:
        connection.set_mode(cast("TransactionMode", value))


def _set_timeout(connection: AnyHardenedConnection, value: object) -> None:
    connection.timeout = float(cast("float", value))


def _reset_timeout(connection: AnyHardenedConnection) -> None:
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
