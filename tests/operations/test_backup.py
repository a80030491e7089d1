"""A backup is whole and good, or it is not there."""

import gzip
import io
import json
import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from hardlite import Backup, BackupError, DatabaseLockedError, backup, holders, verify
from hardlite.errors import ConfigurationError, UsageError
from hardlite.inspection.effective import driver_for
from hardlite.operations import copying
from hardlite.operations.backup import Order, back_up
from hardlite.operations.content import content_of
from hardlite.operations.opening import opened
from tests.fixtures.clocks import SetClock
from tests.fixtures.databases import EngineFactory
from tests.fixtures.lock_keepers import keeper
from tests.fixtures.programs import run_program
from tests.operations.conftest import ROWS

DAY = 86400.0


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder / "app.db"


def rows_in(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM note").fetchone()
    return int(count)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO note (words) VALUES ('later')"))


def test_a_backup_is_a_database_of_its_own_with_a_manifest(notes: Engine, target: Path) -> None:
    done = backup(notes, target)

    assert rows_in(target) == ROWS
    assert names(target.parent) == ["app.db", "app.db.manifest.json"]
    told = json.loads((target.parent / "app.db.manifest.json").read_text("utf-8"))
    assert told == done.manifest.to_dict()
    assert told["content"]["rows"] == {"note": ROWS}
    assert told["bytes"] == target.stat().st_size
    assert done.to_dict()["path"] == str(target)
    assert verify(target).ok


def test_it_has_the_state_of_one_moment_while_others_write(notes: Engine, target: Path) -> None:
    """SQLite's own copy in steps would begin anew at each of these writes."""
    seen: list[int] = []

    def progress(done: int, total: int) -> None:
        seen.append(done)
        assert done <= total
        write(notes)

    backup(notes, target, progress=progress)

    assert len(seen) > 3
    assert seen == sorted(set(seen)), "no page is copied twice"
    assert rows_in(target) == ROWS
    with notes.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM note")) == ROWS + len(seen)


def test_a_writing_transaction_does_not_keep_a_backup_waiting(notes: Engine, target: Path) -> None:
    with notes.begin() as connection:
        connection.execute(text("DELETE FROM note"))
        backup(notes, target, timeout=0)

    assert rows_in(target) == ROWS


def test_a_database_can_be_named_by_its_path(notes: Engine, db_path: Path, target: Path) -> None:
    notes.dispose()

    assert backup(db_path, target).manifest.database == os.path.realpath(db_path)


def test_the_disk_is_waited_for_from_time_to_time(
    notes: Engine, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []
    monkeypatch.setattr(copying, "_SYNCED", 2 * copying._STEP)
    monkeypatch.setattr(copying, "_sync_data", waits.append)

    backup(notes, target)

    assert len(waits) >= target.stat().st_size // (2 * copying._STEP)


def test_nobody_may_read_the_copy_who_may_not_read_the_database(
    notes: Engine, db_path: Path, target: Path
) -> None:
    db_path.chmod(0o600)
    modes = []

    backup(
        notes,
        target,
        progress=lambda *_: modes.append(next(target.parent.glob("*.draft")).stat().st_mode),
    )

    assert {mode & 0o777 for mode in [*modes, target.stat().st_mode]} == {0o600}


def test_a_name_that_ends_in_gz_is_packed(notes: Engine, target: Path) -> None:
    packed = target.with_name("app.db.gz")

    done = backup(notes, packed)

    assert names(target.parent) == ["app.db.gz", "app.db.gz.manifest.json"]
    target.write_bytes(gzip.decompress(packed.read_bytes()))
    assert rows_in(target) == ROWS
    assert done.manifest.bytes == packed.stat().st_size < target.stat().st_size
    assert verify(packed).ok


def test_what_does_not_come_out_as_it_went_in_is_no_backup(
    notes: Engine, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = gzip.open

    def damaged(path: Path, mode: str = "rb", **options: int) -> object:
        return io.BytesIO(b"other") if mode == "rb" else pack(path, mode, **options)

    monkeypatch.setattr(gzip, "open", damaged)

    with pytest.raises(BackupError, match="does not hold what was packed"):
        backup(notes, target.with_name("app.db.gz"))

    assert names(target.parent) == []


# What cannot be a target


def link_to(kind: str, database: Path, target: Path) -> Path:
    """Lead ``target`` to the database."""
    if kind == "hard link":
        target.hardlink_to(database)
    elif kind == "symbolic link":
        target.symlink_to(database)
    elif kind == "another spelling":
        return database.parent / "." / "backups" / ".." / database.name
    else:
        return Path(f"{database}{kind}")
    return target


@pytest.mark.parametrize(
    "kind", ["hard link", "symbolic link", "another spelling", "", "-wal", "-shm", "-journal"]
)
def test_the_database_itself_is_no_target(
    notes: Engine, db_path: Path, target: Path, kind: str
) -> None:
    with pytest.raises(ConfigurationError, match="would replace the database itself"):
        backup(notes, link_to(kind, db_path, target))

    write(notes)
    assert verify(notes).ok


def test_what_is_there_already_stays(notes: Engine, target: Path) -> None:
    target.write_text("mine", encoding="utf-8")

    with pytest.raises(ConfigurationError, match="already, and it stays"):
        backup(notes, target)

    assert target.read_text("utf-8") == "mine"


def test_a_manifest_that_is_there_already_stays(notes: Engine, target: Path) -> None:
    target.with_name("app.db.manifest.json").touch()

    with pytest.raises(ConfigurationError, match="already, and it stays"):
        backup(notes, target)


def test_a_link_that_leads_nowhere_is_something_that_is_there(notes: Engine, target: Path) -> None:
    target.symlink_to(target.with_name("elsewhere.db"))

    with pytest.raises(ConfigurationError, match="already, and it stays"):
        backup(notes, target)


def test_what_appears_meanwhile_stays(notes: Engine, target: Path) -> None:
    with pytest.raises(BackupError, match="has appeared meanwhile"):
        backup(notes, target, progress=lambda *_: target.write_text("mine", encoding="utf-8"))

    assert target.read_text("utf-8") == "mine"
    assert names(target.parent) == ["app.db"]


def test_a_directory_is_no_target(notes: Engine, target: Path) -> None:
    with pytest.raises(ConfigurationError, match="that is a directory") as caught:
        backup(notes, target.parent)

    assert "app-{time}.db" in caught.value.hint


def test_the_root_of_all_is_a_directory_too(notes: Engine) -> None:
    with pytest.raises(ConfigurationError, match="that is a directory"):
        backup(notes, "/")


def test_the_directory_has_to_be_there(notes: Engine, target: Path) -> None:
    with pytest.raises(ConfigurationError, match="There is no directory"):
        backup(notes, target / "app.db")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"keep": 3}, "need names that differ"),
        ({"keep_for": 3.0}, "need names that differ"),
        ({"keep": 0, "time": True}, "keep= cannot be 0"),
        ({"keep_for": 0.0, "time": True}, "keep_for= cannot be 0.0"),
        ({"check": "slow"}, "check= cannot be 'slow'"),
    ],
)
def test_what_makes_no_sense_is_refused(
    notes: Engine, target: Path, options: dict[str, object], told: str
) -> None:
    name = "app-{time}.db" if options.pop("time", False) else "app.db"

    with pytest.raises(ConfigurationError, match=told):
        backup(notes, target.with_name(name), **options)


# What cannot be backed up


def test_a_damaged_database_gives_no_backup(
    notes: Engine, db_path: Path, target: Path, spoil: Callable[[Path], None]
) -> None:
    notes.dispose()
    spoil(db_path)

    with pytest.raises(BackupError, match=r"The copy of .* is not good, so it is no backup"):
        backup(db_path, target)

    assert names(target.parent) == []


@pytest.mark.parametrize("content", [b"no database" * 100, b"\0" * 5000])
def test_what_is_no_database_gives_no_backup(db_path: Path, target: Path, content: bytes) -> None:
    db_path.write_bytes(content)

    with pytest.raises(BackupError, match=r"could not be backed up to .*: file is not a database"):
        backup(db_path, target)

    assert names(target.parent) == []


def test_an_empty_file_gives_no_backup_that_takes_the_place_of_a_good_one(
    db_path: Path, target: Path
) -> None:
    db_path.touch()

    with pytest.raises(BackupError, match="is empty"):
        backup(db_path, target)

    assert names(target.parent) == []


def test_what_is_not_there_gives_no_backup(db_path: Path, target: Path) -> None:
    with pytest.raises(ConfigurationError, match="There is no database"):
        backup(db_path, target)

    assert not db_path.exists()


FULL = """
import resource, signal, sys
from hardlite import BackupError, backup

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    backup(sys.argv[1], sys.argv[2])
except BackupError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="this system knows no limits of files")
def test_a_full_disk_leaves_nothing_behind(
    notes: Engine, db_path: Path, target: Path, tmp_path: Path
) -> None:
    notes.dispose()

    told = run_program(tmp_path, FULL, db_path, target)

    assert "could not be backed up to" in told
    assert names(target.parent) == []
    assert verify(db_path).ok


def test_references_that_lead_nowhere_are_noted_and_no_obstacle(
    make_engine: EngineFactory, target: Path
) -> None:
    """A database without a backup would be worse off."""
    engine = make_engine(foreign_keys=False)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE parent (id INTEGER PRIMARY KEY)"))
        connection.execute(text("CREATE TABLE child (parent REFERENCES parent)"))
        connection.execute(text("INSERT INTO child VALUES (1), (2)"))

    done = backup(engine, target)

    told = "2 rows of 'child' refer to rows of 'parent' that are not there"
    assert done.manifest.lost_references == (told,)
    assert verify(target).ok, "it is what it was"
    assert verify(engine).problems == (told,)


# Interrupts and others


def test_an_interrupt_leaves_nothing_behind(notes: Engine, target: Path) -> None:
    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup(notes, target, progress=interrupt)

    assert names(target.parent) == []


def test_what_a_killed_one_left_goes_with_the_next(notes: Engine, target: Path) -> None:
    for end in ("draft", "draft-packed", "draft-manifest", "claim"):
        target.with_name(f".app.db.{end}").write_text("half", encoding="utf-8")

    backup(notes, target)

    assert names(target.parent) == ["app.db", "app.db.manifest.json"]


def test_a_second_backup_to_one_place_is_refused(notes: Engine, target: Path) -> None:
    caught: list[UsageError] = []

    def progress(*_: int) -> None:
        try:
            backup(notes, target)
        except UsageError as error:
            caught.append(error)

    backup(notes, target, progress=progress)

    assert "is under way: thread 'MainThread' of process" in str(caught[0])
    assert rows_in(target) == ROWS


def test_with_a_rollback_journal_writers_wait_in_line(
    make_engine: EngineFactory, target: Path
) -> None:
    engine = make_engine(journal_mode="delete")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE note (words TEXT)"))
    labels = []

    backup(
        engine,
        target,
        progress=lambda *_: labels.append(holders(engine).turn),
    )

    assert [turn.label for turn in labels if turn] == ["backup"]
    assert holders(engine).turn is None


HOLDS = """
from sqlalchemy import text
from hardlite import create_hardened_engine

engine = create_hardened_engine(f"sqlite:///{path}", journal_mode="delete")
with engine.begin() as connection:
    connection.execute(text("CREATE TABLE note (words TEXT)"))
    hold()
engine.dispose()
"""


def test_with_a_rollback_journal_a_writer_who_does_not_end_is_named(
    db_path: Path, target: Path
) -> None:
    with (
        keeper(db_path, HOLDS) as process,
        pytest.raises(DatabaseLockedError, match=f"process {process.pid}"),
    ):
        backup(db_path, target, timeout=0.05)

    assert names(target.parent) == []


LOCKS = """
c = connect("delete")
c.execute("CREATE TABLE note (words TEXT)")
c.execute("BEGIN EXCLUSIVE")
hold()
"""


def test_a_lock_of_a_program_without_hardlite_is_told(db_path: Path, target: Path) -> None:
    with keeper(db_path, LOCKS), pytest.raises(DatabaseLockedError, match="database is locked"):
        backup(db_path, target, timeout=0.05)


# Which ones stay


def series(
    engine: Engine, target: Path, days: list[float], **rule: object
) -> tuple[list[Backup], list[str]]:
    """Make a backup on each of these days; return them, and the days of those that stayed."""
    clock, made = SetClock(), []
    file = os.path.realpath(str(engine.url.database))
    options = {"keep": None, "keep_for": None, **rule}
    for day in days:
        clock.reading = day * DAY
        order = Order(
            target=target.with_name("app-{time}.db"),
            check="quick",
            progress=None,
            timeout=1.0,
            **options,
        )
        made.append(back_up(file, driver_for(engine), order, clock))
    return made, [name[4:12] for name in names(target.parent) if name.endswith(".db")]


@pytest.mark.parametrize(
    ("rule", "stay"),
    [
        ({}, ["19700102", "19700103", "19700104", "19700120"]),
        ({"keep": 1}, ["19700120"]),
        ({"keep": 3}, ["19700103", "19700104", "19700120"]),
        ({"keep_for": 16.5 * DAY}, ["19700104", "19700120"]),
        ({"keep": 3, "keep_for": 2 * DAY}, ["19700103", "19700104", "19700120"]),
        ({"keep": 1, "keep_for": 16.5 * DAY}, ["19700104", "19700120"]),
    ],
)
def test_a_backup_stays_while_its_number_or_its_age_keeps_it(
    notes: Engine, target: Path, rule: dict[str, object], stay: list[str]
) -> None:
    other = target.with_name("other-19700101T000000000Z.db")
    backup(notes, other)

    made, left = series(notes, target, [1, 2, 3, 19], **rule)

    assert [day for day in left if day.isdigit()] == stay
    assert other.exists()
    removed = [path for each in made for path in each.removed]
    assert len(removed) == 4 - len(stay)
    assert all(not Path(path).exists() for path in removed)
    assert len(list(target.parent.glob("app-*.manifest.json"))) == len(stay)


def test_nothing_is_removed_for_a_backup_that_is_not_good(
    notes: Engine, db_path: Path, target: Path, spoil: Callable[[Path], None]
) -> None:
    backup(notes, target.with_name("app-{time}.db"), keep=1)
    before = names(target.parent)
    notes.dispose()
    spoil(db_path)

    with pytest.raises(BackupError):
        backup(db_path, target.with_name("app-{time}.db"), keep=1)

    assert names(target.parent) == before


def test_differences_are_told_one_by_one(notes: Engine, db_path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    backup(notes, copy)
    with closing(sqlite3.connect(copy)) as connection:
        connection.executescript(
            "DELETE FROM note WHERE id > 10; CREATE TABLE more (n); PRAGMA user_version = 5"
        )
    notes.dispose()
    with (
        opened(str(db_path), driver_for(db_path)) as one,
        opened(str(copy), driver_for(copy)) as two,
    ):
        first, second = content_of(one), content_of(two)

    assert list(first.differences(first)) == []
    assert list(first.differences(second)) == [
        "user_version is 5 instead of 0",
        "its schema is another one",
        "the table 'more' is new",
        "the table 'note' has 10 rows instead of 5000",
    ]
    assert "the table 'more' is missing" in list(second.differences(first))
