"""The ``?plugin=hardlite`` face of an engine (SQLAlchemy, "CreateEnginePlugin")."""

from collections.abc import Mapping
from typing import Any, cast

from sqlalchemy.engine import URL, CreateEnginePlugin, Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.pool import QueuePool

from hardlite.connections.awaited import open_awaited
from hardlite.connections.connection import connection_class
from hardlite.connections.drivers import SQLITE3, Driver, driver_named
from hardlite.engine import end_leftovers_at_checkin, harden
from hardlite.errors import ConfigurationError, UnsupportedDatabaseError
from hardlite.fair_pool import FairQueuePool
from hardlite.profile import Profile, profile_from

__all__ = ["HardlitePlugin"]

_PREFIX = "hardlite_"
_NO_RESET = (None, False, "none")  # SQLAlchemy's three spellings of it
_AIOSQLITE = "sqlite+aiosqlite"
_DRIVERS = {"sqlite", "sqlite+pysqlite", _AIOSQLITE}


class HardlitePlugin(CreateEnginePlugin):
    """Harden an engine that is being created.

    >>> from sqlalchemy import create_engine
    >>> engine = create_engine("sqlite://?plugin=hardlite&hardlite_busy_timeout=2")
    """

    def __init__(self, url: URL, kwargs: dict[str, Any]) -> None:
        self._kwargs = kwargs
        # The URL and plugins= may both name the plugin; the first one to come does the work.
        self._first = not isinstance(kwargs.get("hardlite"), HardlitePlugin)
        if self._first:
            _refuse_combinations(url, kwargs)
            self._profile = _profile(url, kwargs)
            self._driver = driver_named(self._profile.driver)
            _refuse_driver(self._driver, url, kwargs)
            kwargs["hardlite"] = self

    def update_url(self, url: URL) -> URL:
        """Take hardlite's own settings out of the URL, and put its factory in."""
        settings = [name for name in url.query if name.startswith(_PREFIX)]
        if self._first:
            del self._kwargs["hardlite"]
            self._kwargs["connect_args"] = {
                **(self._kwargs.get("connect_args") or {}),
                "factory": connection_class(self._driver),
                "timeout": self._profile.busy_timeout,
            }
            if url.drivername == _AIOSQLITE:
                self._kwargs["connect_args"]["async_creator_fn"] = open_awaited
            if self._driver is not SQLITE3:
                self._kwargs["module"] = self._driver.module
            if _takes_default_pool(url, self._kwargs):
                self._kwargs["poolclass"] = FairQueuePool
            self._may_leave_open = _may_leave_open(self._kwargs)
        return url.difference_update_query(settings)

    def engine_created(self, engine: Engine) -> None:
        """Attach the listeners, and write the plugin back into the engine's URL.

        SQLAlchemy takes it out; an engine made again from ``engine.url`` would not be hardened.
        """
        if not self._first:
            return
        harden(engine, self._profile)
        if self._may_leave_open:
            end_leftovers_at_checkin(engine)
        settings = self._profile.as_text()
        if "timeout" in engine.url.query:
            # It would be read again, so what it was overruled by has to stand there too.
            settings["timeout"] = str(self._profile.timeout)
            settings["busy_timeout"] = str(self._profile.busy_timeout)
        query = {_PREFIX + name: text for name, text in settings.items()}
        engine.url = engine.url.update_query_dict({"plugin": "hardlite", **query})


def _takes_default_pool(url: URL, kwargs: Mapping[str, Any]) -> bool:
    """Say whether SQLAlchemy would use its QueuePool because nobody chose another."""
    if "poolclass" in kwargs or "pool" in kwargs or url.query.get("mode") == "memory":
        return False
    dialect = cast("type[DefaultDialect]", url.get_dialect())
    return dialect.get_pool_class(url) is QueuePool


def _profile(url: URL, kwargs: Mapping[str, Any]) -> Profile:
    given = profile_from(kwargs.get("hardlite"), argument="hardlite")
    connect_args = kwargs.get("connect_args") or {}
    wait = connect_args.get("timeout", url.query.get("timeout"))
    if wait is not None:
        longest = given.evolve_from_text({"timeout": str(wait)}).timeout
        given = given.evolve({"timeout": longest, "busy_timeout": min(given.busy_timeout, longest)})
    settings: dict[str, str] = {}
    for name, value in url.query.items():
        if name.startswith(_PREFIX):
            if not isinstance(value, str):
                raise ConfigurationError(
                    f"The URL gives {name} more than once", "Give it one value."
                )
            settings[name.removeprefix(_PREFIX)] = value
    return given.evolve_from_text(settings)


def _may_leave_open(kwargs: Mapping[str, Any]) -> bool:
    """Say whether connections may go back to the pool without a rollback.

    A program that only changed its URL may ask for that in each of these ways.
    """
    return (
        kwargs.get("pool_reset_on_return", True) in _NO_RESET
        or kwargs.get("pool") is not None
        or bool(kwargs.get("skip_autocommit_rollback"))
    )


def _refuse_combinations(url: URL, kwargs: Mapping[str, Any]) -> None:
    if url.drivername not in _DRIVERS:
        raise UnsupportedDatabaseError(
            f"hardlite does not harden {url.drivername!r}",
            f"It hardens {', '.join(sorted(_DRIVERS))}; take the plugin out of other URLs.",
        )
    connect_args = kwargs.get("connect_args") or {}
    if "autocommit" in connect_args:
        raise ConfigurationError(
            f"connect_args={{'autocommit': {connect_args['autocommit']!r}}} takes the transactions "
            "away from hardlite, and False silently disables foreign keys",
            "Leave it out; for autocommit use isolation_level='AUTOCOMMIT'.",
        )
    if "async_creator_fn" in connect_args:
        raise ConfigurationError(
            "connect_args={'async_creator_fn': ...} replaces the connections that hardlite opens",
            "Leave it out: everything else in connect_args is passed on to sqlite3.connect.",
        )
    if "factory" in connect_args:
        raise ConfigurationError(
            "connect_args={'factory': ...} replaces the connection class that hardlite needs",
            "Leave it out; a cursor class of your own works through connection.cursor(factory).",
        )


def _refuse_driver(driver: Driver, url: URL, kwargs: Mapping[str, Any]) -> None:
    if driver is not SQLITE3 and url.drivername == _AIOSQLITE:
        raise ConfigurationError(
            f"driver={driver.name!r} is for sync engines: aiosqlite is bound to the standard "
            "library's sqlite3",
            "Leave driver= out of async engines, or write sqlite: instead of sqlite+aiosqlite:.",
        )
    given = getattr(kwargs.get("module"), "Connection", driver.connection)
    if isinstance(given, type) and not issubclass(given, driver.connection):
        raise ConfigurationError(
            f"module= brings the connection class {given.__module__}.{given.__qualname__}, but "
            f"hardlite's is that of {driver.name}",
            "Leave module= out; for pysqlite3, give driver='pysqlite3' instead.",
        )
