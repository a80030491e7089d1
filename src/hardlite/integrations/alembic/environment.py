"""`run_migrations`: the body of an ``env.py``."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

import sqlalchemy
from sqlalchemy import MetaData
from sqlalchemy.engine import URL, Connection, Engine, make_url

from hardlite.aio.awaiting import AwaitedClock
from hardlite.clock import system_clock
from hardlite.connections.connection import AnyHardenedConnection
from hardlite.engine import create_hardened_engine
from hardlite.errors import ConfigurationError
from hardlite.execution_options import hardened
from hardlite.integrations.alembic.backups import Backups
from hardlite.integrations.alembic.contexts import AlembicContext
from hardlite.integrations.alembic.happenings import Tell
from hardlite.integrations.alembic.orders import ATTRIBUTE, Orders
from hardlite.integrations.alembic.rehearsal import Rehearsal, copied
from hardlite.integrations.alembic.run import Run, Surroundings
from hardlite.integrations.alembic.run_lock import one_run_at_a_time

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["run_migrations"]

_OWN: Final = {
    "as_sql",
    "connection",
    "fn",
    "transaction_per_migration",
    "transactional_ddl",
    "url",
}
"""Options of Alembic's ``configure`` that are decided here."""

_BACKUPS: Final = Backups()


def run_migrations(
    context: AlembicContext,
    target_metadata: MetaData | list[MetaData] | None,
    *,
    connectable: "Connection | Engine | AsyncEngine | None" = None,
    url: str | URL | None = None,
    timeout: float = 600.0,
    backups: Backups | None = _BACKUPS,
    progress: Tell | None = None,
    **options: object,
) -> None:
    """Run, or write, the migrations that Alembic was asked for: the body of an ``env.py``.

    One run at a time works on a database file; the others wait, and find nothing left to do. A run
    is one transaction, in which foreign keys are not enforced, so that the rebuild of a table takes
    no child row along (sqlite.org, "ALTER TABLE", section 8); they are checked before COMMIT, and
    enforced again after it. Before the first change the file is backed up.

    A migration must not commit. One that works in batches does so inside of Alembic's
    ``autocommit_block``, and in nothing else.

    Databases other than SQLite are migrated as Alembic does it by itself.

    Args:
        context: ``alembic.context``.
        target_metadata: the metadata of the application, for autogenerate.
        connectable: where to migrate. Left out, it is ``config.attributes["connection"]``, which a
            program passes that calls Alembic's commands; or else the URL is opened.
        url: the database; ``sqlalchemy.url`` of ``alembic.ini`` if left out. It is opened hardened,
            that of an asynchronous driver too.
        timeout: seconds to wait for another run on the same file.
        backups: where backups go, and how long they stay; None makes none.
        progress: is given a `Happening` for whatever begins.
        options: what else Alembic's ``context.configure`` takes.

    Raises:
        MigrationFailedError: a revision failed; the file is as it was before the run.
        LeftoverTableError: an earlier rebuild left its table behind.
        DatabaseLockedError: another run, or another writer, did not end in time.
        ConfigurationError: an option is decided by hardlite, or the connection is not hardened.
    """
    wrong = sorted(_OWN & options.keys())
    if wrong:
        raise ConfigurationError(
            f"run_migrations decides {', '.join(wrong)} itself",
            "Leave it out. The connection is passed as connectable=.",
        )
    orders: Orders = context.config.attributes.get(ATTRIBUTE) or Orders()
    orders.were_read = True
    if connectable is None:
        connectable = context.config.attributes.get("connection")
    options = {"target_metadata": target_metadata, "render_as_batch": True, **options}
    if context.is_offline_mode():
        _write(context, _url(context, url), options)
        return
    surroundings = Surroundings(
        options=options, backups=backups, clock=system_clock, tell=orders.tell or progress
    )

    def run(connection: Connection) -> None:
        if orders.rehearsal is None:
            _run(context, connection, timeout, surroundings)
        else:
            _rehearse(context, connection, surroundings, orders.rehearsal)

    if connectable is None or isinstance(connectable, Connection | Engine):
        with _connection(context, connectable, url) as connection:
            run(connection)
    else:
        import asyncio

        asyncio.run(_run_async(connectable, run))


async def _run_async(engine: "AsyncEngine", run: Callable[[Connection], None]) -> None:
    async with engine.connect() as connection:
        await connection.run_sync(run)


def _run(
    context: AlembicContext, connection: Connection, timeout: float, surroundings: Surroundings
) -> None:
    if connection.dialect.name != "sqlite":
        context.configure(connection=connection, **surroundings.options)
        with context.begin_transaction():
            context.run_migrations()
        return
    opened = _hardened(connection)
    run = Run(context, connection, opened, surroundings)
    if not run.may_migrate():
        run.pass_through()
        return
    with one_run_at_a_time(
        opened.file,
        timeout=timeout,
        clock=surroundings.clock,
        pause=(AwaitedClock() if connection.dialect.is_async else surroundings.clock).sleep,
        tell=surroundings.tell,
    ):
        run.migrate()


def _rehearse(
    context: AlembicContext,
    connection: Connection,
    surroundings: Surroundings,
    rehearsal: Rehearsal,
) -> None:
    """Migrate a copy; nobody else works on that, and it needs no backup."""
    opened = _hardened(connection)
    rehearsal.database = opened.file
    with copied(opened) as copy, rehearsal.counting(copy):
        noting = dataclasses.replace(
            surroundings, backups=None, tell=lambda happening: rehearsal.note(happening, copy)
        )
        run = Run(context, copy, _hardened(copy), noting)
        run.may_migrate()
        run.migrate()


def _hardened(connection: Connection) -> AnyHardenedConnection:
    opened = hardened(connection.connection.dbapi_connection)
    if opened is None:
        raise ConfigurationError(
            f"The connection to {connection.engine.url!r} is not a hardened one",
            "Make its engine with create_hardened_engine(), or put ?plugin=hardlite into its URL.",
        )
    if opened.isolation_level is None:
        raise ConfigurationError(
            "The connection is in AUTOCOMMIT, where a failed migration cannot be undone",
            "Pass one without that isolation level.",
        )
    return opened


@contextlib.contextmanager
def _connection(
    context: AlembicContext, connectable: Connection | Engine | None, url: str | URL | None
) -> Iterator[Connection]:
    """Have a connection; what was made for it is closed in the end."""
    if isinstance(connectable, Connection):
        yield connectable
        return
    engine = _engine(_url(context, url)) if connectable is None else connectable
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        if connectable is None:
            engine.dispose()


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        return sqlalchemy.create_engine(url)
    # The URL of an asynchronous program will do: here it is opened by one that is not.
    return create_hardened_engine(url.set(drivername="sqlite"))


def _url(context: AlembicContext, url: str | URL | None) -> URL:
    given = url or context.config.get_main_option("sqlalchemy.url")
    if not given:
        raise ConfigurationError(
            "Nothing says which database is to be migrated",
            "Set sqlalchemy.url in alembic.ini, or pass url= or connectable= to run_migrations.",
        )
    return make_url(given)


def _write(context: AlembicContext, url: URL, options: Mapping[str, object]) -> None:
    """Write the SQL, with foreign keys off round the transaction as in a run."""
    if url.get_backend_name() != "sqlite":
        context.configure(url=url, literal_binds=True, **options)
        with context.begin_transaction():
            context.run_migrations()
        return
    context.configure(url=url, literal_binds=True, **options, transactional_ddl=True)
    context.execute("PRAGMA foreign_keys = OFF")
    with context.begin_transaction():
        context.run_migrations()
        context.execute("PRAGMA foreign_key_check")
    context.execute("PRAGMA foreign_keys = ON")
