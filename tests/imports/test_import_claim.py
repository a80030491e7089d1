"""One import at a time under a key: the second is told who the first is."""

import logging
import os
import signal
import stat
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from hardlite import batched_unit_of_work, forget_resume_key, resume_points
from hardlite.clock import system_clock
from hardlite.errors import ConfigurationError, ResumeRefusedError
from hardlite.reports.report import ImportReport
from hardlite.resume.import_claim import claim_file, claimed
from tests.fixtures.arrivals import PATIENCE
from tests.fixtures.entries import ENTRIES, entered, entries, make_entries
from tests.fixtures.lock_keepers import Keeper, keeper
from tests.fixtures.programs import run_program

needs_flock = pytest.mark.skipif(sys.platform == "win32", reason="nobody has run it there")


@pytest.fixture
def engine(engine: Engine) -> Engine:
    make_entries(engine)
    return engine


def run(engine: Engine, key: str = "nightly") -> ImportReport:
    return batched_unit_of_work(engine, entries(9), ENTRIES, batch_size=2, resume_key=key)


IMPORT = """
from sqlalchemy import Column, Integer, MetaData, Table
from hardlite import batched_unit_of_work, create_hardened_engine

engine = create_hardened_engine(f"sqlite:///{path}")
table = Table("entries", MetaData(), Column("n", Integer))

def source():
    yield from ({"n": n} for n in range(4))
    hold("importing")
    yield from ({"n": n} for n in range(4, 9))

batched_unit_of_work(engine, source(), table, batch_size=2, resume_key="nightly")
engine.dispose()
"""


@pytest.fixture
def other(engine: Engine, db_path: Path) -> Iterator[Keeper]:
    """Another process, in the middle of an import under the key "nightly"."""
    engine.dispose()
    with keeper(db_path, IMPORT, word="importing") as process:
        yield process


def test_the_second_process_is_refused_by_name_of_the_first(engine: Engine, other: Keeper) -> None:
    with pytest.raises(ResumeRefusedError) as caught:
        run(engine)

    told = str(caught.value)
    assert "The resume key 'nightly' is in use by another import: thread 'MainThread' of " in told
    assert f"process {other.pid} (" in told
    assert " s, begun at " in told
    other.end()
    assert run(engine).resumed_from.finished
    assert entered(engine) == list(range(9))


@pytest.mark.usefixtures("other")
def test_another_key_is_another_import(engine: Engine) -> None:
    assert run(engine, "daily").ok


@pytest.mark.usefixtures("other")
def test_a_key_in_use_cannot_be_forgotten(engine: Engine) -> None:
    with pytest.raises(ResumeRefusedError, match="in use by another import"):
        forget_resume_key(engine, "nightly")

    assert [point.key for point in resume_points(engine)] == ["nightly"]


def test_a_process_that_was_killed_frees_the_key(
    engine: Engine, other: Keeper, db_path: Path
) -> None:
    other.kill()

    assert Path(claim_file(os.path.realpath(db_path), "nightly")).exists(), "the file stays"
    report = run(engine)

    assert (report.ok, report.resumed_from.position) == (True, 4)
    assert entered(engine) == list(range(9))
    assert not list(db_path.parent.glob("*-import-*")), "and goes with the next import"


def test_the_second_thread_is_refused_by_name_of_the_first(engine: Engine) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def source() -> Iterator[dict[str, object]]:
        yield from entries(3)
        inside.set()
        assert go_on.wait(PATIENCE)

    def first() -> ImportReport:
        return batched_unit_of_work(engine, source(), ENTRIES, resume_key="nightly")

    with ThreadPoolExecutor(1, thread_name_prefix="importer") as pool:
        running = pool.submit(first)
        assert inside.wait(PATIENCE)
        with pytest.raises(ResumeRefusedError) as caught:
            run(engine)
        go_on.set()
        assert running.result().ok

    assert f"thread 'importer_0' of process {os.getpid()}" in str(caught.value)
    assert f"begun at {__file__}:" in str(caught.value)
    assert entered(engine) == [0, 1, 2]


def test_an_import_within_an_import_is_refused_too(engine: Engine) -> None:
    def source() -> Iterator[dict[str, object]]:
        yield {"n": 0}
        run(engine)

    with pytest.raises(ResumeRefusedError, match="in use"):
        batched_unit_of_work(engine, source(), ENTRIES, resume_key="nightly")


def test_nothing_is_left_beside_the_database(engine: Engine, db_path: Path) -> None:
    seen: list[str] = []

    def progress(_: object) -> None:
        seen.extend(path.name for path in db_path.parent.glob("*-import-*"))

    batched_unit_of_work(engine, entries(3), ENTRIES, resume_key="k", progress=progress)

    assert seen == [Path(claim_file(str(db_path), "k")).name]
    assert not list(db_path.parent.glob("*-import-*"))


@needs_flock
def test_the_file_is_its_owners_alone(engine: Engine, db_path: Path) -> None:
    """It tells who works on what."""
    modes: list[int] = []

    def progress(_: object) -> None:
        (file,) = db_path.parent.glob("*-import-*")
        modes.append(stat.S_IMODE(file.stat().st_mode))

    batched_unit_of_work(engine, entries(1), ENTRIES, resume_key="k", progress=progress)

    assert modes == [0o600]


def test_an_import_goes_on_without_the_file_where_it_cannot_be_made(
    engine: Engine, db_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Here a directory is in its place; a directory that may not be written does the same."""
    Path(claim_file(os.path.realpath(db_path), "nightly")).mkdir()
    caplog.set_level(logging.WARNING, "hardlite.batches")

    assert run(engine).ok

    (record,) = [one for one in caplog.records if "nobody is kept" in one.getMessage()]
    assert "nobody is kept from importing under 'nightly' at the same time" in record.getMessage()


def test_without_the_file_no_item_goes_in_twice_either(engine: Engine, db_path: Path) -> None:
    """Then the row alone keeps two imports apart, at their next batch."""
    Path(claim_file(os.path.realpath(db_path), "nightly")).mkdir()

    def source() -> Iterator[dict[str, object]]:
        yield from entries(4)
        assert run(engine).ok
        yield from entries(9, first=4)

    with pytest.raises(ResumeRefusedError, match="somebody else has moved it on"):
        batched_unit_of_work(engine, source(), ENTRIES, batch_size=2, resume_key="nightly")

    assert entered(engine) == list(range(9))


def test_a_process_that_has_not_told_its_name_is_in_the_way_all_the_same(
    engine: Engine, db_path: Path
) -> None:
    path = Path(claim_file(os.path.realpath(db_path), "nightly"))
    hold = """
        import fcntl
        file = open(path, "w")
        fcntl.flock(file, fcntl.LOCK_EX)
        hold()
    """

    with keeper(path, hold), pytest.raises(ResumeRefusedError, match="has not told its name"):
        run(engine)

    assert run(engine).ok


@needs_flock
def test_a_file_that_is_deleted_meanwhile_is_made_again(db_path: Path) -> None:
    """Its owner ends between the opening and the locking of the second: the lock is worth nothing."""
    import fcntl

    path = Path(claim_file(str(db_path), "k"))
    first = path.open("w", encoding="utf-8")
    locked = fcntl.flock

    def flock(number: int, how: int) -> None:
        if path.exists() and os.path.samestat(path.stat(), os.fstat(first.fileno())):
            path.unlink()
        locked(number, how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fcntl, "flock", flock)
        with claimed(str(db_path), "k", system_clock):
            second = path.stat()

    assert not os.path.samestat(second, os.fstat(first.fileno()))
    first.close()


def test_a_file_of_somebody_else_is_left_alone(db_path: Path) -> None:
    """Somebody tidied up while an import ran, and another one made a file of its own."""
    path = Path(claim_file(str(db_path), "k"))

    with claimed(str(db_path), "k", system_clock):
        path.unlink()
        path.write_bytes(b"")

    assert path.exists()
    with claimed(str(db_path), "k", system_clock):
        path.unlink()


def test_a_lock_that_cannot_be_asked_for_leaves_nothing_open(
    db_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As on file systems that know no locks."""
    import hardlite.lock_holders.claim_files as module

    opened: list[int] = []

    def refuse(descriptor: int) -> bool:
        opened.append(descriptor)
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(module, "try_lock", refuse)
    with claimed(str(db_path), "k", system_clock):
        pass

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])
    assert "Operation not supported" in caplog.text


FORKS = """
from sqlalchemy import Column, Integer, MetaData, Table
from hardlite import batched_unit_of_work, create_hardened_engine

engine = create_hardened_engine(f"sqlite:///{path}")
table = Table("entries", MetaData(), Column("n", Integer))
engine.dispose()

def source():
    yield {"n": 0}
    heard, told = os.pipe()
    if os.fork() == 0:
        os.write(told, b"here")
        os.close(1)
        os.read(0, 1)
        os._exit(0)
    # Not before it has begun: it is then that it lets go of what its parent had open.
    os.read(heard, 4)
    hold("forked")

batched_unit_of_work(engine, source(), table, batch_size=1, resume_key="nightly")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_of_a_killed_import_does_not_keep_the_key(engine: Engine, db_path: Path) -> None:
    """The child lives on, and has a copy of all that its parent had open."""
    engine.dispose()
    with keeper(db_path, FORKS, word="forked") as parent:
        os.kill(parent.pid, signal.SIGKILL)
        os.waitid(os.P_PID, parent.pid, os.WEXITED | os.WNOWAIT)

        report = batched_unit_of_work(engine, entries(2), ENTRIES, resume_key="nightly")
        parent.kill()

    assert entered(engine) == [0, 1]
    assert report.resumed_from.position == 1


LEAVES = """
    import os, sys
    from hardlite.clock import system_clock
    from hardlite.resume.import_claim import claim_file, claimed

    with claimed(sys.argv[1], "k", system_clock):
        child = os.fork()
        if child:
            print(os.waitpid(child, 0)[1], os.path.exists(claim_file(sys.argv[1], "k")))
    if child == 0:
        os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_that_leaves_the_import_gives_nothing_back(tmp_path: Path, db_path: Path) -> None:
    assert run_program(tmp_path, LEAVES, db_path).strip() == "0 True"


def test_a_connection_that_cannot_be_looked_into_is_told(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hardlite.resume.resume_points as points
    from hardlite import sessions

    for module in (points, sessions):
        monkeypatch.setattr(module, "hardened", lambda _: None)

    with pytest.raises(ConfigurationError, match="hardlite cannot look into"):
        run(engine)


@pytest.mark.parametrize("key", ["", "x" * 201, 5, b"k", "a\nb", "a\0b", "\ud800", "\x1b[2J"])
def test_a_key_that_is_no_name_is_refused(engine: Engine, key: object) -> None:
    with pytest.raises(ConfigurationError, match="resume_key= cannot be"):
        batched_unit_of_work(engine, entries(1), ENTRIES, resume_key=key)


@pytest.mark.parametrize("key", ["k", "x" * 200, "nächtlich: Flüge 2013/01", "../../etc"])
def test_a_key_may_be_any_name(engine: Engine, key: str, db_path: Path) -> None:
    assert run(engine, key).ok
    assert resume_points(engine)[0].key == key
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM hardlite_progress")) == 1
    assert {path.name.partition("-")[0] for path in db_path.parent.iterdir()} == {"app.db"}
