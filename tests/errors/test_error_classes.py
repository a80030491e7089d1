"""What every error of hardlite promises: what happened, what to do, and that it can be sent on."""

import copy
import inspect
import pickle
import sqlite3
from collections.abc import Callable
from typing import TypeVar

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, exc

from hardlite import batched_unit_of_work, errors
from hardlite.call_sites import CallSite
from hardlite.errors import (
    BackupError,
    ConfigurationError,
    DatabaseInUseError,
    DatabaseLockedError,
    DatabaseReplacedError,
    DriverFaultError,
    FileReplacedError,
    HardliteError,
    ImportRejectedError,
    LeftoverTableError,
    LockedByOtherError,
    MigrationFailedError,
    MissingExtraError,
    PragmaRejectedError,
    ReadOnlySessionError,
    ReentrantWriteError,
    ResumeRefusedError,
    SessionmakerConflictError,
    StaleSnapshotError,
    UnreadableDatabaseError,
    UnsupportedDatabaseError,
    UsageError,
)
from hardlite.turns.holder import Holder
from tests.fixtures.databases import EngineFactory

E = TypeVar("E", bound=Exception)

WHAT, HINT = "The pump stopped", "Fill the tank."
PLAIN = [
    HardliteError,
    BackupError,
    DatabaseInUseError,
    ConfigurationError,
    PragmaRejectedError,
    UnsupportedDatabaseError,
    SessionmakerConflictError,
    UsageError,
    ReentrantWriteError,
    ReadOnlySessionError,
    ResumeRefusedError,
    LeftoverTableError,
    UnreadableDatabaseError,
]
HOLDER = Holder(pid=7, thread="thread 'x'", held=1.5, site=CallSite("app.py", 3, "save"))


def pickled(error: E) -> E:
    """What arrives where ``error`` is sent, for example from a worker process."""
    twin: E = pickle.loads(pickle.dumps(error))  # noqa: S301 - pickled in the same line
    return twin


def locked(
    kind: type[DatabaseLockedError], *, hide_parameters: bool = False
) -> DatabaseLockedError:
    """An error as the engine's listener makes it, of the driver's error."""
    orig = LockedByOtherError(
        "database is locked: by a test",
        hint=HINT,
        waited=2.5,
        holder=HOLDER,
        stale=kind is StaleSnapshotError,
    )
    parameters = [{"name": "Anna"}, {"name": "Ben"}]
    return kind(
        "INSERT INTO t",
        parameters,
        orig,
        HINT,
        waited=2.5,
        holder=HOLDER,
        hide_parameters=hide_parameters,
        ismulti=True,
    )


def test_these_tests_know_every_error() -> None:
    special = {ImportRejectedError, MissingExtraError, DatabaseLockedError, StaleSnapshotError}
    special.add(MigrationFailedError)
    of_the_driver = {LockedByOtherError, FileReplacedError}
    kinds = special.union(PLAIN, of_the_driver, {DatabaseReplacedError, DriverFaultError})
    known = {kind.__name__ for kind in kinds}

    assert known == set(errors.__all__)


@pytest.mark.parametrize("kind", PLAIN)
def test_an_error_says_what_happened_what_to_do_and_its_slug(kind: type[HardliteError]) -> None:
    error = kind(WHAT, HINT)

    assert str(error) == f"{WHAT}. {HINT} [{kind.slug}]"
    assert error.hint == HINT


@pytest.mark.parametrize("kind", PLAIN)
def test_an_error_is_the_same_after_pickling(kind: type[HardliteError]) -> None:
    error = pickled(kind(WHAT, HINT))

    assert type(error) is kind
    assert str(error) == str(kind(WHAT, HINT))
    assert error.hint == HINT


def test_a_missing_extra_names_the_command_that_brings_it_also_after_pickling() -> None:
    error = MissingExtraError("cli", "The command line")
    again = pickled(error)

    assert "pip install 'hardlite[cli]'" in error.hint
    assert str(again) == str(error) == f"{error.args[0]}. {error.hint} [missing-extra]"
    assert (again.extra, again.needed_by) == ("cli", "The command line")


def test_a_failed_migration_keeps_its_facts_also_after_pickling() -> None:
    error = MigrationFailedError(WHAT, HINT, revision="0003", statement="DROP", backup="app.db-b")
    again = pickled(error)

    assert type(again) is MigrationFailedError
    assert str(again) == str(error) == f"{WHAT}. {HINT} [migration-failed]"
    assert (again.revision, again.statement, again.backup) == ("0003", "DROP", "app.db-b")


def test_an_import_error_keeps_its_report_also_after_pickling(make_engine: EngineFactory) -> None:
    engine = make_engine()
    table = Table("item", MetaData(), Column("id", Integer, primary_key=True))
    table.create(engine)
    report = batched_unit_of_work(
        engine, [{"id": 1}, {"id": 1}, {"id": 2}], table, on_error="isolate"
    )
    with pytest.raises(ImportRejectedError) as caught:
        report.raise_for_rejections()

    again = pickled(caught.value)

    assert type(again) is ImportRejectedError
    assert str(again) == str(caught.value)
    assert again.hint == caught.value.hint != ""
    assert str(caught.value).endswith("[import-rejected]")
    assert again.report.to_dict() == report.to_dict()
    assert again.report.rejected == 1


@pytest.mark.parametrize("kind", [DatabaseLockedError, StaleSnapshotError])
@pytest.mark.parametrize("again", [pickled, copy.copy])
def test_a_lock_error_keeps_all_its_facts_when_it_is_copied(
    kind: type[DatabaseLockedError], again: Callable[[DatabaseLockedError], DatabaseLockedError]
) -> None:
    error = locked(kind)
    twin = again(error)

    assert type(twin) is kind
    assert str(twin) == str(error)
    assert repr(twin) == repr(error)
    assert (twin.hint, twin.waited, twin.holder) == (HINT, 2.5, HOLDER)
    assert (twin.statement, twin.params) == (error.statement, error.params)
    assert (twin.ismulti, twin.hide_parameters) == (True, False)
    assert twin.orig.sqlite_errorcode == error.orig.sqlite_errorcode  # type: ignore[union-attr]


def test_a_lock_error_of_sqlite_itself_keeps_its_code_when_it_is_pickled() -> None:
    connection = sqlite3.connect(":memory:")
    with pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute("SELECT nothing")
    connection.close()
    error = DatabaseLockedError("SELECT nothing", (), caught.value, HINT, waited=0.0, holder=None)

    twin = pickled(error)

    assert twin.orig.sqlite_errorname == "SQLITE_ERROR"


@pytest.mark.parametrize("kind", [DatabaseLockedError, StaleSnapshotError])
def test_a_lock_error_reads_like_sqlalchemys_with_hint_and_slug_at_the_end(
    kind: type[DatabaseLockedError],
) -> None:
    lines = str(locked(kind)).splitlines()

    assert lines[0] == "(hardlite.errors.LockedByOtherError) database is locked: by a test"
    assert lines[1] == "[SQL: INSERT INTO t]"
    assert "Anna" in lines[2]
    assert lines[-1] == f"{HINT} [{kind.slug}]"


def test_a_lock_error_hides_parameters_when_it_is_told_to_also_after_pickling() -> None:
    error = locked(DatabaseLockedError, hide_parameters=True)

    for text in (str(error), str(pickled(error))):
        assert "Anna" not in text
        assert "SQL parameters hidden" in text


@pytest.mark.parametrize(
    ("stale", "name"), [(False, "SQLITE_BUSY"), (True, "SQLITE_BUSY_SNAPSHOT")]
)
def test_the_drivers_face_has_sqlites_code_and_keeps_its_facts_when_pickled(
    name: str, *, stale: bool
) -> None:
    error = LockedByOtherError(
        "database is locked", hint=HINT, waited=1, holder=HOLDER, stale=stale
    )

    for one in (error, pickled(error)):
        assert isinstance(one, sqlite3.OperationalError)
        assert str(one) == "database is locked"
        assert one.sqlite_errorname == name
        assert one.sqlite_errorcode == getattr(sqlite3, name)
        assert (one.hint, one.waited, one.holder, one.stale) == (HINT, 1, HOLDER, stale)


@pytest.mark.parametrize(
    ("kind", "parents"),
    [
        (ConfigurationError, {HardliteError, ValueError}),
        (MissingExtraError, {ConfigurationError}),
        (PragmaRejectedError, {ConfigurationError}),
        (UnsupportedDatabaseError, {ConfigurationError}),
        (SessionmakerConflictError, {ConfigurationError}),
        (UsageError, {HardliteError, RuntimeError}),
        (ReentrantWriteError, {UsageError}),
        (ResumeRefusedError, {UsageError}),
        (ReadOnlySessionError, {UsageError}),
        (LeftoverTableError, {UsageError}),
        (MigrationFailedError, {HardliteError}),
        (ImportRejectedError, {HardliteError}),
        (DriverFaultError, {HardliteError, exc.OperationalError}),
        (DatabaseLockedError, {DriverFaultError}),
        (StaleSnapshotError, {DatabaseLockedError}),
        (LockedByOtherError, {sqlite3.OperationalError}),
        (DatabaseReplacedError, {DriverFaultError}),
        (FileReplacedError, {sqlite3.OperationalError}),
    ],
)
def test_an_error_stands_where_it_was_promised(
    kind: type[Exception], parents: set[type[Exception]]
) -> None:
    assert set(kind.__bases__) == parents


def test_every_error_says_in_its_docstring_when_it_is_raised() -> None:
    assert all(inspect.getdoc(getattr(errors, name)) for name in errors.__all__)
