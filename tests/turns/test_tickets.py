"""The order in which processes come to the place next in line: what holds it, and what does without.

A process that waits to be next is held up here between its ticket and the place, where the kernel
may leave it for as long as it likes: it is woken, and has no processor yet.
"""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hardlite import holders
from hardlite.turns import turn_files
from hardlite.turns.tickets import FIRST_TICKET, anybody_came_before, in_order_of_arrival
from hardlite.turns.turn_files import TurnFiles
from tests.fixtures.arrivals import PATIENCE
from tests.fixtures.lock_keepers import LOCKS, keeper, needs_proc, queued, until

pytestmark = [
    needs_proc,
    pytest.mark.skipif(sys.platform != "linux", reason="there is no such order elsewhere"),
]

TICKET = """\
from hardlite.turns.tickets import in_order_of_arrival

def draw(suffix="-gateq"):
    return in_order_of_arrival(os.open(path + suffix, os.O_RDWR | os.O_CREAT, 0o666))
"""
DRAWS = TICKET + "with draw(): hold()"
DRAWS_BEHIND = TICKET + "print('draws', flush=True)\nwith draw(): hold('in')"
DRAWS_TWICE = (
    TICKET
    + """\
with draw("-second"):
    print("holding", flush=True)
    sys.stdin.readline()
    with draw(): hold("in")
"""
)
IS_ASKED = (
    TICKET
    + """\
from hardlite.turns.tickets import anybody_came_before
print("holding", flush=True)
hold(anybody_came_before(os.open(path + "-gateq", os.O_RDWR)))
"""
)


@pytest.fixture
def database(db_path: Path) -> Path:
    db_path.touch()
    return db_path


@pytest.fixture
def files(database: Path) -> TurnFiles:
    return TurnFiles(str(database))


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def opened(database: Path) -> Iterator[Callable[..., int]]:
    """Opens files beside the database, and closes them in the end: that drops their locks."""
    descriptors = []

    def open_one(suffix: str, flags: int = os.O_RDWR | os.O_CREAT) -> int:
        descriptors.append(os.open(f"{database}{suffix}", flags, 0o666))
        return descriptors[-1]

    yield open_one
    for descriptor in descriptors:
        os.close(descriptor)


def queue_of(database: Path) -> Path:
    return database.with_name(f"{database.name}-gateq")


def waits_for_all(pid: int) -> bool:
    """Whether a process waits for all that drew before it, and not for the last of them alone."""
    lines = [line.split() for line in LOCKS.read_text(encoding="ascii").splitlines()]
    return any(
        line[1] == "->" and line[5] == str(pid) and line[7] == str(FIRST_TICKET) for line in lines
    )


def test_nobody_passes_one_that_is_woken_and_has_no_processor_yet(
    files: TurnFiles, database: Path, threads: ThreadPoolExecutor
) -> None:
    with keeper(database, DRAWS):
        claim = threads.submit(files.claim)
        until(lambda: queued(queue_of(database)) == 1)
        assert not claim.done()

    claim.result(PATIENCE)


def test_who_had_to_wait_before_sees_it_even_where_the_turn_and_the_place_are_free(
    files: TurnFiles, database: Path
) -> None:
    files.claim()
    files.release()

    with keeper(database, DRAWS):
        assert not files.try_claim()
        assert files.others_wait()

    assert not files.others_wait()
    assert files.try_claim()


def test_the_death_of_one_that_waits_lets_nobody_pass_those_before_it(database: Path) -> None:
    """The first is before the second, and the second before the third when it is killed."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(keeper(database, DRAWS))
        second = stack.enter_context(keeper(database, DRAWS_BEHIND, word="draws"))
        until(lambda: queued(queue_of(database)) == 1)
        third = stack.enter_context(keeper(database, DRAWS_BEHIND, word="draws"))
        until(lambda: queued(queue_of(database)) == 2)
        second.kill()
        until(lambda: waits_for_all(third.pid))

        first.end()

        assert third.said() == "in"


def test_who_holds_a_ticket_is_told_in_order(database: Path) -> None:
    with keeper(database, DRAWS) as first, keeper(database, DRAWS_BEHIND, word="draws") as second:
        until(lambda: queued(queue_of(database)) == 1)
        found = holders(database)
        second.kill()

    assert found.next_in_line is not None
    assert [found.next_in_line.pid, *(one.pid for one in found.queue)] == [first.pid, second.pid]


def test_processes_that_queue_for_two_databases_crosswise_do_not_stand_still(
    database: Path, opened: Callable[..., int]
) -> None:
    """The kernel takes that for a deadlock: it knows the processes, and not their threads."""
    with keeper(database, DRAWS_TWICE) as child:
        with in_order_of_arrival(opened("-gateq")):
            child.tell()
            until(lambda: queued(queue_of(database)) == 1)

            with in_order_of_arrival(opened("-second")):
                assert queued(queue_of(database)) == 1

        assert child.said() == "in"


def test_who_may_only_read_the_file_is_ordered_by_flock_alone(
    database: Path, opened: Callable[..., int]
) -> None:
    with keeper(database, DRAWS):
        descriptor = opened("-gateq", os.O_RDONLY)

        with in_order_of_arrival(descriptor):
            assert not anybody_came_before(descriptor)


def test_a_file_that_somebody_wrote_into_orders_all_the_same(
    database: Path, opened: Callable[..., int]
) -> None:
    queue_of(database).write_bytes(b"\xff" * 100)

    for _ in range(2):
        with in_order_of_arrival(opened("-gateq")), keeper(database, IS_ASKED) as child:
            assert child.said() == "True"


def test_a_network_file_system_has_no_tickets(
    files: TurnFiles, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There the locks of bytes and of files are in each other's way (flock(2))."""
    monkeypatch.setattr(turn_files, "is_network", lambda _: True)

    with keeper(database, DRAWS):
        files.claim()

    assert not files.others_wait()
