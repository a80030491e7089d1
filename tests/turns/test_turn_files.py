"""The two files beside a database: who gets their locks, and what may be wrong with them.

Two `TurnFiles` of one process are as strange to each other as those of two processes: a `flock`
belongs to the open file.
"""

import contextlib
import gc
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

import pytest

from hardlite.call_sites import CallSite
from hardlite.turns.gate_note import encode, read_note
from hardlite.turns.turn_files import TurnFiles
from tests.fixtures.arrivals import PATIENCE
from tests.fixtures.clocks import SetClock
from tests.fixtures.lock_keepers import GATE, keeper, needs_proc, queued, until
from tests.fixtures.programs import run_program

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="these files are POSIX's")

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty directory that every user may enter and write to."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o777)
    if not all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents):
        shutil.rmtree(path)
        pytest.skip("the directory for temporary files is closed to other users")
    yield path
    path.chmod(0o777)
    shutil.rmtree(path)


@pytest.fixture
def database(db_path: Path) -> Path:
    db_path.touch()
    return db_path


@pytest.fixture
def files(database: Path, clock: SetClock) -> TurnFiles:
    return TurnFiles(str(database), clock=clock)


@pytest.fixture
def other(database: Path) -> TurnFiles:
    return TurnFiles(str(database))


@contextlib.contextmanager
def without_privileges() -> Iterator[None]:
    """Permission bits do not bind root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


def gate_of(database: Path) -> Path:
    return database.with_name(f"{database.name}-gate")


def place_of(database: Path) -> Path:
    return database.with_name(f"{database.name}-gateq")


# Who gets the turn


def test_a_turn_is_one_processs_until_it_gives_it_back(files: TurnFiles, other: TurnFiles) -> None:
    assert files.try_claim()
    assert not other.try_claim()

    files.release()

    assert other.try_claim()
    assert not files.try_claim()


def test_nobody_comes_before_the_one_that_is_next(files: TurnFiles, database: Path) -> None:
    with keeper(database, GATE + "lock('-gateq'); hold()"):
        assert not files.try_claim()

    assert files.try_claim()


@needs_proc
def test_a_claim_waits_in_the_kernel_until_another_process_gives_the_turn_back(
    files: TurnFiles, database: Path
) -> None:
    assert files.try_claim()
    files.release()
    with ThreadPoolExecutor(1) as pool:
        with keeper(database, GATE + "lock('-gate'); hold()"):
            claim = pool.submit(files.claim)
            until(lambda: queued(gate_of(database)) == 1)
            assert not claim.done()
        claim.result(PATIENCE)

    assert not TurnFiles(str(database)).try_claim()


@needs_proc
def test_the_one_with_the_turn_sees_that_another_is_next(
    files: TurnFiles, other: TurnFiles, database: Path
) -> None:
    assert files.try_claim()
    assert not files.others_wait()

    with ThreadPoolExecutor(1) as pool:
        claim = pool.submit(other.claim)
        until(lambda: queued(gate_of(database)) == 1)
        assert files.others_wait()
        files.release()
        claim.result(PATIENCE)


def test_the_place_of_the_next_in_line_is_free_again_when_it_has_the_turn(
    files: TurnFiles, other: TurnFiles
) -> None:
    other.claim()

    assert not files.try_claim()
    assert not other.others_wait()


def test_who_never_claimed_anything_has_nothing_to_give_back(files: TurnFiles) -> None:
    files.release()
    files.write_note(b"unread")
    files.close()

    assert not files.others_wait()
    assert files.trouble is None


# What is in the files


def test_the_note_of_who_has_the_turn_is_read_by_others(files: TurnFiles, database: Path) -> None:
    site = CallSite("app.py", 7, "save")

    files.claim()
    files.write_note(encode(12, 1.5, "thread 'w'", site, "a very long label" * 9))
    files.write_note(encode(12, 2.5, "thread 'w'", site, "orders"))
    note = read_note(gate_of(database))

    assert note is not None
    assert (note.pid, note.since, note.site, note.label) == (12, 2.5, site, "orders")


def test_the_files_are_never_removed(files: TurnFiles, database: Path) -> None:
    """A file that is deleted while others wait for its lock would let two of them in."""
    files.claim()
    before = gate_of(database).stat().st_ino, place_of(database).stat().st_ino

    files.release()
    files.close()
    files.claim()

    assert (gate_of(database).stat().st_ino, place_of(database).stat().st_ino) == before


@pytest.mark.parametrize("mask", [0o000, 0o077])
@pytest.mark.parametrize(("mode", "expected"), [(0o600, 0o600), (0o664, 0o664), (0o755, 0o644)])
def test_new_files_may_be_used_by_those_who_may_use_the_database(
    files: TurnFiles, database: Path, mask: int, mode: int, expected: int
) -> None:
    database.chmod(mode)
    usual = os.umask(mask)
    try:
        files.claim()
    finally:
        os.umask(usual)

    for made in (gate_of(database), place_of(database)):
        assert stat.S_IMODE(made.stat().st_mode) == expected


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="needs root")
def test_what_root_makes_belongs_to_the_owner_of_the_database(
    files: TurnFiles, database: Path
) -> None:
    os.chown(database, NOBODY, NOBODY - 1)

    files.claim()

    for made in (gate_of(database), place_of(database)):
        assert (made.stat().st_uid, made.stat().st_gid) == (NOBODY, NOBODY - 1)


def test_files_of_a_database_that_is_gone_are_made_all_the_same(
    files: TurnFiles, database: Path
) -> None:
    database.unlink()

    assert files.try_claim()
    assert files.trouble is None


def test_a_program_that_is_started_does_not_get_the_files(tmp_path: Path, db_path: Path) -> None:
    """Else it would keep the turn of a process that is gone."""
    run_program(
        tmp_path,
        """
        import os, subprocess, sys
        from hardlite.turns.turn_files import TurnFiles

        files = TurnFiles(sys.argv[1])
        files.claim()
        inodes = [os.fstat(descriptor).st_ino for descriptor in files._open]
        look = '''if True:
            import os, sys
            for descriptor in range(100):
                try:
                    print(os.fstat(descriptor).st_ino)
                except OSError:
                    pass
        '''
        seen = subprocess.run(
            [sys.executable, "-c", look], close_fds=False, stdout=subprocess.PIPE, check=True
        )
        assert seen.stdout, "it has not looked"
        assert not {*map(str, inodes)} & {*seen.stdout.decode().split()}
        """,
        db_path,
    )


def test_files_are_closed_when_nobody_needs_them(database: Path) -> None:
    """An application with a database for each customer opens many of them."""
    files = TurnFiles(str(database))
    files.claim()
    descriptors = files._open
    assert descriptors is not None

    del files
    gc.collect()

    for descriptor in descriptors:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


def test_a_file_that_another_process_makes_first_is_used(
    files: TurnFiles, other: TurnFiles
) -> None:
    """It comes between the look for the file and the making of it."""

    def make_first(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_name == "_make":
            sys.setprofile(None)
            assert other.try_claim()

    sys.setprofile(make_first)
    try:
        claimed = files.try_claim()
    finally:
        sys.setprofile(None)

    assert (claimed, files.trouble) == (False, None)


# What may be in their place


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "hardlite.gate"]


@pytest.mark.parametrize("suffix", ["-gate", "-gateq"])
@pytest.mark.parametrize("exists", [True, False], ids=["to a file", "dangling"])
def test_a_link_in_the_place_of_a_file_is_not_followed(
    files: TurnFiles, other: TurnFiles, database: Path, suffix: str, *, exists: bool
) -> None:
    target = database.with_name("precious")
    if exists:
        target.write_text("precious", encoding="utf-8")
    database.with_name(database.name + suffix).symlink_to(target)

    assert files.try_claim()
    files.write_note(b"over it")
    assert other.try_claim()

    assert isinstance(files.trouble, OSError)
    assert isinstance(other.trouble, OSError)
    assert target.exists() is exists
    assert not exists or target.read_text(encoding="utf-8") == "precious"


def test_a_directory_in_the_place_of_a_file_is_told_once(
    files: TurnFiles, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gate_of(database).mkdir()

    assert files.try_claim()
    files.release()
    files.claim()
    assert not files.others_wait()
    files.release()

    assert isinstance(files.trouble, IsADirectoryError)
    (warning,) = warnings(caplog)
    assert warning.startswith(f"writers to {database} in other processes are not ordered, because")
    assert str(gate_of(database)) in warning


def test_after_the_trouble_is_over_processes_are_ordered_again(
    files: TurnFiles, other: TurnFiles, database: Path
) -> None:
    gate_of(database).mkdir()
    assert files.try_claim()
    files.release()
    gate_of(database).rmdir()

    assert files.try_claim()

    assert files.trouble is None
    assert not other.try_claim()


def test_a_pipe_in_the_place_of_a_file_makes_nobody_wait_for_its_other_end(
    files: TurnFiles, other: TurnFiles, database: Path
) -> None:
    os.mkfifo(gate_of(database))

    files.claim()
    files.write_note(b"nobody reads this")

    assert not other.try_claim()


def test_a_file_that_may_only_be_read_still_orders_but_takes_no_note(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The owner of the file made it with rights that the database no longer has."""
    database = folder / "app.db"
    database.touch()
    with without_privileges():
        for file in (gate_of(database), place_of(database)):
            file.write_bytes(b"the owner's")
            file.chmod(0o444)
        mine, owners = TurnFiles(str(database)), TurnFiles(str(database))

        assert mine.try_claim()
        mine.write_note(b"mine")
        assert not owners.try_claim()

    assert gate_of(database).read_bytes() == b"the owner's"
    assert warnings(caplog) == []


def test_a_file_that_may_not_even_be_read_is_told(folder: Path) -> None:
    database = folder / "app.db"
    database.touch()
    with without_privileges():
        gate_of(database).touch(0o000)
        files = TurnFiles(str(database))
        files.claim()

    assert isinstance(files.trouble, PermissionError)


def test_a_directory_that_cannot_be_written_is_told_once_and_looked_at_again(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = folder / "app.db"
    database.touch(0o666)
    folder.chmod(0o555)
    files = TurnFiles(str(database))
    with without_privileges():
        for _ in range(3):
            assert files.try_claim()
            files.release()
        assert isinstance(files.trouble, PermissionError)
    folder.chmod(0o777)
    with without_privileges():
        assert files.try_claim()

    assert files.trouble is None
    assert len(warnings(caplog)) == 1
    assert gate_of(database).exists()


@pytest.mark.parametrize("left", [0, 1])
def test_a_process_out_of_descriptors_goes_on_alone_and_is_ordered_again_later(
    tmp_path: Path, db_path: Path, left: int
) -> None:
    run_program(
        tmp_path,
        """
        import errno, logging, os, resource, sys
        from hardlite.turns.turn_files import TurnFiles

        path, left = sys.argv[1], int(sys.argv[2])
        open(path, "x", encoding="utf-8").close()
        said = []

        class Records(logging.Handler):
            def emit(self, record):
                said.append(record.getMessage())

        logging.getLogger("hardlite.gate").addHandler(Records())
        files, other = TurnFiles(path), TurnFiles(path)
        assert other.try_claim()
        usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest_free = os.dup(0)
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free + left, most))
        for _ in range(3):
            assert files.try_claim()
            assert files.trouble.errno == errno.EMFILE
            files.release()
        assert not files.others_wait()
        resource.setrlimit(resource.RLIMIT_NOFILE, (usual, most))
        assert os.dup(0) == lowest_free, "a descriptor was left open"

        assert not files.try_claim()
        other.release()
        assert files.try_claim()
        assert files.trouble is None
        assert len(said) == 1 and "Too many open files" in said[0], said
        """,
        db_path,
        left,
    )


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
@pytest.mark.skipif(shutil.which("unshare") is None, reason="mounts a file system of its own")
def test_on_a_full_disk_a_process_goes_on_alone(tmp_path: Path) -> None:
    mount = tmp_path / "full"
    mount.mkdir()
    source = """
        import os, pathlib, subprocess, sys
        mount = sys.argv[1]
        if len(sys.argv) == 2:
            again = [sys.executable, __file__, mount, "mounted"]
            sys.exit(subprocess.run(["unshare", "-m", *again]).returncode)
        options = ["-t", "tmpfs", "-o", "nr_inodes=3"]
        if subprocess.run(["mount", *options, "tmpfs", mount]).returncode:
            sys.exit("cannot mount")
        from hardlite.turns.turn_files import TurnFiles

        path = os.path.join(mount, "app.db")
        pathlib.Path(path).touch()
        files = TurnFiles(path)
        assert files.try_claim()
        print(os.strerror(files.trouble.errno))
    """
    try:
        said = run_program(tmp_path, source, mount)
    except AssertionError as error:
        if "cannot mount" in str(error) or "unshare" in str(error):
            pytest.skip("mounts are not allowed here")
        raise

    assert said.strip() == "No space left on device"


# Files that somebody deletes


def test_a_file_deleted_while_held_is_made_anew_and_its_old_lock_means_nothing(
    files: TurnFiles, other: TurnFiles, database: Path, clock: SetClock
) -> None:
    """Both have a turn for a second: SQLite's own lock keeps them apart."""
    files.claim()
    gate_of(database).unlink()

    assert other.try_claim()
    files.release()
    clock.sleep(1)

    assert not files.try_claim()
    other.release()
    assert files.try_claim()


@needs_proc
@pytest.mark.parametrize("deleted", ["gate", "gateq", "both"])
def test_who_waited_for_a_file_that_was_deleted_waits_for_the_new_one(
    files: TurnFiles, other: TurnFiles, database: Path, deleted: str
) -> None:
    """The lock on a file that nobody finds is worth nothing.

    first        second              third
    has the turn
                 waits
        -- the files are deleted --
    gives it back
                 has the turn in
                 the new files
                                     does not get it
    """
    files.claim()
    with ThreadPoolExecutor(1) as pool:
        claim = pool.submit(other.claim)
        until(lambda: queued(gate_of(database)) == 1)
        for file in {"gate": [gate_of], "gateq": [place_of]}.get(deleted, [gate_of, place_of]):
            file(database).unlink()
        files.release()
        claim.result(PATIENCE)

    third = TurnFiles(str(database))
    assert not third.try_claim()
    other.release()
    assert third.try_claim()


def test_a_deleted_place_of_the_next_in_line_is_noticed_by_the_one_with_the_turn(
    files: TurnFiles, database: Path
) -> None:
    """Those who come later queue at a new file, of which it would not know."""
    files.claim()
    place_of(database).unlink()

    assert files.others_wait()

    files.release()
    files.claim()
    assert not files.others_wait()


def test_a_deleted_place_of_the_next_in_line_is_noticed_within_a_second(
    files: TurnFiles, database: Path, clock: SetClock
) -> None:
    files.claim()
    files.release()
    place_of(database).unlink()
    clock.sleep(1)

    with keeper(database, GATE + "lock('-gateq'); hold()"):
        assert not files.try_claim()


def test_a_look_at_one_file_is_no_look_at_the_other(
    files: TurnFiles, other: TurnFiles, database: Path, clock: SetClock
) -> None:
    """A process with many threads looks all the time whether others wait."""
    files.claim()
    gate_of(database).unlink()
    clock.sleep(0.9)
    assert not files.others_wait()
    files.release()
    clock.sleep(0.1)

    files.try_claim()

    assert not other.try_claim()


@pytest.mark.parametrize("claim", [TurnFiles.try_claim, TurnFiles.claim])
def test_files_replaced_by_others_are_not_used_any_more(
    files: TurnFiles,
    other: TurnFiles,
    database: Path,
    clock: SetClock,
    claim: Callable[[TurnFiles], object],
) -> None:
    claim(files)
    files.release()
    for file in (gate_of(database), place_of(database)):
        new = database.with_name("new")
        new.touch()
        new.replace(file)

    clock.sleep(1)

    claim(files)

    assert not other.try_claim()
