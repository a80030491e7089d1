"""One `sessionmaker` for each engine, with reader and writer sessions."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, cast

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from hardlite.clock import system_clock
from hardlite.connections.commit_tally import writes_committed
from hardlite.connections.translation import told
from hardlite.engine import profile_of
from hardlite.errors import (
    ConfigurationError,
    DatabaseLockedError,
    FileReplacedError,
    SessionmakerConflictError,
)
from hardlite.execution_options import READER, hardened
from hardlite.profile import Profile

__all__ = [
    "HardenedSessionmaker",
    "get_sessionmaker",
    "run_in_transaction",
    "sessionmaker_of",
]

T = TypeVar("T")

_ATTRIBUTE = "_hardlite_sessionmaker"


class HardenedSessionmaker(sessionmaker[Session]):
    """A `sqlalchemy.orm.sessionmaker` that also makes reader and writer sessions.

    Use `get_sessionmaker` to have the one of an engine.
    """

    def __init__(self, engine: Engine, **settings: Any) -> None:
        profile = profile_of(engine)
        if profile is None:
            raise ConfigurationError(
                f"The engine for {engine.url!r} is not a hardened one",
                "Make it with create_hardened_engine(), or put ?plugin=hardlite into its URL.",
            )
        super().__init__(bind=engine, **settings)
        self.engine = engine
        self.profile: Profile = profile
        self._reader_engine = engine.execution_options(hardlite_transaction=READER)

    @contextlib.contextmanager
    def reader(self) -> Iterator[Session]:
        """Open a session that sees one consistent snapshot and refuses to write.

        Raises:
            ReadOnlySessionError: a statement could write; it has not reached the file.

        >>> from hardlite import create_hardened_engine, get_sessionmaker
        >>> from sqlalchemy import text
        >>> engine = create_hardened_engine("sqlite://")
        >>> Session = get_sessionmaker(engine)
        >>> with Session.reader() as session:
        ...     session.scalar(text("SELECT 1"))
        1
        >>> engine.dispose()
        """
        with self(bind=self._reader_engine) as session:
            yield session

    @contextlib.contextmanager
    def writer(self, *, timeout: float | None = None) -> Iterator[Session]:
        """Take the turn, open a session, and commit it at the end.

        What the session loaded can still be read after the commit (``expire_on_commit`` is off):
        a look at an expired object would begin a transaction and take the turn once more. The
        session itself is closed for good: what somebody adds to it later would get lost.

        Args:
            timeout: seconds to wait for the turn; the profile's if left out.

        Raises:
            DatabaseLockedError: the turn could not be had in time.
            ReentrantWriteError: this thread has the turn already.
            ConfigurationError: ``timeout`` is not a number of seconds, 0 or more.
        """
        # Begun before the first statement, so no engine option is needed that says when.
        _require_seconds(timeout)
        with (
            self(bind=self.engine, expire_on_commit=False, close_resets_only=False) as session,
            session.begin(),
        ):
            _begin_writing(session.connection(), timeout)
            yield session

    @contextlib.contextmanager
    def writer_connection(self, *, timeout: float | None = None) -> Iterator[Connection]:
        """Take the turn and open a connection: a `writer` for work that needs no session.

        Args:
            timeout: seconds to wait for the turn; the profile's if left out.

        Raises:
            DatabaseLockedError: the turn could not be had in time.
            ReentrantWriteError: this thread has the turn already.
            ConfigurationError: ``timeout`` is not a number of seconds, 0 or more.
        """
        _require_seconds(timeout)
        with self.engine.begin() as connection:
            _begin_writing(connection, timeout)
            yield connection


def get_sessionmaker(engine: Engine, **settings: object) -> HardenedSessionmaker:
    """Return the one sessionmaker of ``engine``: the same object on every call.

    It lives as long as the engine and is kept by the engine itself, so no other engine can be
    taken for it, whatever its URL or address in memory.

    Args:
        engine: a hardened engine.
        settings: what `sqlalchemy.orm.sessionmaker` takes, on the first call. Later calls may
            leave them out or repeat them.

    Raises:
        ConfigurationError: the engine is not a hardened one.
        SessionmakerConflictError: a later call gives other settings than the first.

    >>> from hardlite import create_hardened_engine
    >>> engine = create_hardened_engine("sqlite://")
    >>> get_sessionmaker(engine) is get_sessionmaker(engine)
    True
    """
    kept = vars(engine).get(_ATTRIBUTE)
    if kept is None:
        maker = HardenedSessionmaker(engine, **settings)
        kept = vars(engine).setdefault(_ATTRIBUTE, (maker, settings))
    maker, first_settings = cast("tuple[HardenedSessionmaker, dict[str, object]]", kept)
    if settings and settings != first_settings:
        raise SessionmakerConflictError(
            f"The sessionmaker of {engine.url!r} was made with {first_settings or 'no settings'} "
            f"and is asked for with {settings}",
            "Give the settings in one place, where the engine is made; for a session that "
            "differs, pass them to the call: Session(autoflush=False).",
        )
    return maker


def sessionmaker_of(target: Engine | sessionmaker[Any]) -> HardenedSessionmaker:
    """Return a hardened sessionmaker for an engine or for any sessionmaker bound to one.

    Raises:
        ConfigurationError: there is no hardened engine behind ``target``.
    """
    if isinstance(target, HardenedSessionmaker):
        return target
    if isinstance(target, Engine):
        return get_sessionmaker(target)
    if not isinstance(target, sessionmaker):
        raise ConfigurationError(
            f"{target!r} is neither an engine nor a sessionmaker",
            "Pass the hardened engine, or get_sessionmaker(engine).",
        )
    settings = dict(target.kw)
    engine = settings.pop("bind", None)
    if not isinstance(engine, Engine):
        raise ConfigurationError(
            "The sessionmaker is not bound to one engine",
            "Pass the hardened engine, or get_sessionmaker(engine).",
        )
    return HardenedSessionmaker(engine, class_=target.class_, **settings)


def run_in_transaction(
    target: Engine | sessionmaker[Any],
    work: Callable[[Session], T],
    *,
    timeout: float | None = None,
) -> T:
    """Run ``work(session)`` in a writer session, as a whole, again if a lock got in its way.

    The turn is taken first, so a second run is rare: SQLite can still find a reader in the way of
    a COMMIT when the file is not in WAL mode. Nothing of a failed run is in the database; what
    ``work`` does elsewhere happens once more. If ``work`` itself committed a transaction of its
    own, it is not run again.

    Args:
        target: a hardened engine or a sessionmaker bound to one.
        work: is given the session; it must not commit it.
        timeout: seconds for everything together; the profile's if left out.

    Returns:
        What ``work`` returned.

    Raises:
        DatabaseLockedError: the time was up.

    >>> from hardlite import create_hardened_engine
    >>> from sqlalchemy import text
    >>> engine = create_hardened_engine("sqlite://")
    >>> run_in_transaction(engine, lambda session: session.scalar(text("SELECT 2")))
    2
    >>> engine.dispose()
    """
    maker = sessionmaker_of(target)
    deadline = system_clock.now() + (maker.profile.timeout if timeout is None else timeout)
    while True:
        committed = writes_committed()
        try:
            with maker.writer(timeout=max(0.0, deadline - system_clock.now())) as session:
                return work(session)
        except DatabaseLockedError:
            if system_clock.now() >= deadline or writes_committed() != committed:
                raise


def _require_seconds(timeout: float | None) -> None:
    if timeout is not None and not timeout >= 0:
        raise ConfigurationError(
            f"A writer cannot wait {timeout!r} seconds for its turn",
            "timeout= takes a number of seconds, 0 or more.",
        )


def _begin_writing(connection: Connection, timeout: float | None) -> None:
    """Begin past SQLAlchemy, and raise what it would have raised."""
    opened = hardened(connection.connection.dbapi_connection)
    if opened is None:
        raise ConfigurationError(
            f"The connections of {connection.engine.url!r} are wrapped in a class that hardlite "
            "cannot look into, so no turn can be taken on them",
            "Take out what wraps the driver's connections, such as an instrumentation of sqlite3.",
        )
    begin = "BEGIN IMMEDIATE"
    try:
        opened.begin_writing(timeout)
    except opened.driver.module.Error as error:
        if isinstance(error, FileReplacedError):
            connection.invalidate(error)
        raise told(error, statement=begin) or DBAPIError.instance(
            begin, None, error, opened.driver.module.Error, dialect=connection.dialect
        ) from error
