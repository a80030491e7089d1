"""`create_hardened_engine`, and what makes an engine of SQLAlchemy a hardened one."""

import functools
import logging
import os
import pathlib
import sqlite3
import weakref
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.dialects import plugins
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor, Dialect
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry, QueuePool
from sqlalchemy.sql import Select
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util import immutabledict

from hardlite.checkouts import track_checkouts
from hardlite.connections.awaited import gate_of
from hardlite.connections.drivers import Driver, driver_named
from hardlite.connections.locked import turn_holder
from hardlite.connections.statements import FOR_UPDATE
from hardlite.connections.translation import translate
from hardlite.database_names import file_of
from hardlite.errors import ConfigurationError
from hardlite.execution_options import CHARACTERISTICS, hardened, refuse_wrong_options
from hardlite.fair_pool import close_idle
from hardlite.log_events import log_event
from hardlite.pragmas import Place, apply_pragmas
from hardlite.profile import Profile, profile_from
from hardlite.turns.figures import TurnFigures
from hardlite.turns.gate_registry import call_before_fork, find_holders_by, gate_for
from hardlite.wal_reset import tell_of_wal_reset

__all__ = [
    "create_by",
    "create_hardened_engine",
    "end_leftovers_at_checkin",
    "harden",
    "profile_of",
]

T = TypeVar("T")

_log = logging.getLogger("hardlite.engine")

_profiles: "weakref.WeakKeyDictionary[Dialect, Profile]" = weakref.WeakKeyDictionary()
_engines: "weakref.WeakSet[Engine]" = weakref.WeakSet()
_on_a_file: "weakref.WeakSet[Engine]" = weakref.WeakSet()

# By name, so that it is found also where the package's metadata is not, as in a frozen program.
plugins.register("hardlite", "hardlite.plugin", "HardlitePlugin")


def create_hardened_engine(
    url: str | URL, *, profile: Profile | None = None, **options: object
) -> Engine:
    """Make an engine that does not say "database is locked".

    Every connection is configured and read back, transactions begin rightly, and writers take
    fair turns. Swap it for `sqlalchemy.create_engine`; nothing else has to change.

    Args:
        url: a SQLite URL, as for `sqlalchemy.create_engine`.
        profile: the settings; `Profile()` if left out.
        options: any field of `Profile` by its name, which goes before ``profile``, and everything
            that `sqlalchemy.create_engine` takes.

    Raises:
        ConfigurationError: a setting is unknown or cannot be combined with hardlite.
        UnsupportedDatabaseError: the URL is not one of SQLite.

    >>> engine = create_hardened_engine("sqlite://", busy_timeout=10)
    >>> with engine.connect() as connection:
    ...     connection.exec_driver_sql("PRAGMA busy_timeout").scalar()
    10000
    >>> engine.dispose()
    """
    return create_by(sqlalchemy.create_engine, url, profile, options)


def create_by(
    create: Callable[..., T], url: str | URL, profile: Profile | None, options: Mapping[str, object]
) -> T:
    """Make an engine by one of SQLAlchemy's functions, with hardlite's settings among its options.

    Args:
        create: that function.
        url: of the database.
        profile: the settings, if they were given as one.
        options: settings and SQLAlchemy's own options.

    Raises:
        ConfigurationError: a setting is unknown or cannot be combined with hardlite.
        UnsupportedDatabaseError: the URL is not one of SQLite.
    """
    if options.get("skip_autocommit_rollback"):
        raise ConfigurationError(
            "skip_autocommit_rollback=True hands connections back to the pool without a rollback, "
            "with whatever transaction is open on them",
            "Leave it out: a rollback without a transaction costs next to nothing.",
        )
    names = Profile.names()
    settings = {name: value for name, value in options.items() if name in names}
    rest: dict[str, Any] = {name: value for name, value in options.items() if name not in names}
    other = rest.pop("hardlite", None)
    if profile is not None and other is not None:
        raise ConfigurationError(
            "Both profile= and hardlite= were given", "Give one of them: they mean the same."
        )
    given = profile_from(other if profile is None else profile, argument="profile")
    rest["hardlite"] = given.evolve(settings)
    rest["plugins"] = [*rest.get("plugins", ()), "hardlite"]
    try:
        return create(url, **rest)
    except TypeError as error:
        # SQLAlchemy names in it what it does not know; a setting of hardlite may be meant.
        for name in rest:
            if repr(name) in str(error) and Profile.nearest(name):
                raise ConfigurationError(
                    f"Neither hardlite nor SQLAlchemy has a setting {name!r}",
                    f"Did you mean {Profile.nearest(name)!r}?",
                ) from error
        raise


def harden(engine: Engine, profile: Profile) -> None:
    """Attach hardlite to an engine that opens its connections as `HardenedConnection`."""
    dialect = cast("DefaultDialect", engine.dialect)
    known: dict[str, Any] = {**dialect.connection_characteristics, **CHARACTERISTICS}
    dialect.connection_characteristics = immutabledict(known)
    dialect.statement_compiler = _with_for_update(dialect.statement_compiler)
    driver = driver_named(profile.driver)
    query = engine.url.query
    read_only = query.get("mode") == "ro" or query.get("immutable") in {"1", "true", "yes", "on"}
    # What is counted lasts for as long as the engine, with or without connections.
    figures: set[TurnFigures] = set()
    shared_memory = str(engine.url.database) if query.get("cache") == "shared" else ""

    def configure(dbapi_connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        try:
            set_up(dbapi_connection)
        except BaseException:
            # Early 2.0 forgets a connection that a listener refused, and it would stay open.
            dbapi_connection.close()
            raise

    def set_up(dbapi_connection: DBAPIConnection) -> None:
        connection = hardened(dbapi_connection)
        if connection is None or connection.driver is not driver:
            _meet_stranger(dbapi_connection, engine.url, driver)
            return
        file = connection.file
        place = Place(file=file, writable=not read_only and _may_write(file))
        name = file or shared_memory
        gate = gate_for(name) if name and place.writable else None
        if gate is not None:
            figures.add(gate.figures)
        # First, so that a checkpoint at a change of the journal has its turn.
        connection.adopt(profile, gate_of(dbapi_connection, gate), writable=place.writable)
        apply_pragmas(functools.partial(_ask, dbapi_connection), profile, place)
        if file:
            _on_a_file.add(engine)

    event.listen(engine, "connect", configure)
    event.listen(engine, "handle_error", translate)
    _check_options(dialect)
    # create_engine(execution_options=...) came before there was anybody to look at them.
    engine.update_execution_options(**engine.get_execution_options())
    _profiles[dialect] = profile
    _engines.add(engine)
    if profile.track_checkouts:
        track_checkouts(engine)
    if profile.journal_mode == "wal" and not read_only and _is_on_a_file(engine.url):
        tell_of_wal_reset(driver)


def _check_options(dialect: DefaultDialect) -> None:
    """Look at execution options when they are given.

    A listener of the engine would do, but an engine that has one of those asks for more of them
    at every checkout, statement and commit, which costs more than all that hardlite does there.
    """
    to_engine = dialect.set_engine_execution_options
    to_connection = dialect.set_connection_execution_options

    def set_on_engine(engine: Engine, opts: Mapping[str, Any]) -> None:
        refuse_wrong_options(opts)
        to_engine(engine, opts)

    def set_on_connection(connection: Connection, opts: Mapping[str, Any]) -> None:
        refuse_wrong_options(opts)
        to_connection(connection, opts)

    # On this dialect alone: it is the engine's own, shared with what execution_options() returns.
    vars(dialect)["set_engine_execution_options"] = set_on_engine
    vars(dialect)["set_connection_execution_options"] = set_on_connection


def end_leftovers_at_checkin(engine: Engine) -> None:
    """Roll back at checkin what an engine without reset on return would leave open.

    A connection that goes back to its pool with a transaction open would keep the turn.
    """

    def end(dbapi_connection: DBAPIConnection | None, _: ConnectionPoolEntry) -> None:
        connection = hardened(dbapi_connection)
        if dbapi_connection is not None and connection is not None and connection.in_transaction:
            dbapi_connection.rollback()

    event.listen(engine, "checkin", end)


def profile_of(engine: Engine) -> Profile | None:
    """Return the settings of a hardened engine; None for any other engine."""
    return _profiles.get(engine.dialect)


def _is_on_a_file(url: URL) -> bool:
    return url.query.get("mode") != "memory" and file_of(url.database or "") != ""


def _may_write(file: str) -> bool:
    return not pathlib.Path(file).is_file() or os.access(file, os.W_OK)


def _ask(dbapi_connection: DBAPIConnection, sql: str) -> object:
    cursor: DBAPICursor = dbapi_connection.cursor()
    try:
        cursor.execute(sql)
        row = cursor.fetchone()
    finally:
        cursor.close()
    return None if row is None else row[0]


@functools.lru_cache(maxsize=16)
def _with_for_update(compiler: type[SQLCompiler]) -> type[SQLCompiler]:
    """Return ``compiler`` with a mark where SQLite's own drops FOR UPDATE without a word."""

    def for_update_clause(_: SQLCompiler, __: Select[Any], **___: object) -> str:
        return f" {FOR_UPDATE}"

    return type(
        f"Hardened{compiler.__name__}", (compiler,), {"for_update_clause": for_update_clause}
    )


def _meet_stranger(connection: object, url: URL, driver: Driver) -> None:
    """Refuse a connection that hardlite did not open; a wrapped one it can only warn of."""
    stranger = getattr(connection, "driver_connection", connection)
    # aiosqlite keeps the driver's own connection here.
    known = (sqlite3.Connection, driver.connection)
    if not isinstance(getattr(stranger, "_conn", stranger), known):
        _log.warning(
            "the connections of %r are wrapped in %s: hardlite cannot configure them",
            url,
            type(connection),
            extra=log_event("connection.wrapped", url=repr(url), wrapper=str(type(connection))),
        )
        return
    raise ConfigurationError(
        f"The engine for {url!r} was given a connection that hardlite did not open, by creator=, "
        "pool= or a do_connect listener",
        "Let the engine open its connections itself (connect_args= passes anything on to "
        "sqlite3.connect); or, with the default driver, call sqlite3.connect(..., "
        "factory=hardlite.connections.connection.HardenedConnection) in your creator.",
    )


def _close_idle_connections() -> None:
    """Let no idle connection go through a fork.

    The child would inherit what SQLite remembers of the locks of an open connection, but not the
    locks: its own connections would go without, and the parent, closing its last one, would take
    itself for the last of all and delete the WAL with the child's commits (sqlite.org, "How To
    Corrupt An SQLite Database File", section 2.6).
    """
    for engine in list(_on_a_file):
        pool = engine.pool
        if isinstance(pool, QueuePool) and not isinstance(pool, AsyncAdaptedQueuePool):
            close_idle(pool)
            used = pool.checkedout()
            if used:
                _log.warning(
                    "forking while %d connections to %r are in use: the child cannot use that "
                    "file safely; give them back before the fork, or start the child with the "
                    "'spawn' method",
                    used,
                    engine.url,
                    extra=log_event("fork.connections", url=repr(engine.url), connections=used),
                )


def _dispose_in_child() -> None:
    for engine in list(_engines):
        engine.dispose(close=False)


call_before_fork(_close_idle_connections)
find_holders_by(turn_holder)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_dispose_in_child)
