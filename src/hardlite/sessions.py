"""One `sessionmaker` for each engine, with reader and writer sessions."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, cast

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from hardlite.clock import system_clock
from hardlite.connections.awaited import on_driver
from hardlite.connections.commit_tally import commits_counted
from hardlite.connections.translation import told
from hardlite.coroutines import refuse_coroutine_functions
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
    "Attempts",
    "HardenedSessionmaker",
    "begin_writing",
    "get_sessionmaker",
    "kept_by",
    "profile_behind",
    "require_wait",
    "run_in_transaction",
    "sessionmaker_of",
]

M = TypeVar("M")
T = TypeVar("T")


class HardenedSessionmaker(sessionmaker[Session]):
    """A `sqlalchemy.orm.sessionmaker` that also makes reader and writer sessions.

    Use `get_sessionmaker` to have the one of an engine.
    """

    def __init__(self, engine: Engine, **settings: Any) -> None:
        self.profile = profile_behind(engine)
        super().__init__(bind=engine, **settings)
        self.engine = engine
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
        require_wait(timeout)
        with (
            self(bind=self.engine, expire_on_commit=False, close_resets_only=False) as session,
            session.begin(),
        ):
            begin_writing(session.connection(), timeout)
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
        require_wait(timeout)
        with self.engine.begin() as connection:
            begin_writing(connection, timeout)
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
    return kept_by(
        engine, HardenedSessionmaker, lambda: HardenedSessionmaker(engine, **settings), settings
    )


def profile_behind(engine: Engine) -> Profile:
    """Return the settings of a hardened engine.

    Raises:
        ConfigurationError: the engine is not a hardened one.
    """
    profile = profile_of(engine)
    if profile is None:
        raise ConfigurationError(
            f"The engine for {engine.url!r} is not a hardened one",
            "Make it with create_hardened_engine(), or put ?plugin=hardlite into its URL.",
        )
    return profile


def kept_by(
    engine: Engine, kind: type[M], make: Callable[[], M], settings: Mapping[str, object]
) -> M:
    """Return the one sessionmaker of a kind that ``engine`` keeps, and make it at the first call.

    Raises:
        SessionmakerConflictError: a later call gives other settings than the first.
    """
    attribute = f"_hardlite_{kind.__name__}"
    kept = vars(engine).get(attribute)
    if kept is None:
        kept = vars(engine).setdefault(attribute, (make(), settings))
    maker, first_settings = cast("tuple[M, Mapping[str, object]]", kept)
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
        ConfigurationError: ``work`` is a coroutine function: async_run_in_transaction awaits those.

    >>> from hardlite import create_hardened_engine
    >>> from sqlalchemy import text
    >>> engine = create_hardened_engine("sqlite://")
    >>> run_in_transaction(engine, lambda session: session.scalar(text("SELECT 2")))
    2
    >>> engine.dispose()
    """
    refuse_coroutine_functions("async_run_in_transaction", work=work)
    maker = sessionmaker_of(target)
    attempts = Attempts(maker.profile.timeout if timeout is None else timeout)
    while True:
        with attempts.next() as left, maker.writer(timeout=left) as session:
            return work(session)


class Attempts:
    """The attempts at one transaction, as long as a lock gets in the way and there is time.

    Args:
        timeout: seconds for all of them together.
    """

    def __init__(self, timeout: float) -> None:
        self._deadline = system_clock.now() + timeout

    @contextlib.contextmanager
    def next(self) -> Iterator[float]:
        """Make an attempt, in the seconds that are left; swallow its lock error if it was not the last.

        What has committed something is not begun again.
        """
        with commits_counted() as tally:
            try:
                yield max(0.0, self._deadline - system_clock.now())
            except DatabaseLockedError:
                if system_clock.now() >= self._deadline or tally.commits:
                    raise


def require_wait(timeout: float | None) -> None:
    """Refuse what is not a number of seconds to wait for.

    Raises:
        ConfigurationError: it is not.
    """
    if timeout is not None and not timeout >= 0:
        raise ConfigurationError(
            f"A writer cannot wait {timeout!r} seconds for its turn",
            "timeout= takes a number of seconds, 0 or more.",
        )


def begin_writing(connection: Connection, timeout: float | None) -> None:
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
        on_driver(connection.connection.dbapi_connection, opened.begin_writing, timeout)
    except opened.driver.module.Error as error:
        if isinstance(error, FileReplacedError):
            connection.invalidate(error)
        raise told(error, statement=begin) or DBAPIError.instance(
            begin, None, error, opened.driver.module.Error, dialect=connection.dialect
        ) from error
