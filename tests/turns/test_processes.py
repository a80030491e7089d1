"""Turns among processes: their order, and what becomes of it when one of them is stopped or dies.

A counter that all of them increment tells of each lost update.
"""

import math
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from hardlite import ConfigurationError, DatabaseLockedError, create_hardened_engine
from hardlite.turns.gate_registry import gate_for
from tests.fixtures.arrivals import PATIENCE, Arrivals, listening
from tests.fixtures.databases import EngineFactory
from tests.fixtures.lock_keepers import needs_proc, queued, until
from tests.fixtures.writers import INCREMENT, WriterFactory, count, in_line, increment

pytestmark = needs_proc


@pytest.fixture
def arrivals() -> Iterator[Arrivals]:
    with listening() as heard:
        yield heard


# Order


def test_processes_get_the_turn_in_the_order_in_which_they_came(
    counted: Engine, new_writer: WriterFactory, db_path: Path
) -> None:
    """Each of five says when it has the turn; the next has it only when that one has committed."""
    writers = [new_writer() for _ in range(5)]
    with counted.connect() as connection:
        connection.execute(INCREMENT)
        for place, one in enumerate(writers, 1):
            one.ask("begin")
            until(lambda place=place: in_line(db_path) == place)
        connection.commit()
    for place, one in enumerate(writers):
        assert one.answer() is None
        assert not any(later.has_answered() for later in writers[place + 1 :])
        one.do("commit")

    assert count(counted) == 6


def test_who_gives_the_turn_back_and_asks_again_comes_behind_another_process(
    counted: Engine, new_writer: WriterFactory, db_path: Path
) -> None:
    other = new_writer()
    with counted.connect() as connection:
        connection.execute(INCREMENT)
        other.ask("begin")
        until(lambda: in_line(db_path) == 1)
        connection.commit()

        with pytest.raises(DatabaseLockedError) as caught:
            connection.execution_options(hardlite_timeout=0).execute(INCREMENT)

    assert other.answer() is None
    assert f"process {other.pid}" in str(caught.value)
    other.do("commit")
    assert count(counted) == 2


def test_many_threads_of_one_process_cannot_starve_another_process(
    counted: Engine, new_writer: WriterFactory, db_path: Path
) -> None:
    """Between two turns of this process there is one of the other, however many threads wait.

    eight threads              other process
    one has the turn
                               waits
    it commits
                               has the turn
    seven wait on
                               commits
    one has the turn           ...
    """
    other, gate = new_writer(), gate_for(str(db_path))
    holding, go_on = threading.Semaphore(0), threading.Semaphore(0)
    left: list[int] = []

    def write() -> None:
        with counted.begin() as connection:
            connection.execute(INCREMENT)
            holding.release()
            assert go_on.acquire(timeout=PATIENCE)

    with ThreadPoolExecutor(8) as pool:
        threads = [pool.submit(write) for _ in range(8)]
        until(lambda: gate.waiting() == 7)
        for _ in range(8):
            assert holding.acquire(timeout=PATIENCE)
            other.ask("begin")
            until(lambda: queued(Path(f"{db_path}-gate")) == 1)
            go_on.release()
            assert other.answer() is None
            left.append(gate.waiting())
            other.do("commit")
        for thread in threads:
            thread.result(PATIENCE)

    assert left == [7, 6, 5, 4, 3, 2, 1, 0]
    assert count(counted) == 16


def test_500_waiting_threads_are_all_served(counted: Engine, new_writer: WriterFactory) -> None:
    """They wait at the gate itself: 500 connections would take longer to open than to wait."""
    other = new_writer()
    gate = gate_for(str(counted.url.database))
    other.do("begin")
    with ThreadPoolExecutor(500) as pool:
        waiting = [pool.submit(lambda: gate.take(4 * PATIENCE).release()) for _ in range(500)]
        until(lambda: gate.waiting() == 500)
        other.do("commit")
        for one in waiting:
            one.result(4 * PATIENCE)

    assert (gate.waiting(), gate.holder()) == (0, None)
    other.do("add", 1)
    assert count(counted) == 2


# Death


def test_a_holder_killed_100_times_leaves_the_turn_to_the_next_and_loses_nothing(
    counted: Engine, new_writer: WriterFactory, db_path: Path
) -> None:
    """One process is killed in the middle of its transaction while another one waits.

    holder            waiting
    commits
    begins, writes
                      waits for its turn
    is killed
                      writes, commits
    """
    waiting = new_writer(timeout=PATIENCE)
    for _ in range(100):
        holder = new_writer()
        holder.do("add", 1)
        holder.do("begin")
        waiting.ask("add", 1)
        until(lambda: in_line(db_path) == 1)
        holder.kill()
        assert waiting.answer() is None

    assert count(counted) == 200


def test_the_next_in_line_may_be_killed_too(
    counted: Engine, new_writer: WriterFactory, db_path: Path
) -> None:
    first, second, third = new_writer(), new_writer(), new_writer()
    first.do("begin")
    for place, one in enumerate((second, third), 1):
        one.ask("begin")
        until(lambda place=place: in_line(db_path) == place)

    second.kill()
    until(lambda: in_line(db_path) == 1)
    first.do("commit")

    assert third.answer() is None
    third.do("commit")
    assert count(counted) == 2


def test_a_thread_that_ends_with_the_turn_is_named_as_such(
    counted: Engine, new_writer: WriterFactory
) -> None:
    """The connection is still somebody's, so the transaction cannot be ended for it."""
    left: list[Connection] = []

    def begin() -> None:
        left.append(counted.connect())
        left[0].execute(INCREMENT)

    thread = threading.Thread(target=begin)
    thread.start()
    thread.join(PATIENCE)
    other = new_writer(timeout=0)

    with pytest.raises(DatabaseLockedError, match="a thread that has ended"):
        increment(counted.execution_options(hardlite_timeout=0))
    other.ask("begin")
    assert f"process {os.getpid()}" in str(other.answer())
    left[0].close()

    new_writer(timeout=PATIENCE).do("add", 1)
    assert count(counted) == 1


# Stopped processes


def test_a_stopped_holder_is_named_and_goes_on_where_it_was(
    make_engine: EngineFactory, counted: Engine, new_writer: WriterFactory
) -> None:
    holder, waiting = new_writer(), new_writer(timeout=PATIENCE)
    holder.do("begin")
    holder.stop()
    waiting.ask("add", 1)

    with pytest.raises(DatabaseLockedError) as caught:
        increment(make_engine(timeout=0.05))
    holder.go_on()
    holder.do("commit")

    assert caught.value.holder is not None
    assert (caught.value.holder.pid, caught.value.holder.stopped) == (holder.pid, True)
    assert "THIS PROCESS IS STOPPED" in str(caught.value)
    assert f"kill -CONT {holder.pid}" in str(caught.value)
    assert waiting.answer() is None
    assert count(counted) == 2


def test_a_stopped_next_in_line_is_named_when_the_turn_is_free(
    make_engine: EngineFactory, counted: Engine, new_writer: WriterFactory, db_path: Path
) -> None:
    """It keeps its place: to take it away would let two in when it goes on."""
    holder, following = new_writer(), new_writer()
    holder.do("begin")
    following.ask("begin")
    until(lambda: in_line(db_path) == 1)
    following.stop()
    holder.do("commit")

    with pytest.raises(DatabaseLockedError) as caught:
        increment(make_engine(timeout=0.05))
    following.go_on()

    assert caught.value.holder is not None
    assert (caught.value.holder.pid, caught.value.holder.stopped) == (following.pid, True)
    assert following.answer() is None
    following.do("commit")
    increment(counted)
    assert count(counted) == 3


@pytest.mark.usefixtures("counted")
def test_an_error_tells_which_processes_come_first(
    make_engine: EngineFactory, new_writer: WriterFactory, db_path: Path
) -> None:
    holder, following = new_writer(), new_writer()
    holder.do("begin")
    following.ask("begin")
    until(lambda: in_line(db_path) == 1)

    with pytest.raises(DatabaseLockedError) as caught:
        increment(make_engine(timeout=0.05))

    assert f"and processes {following.pid} ahead in the queue" in str(caught.value)
    assert caught.value.holder is not None
    assert caught.value.holder.pid == holder.pid
    assert caught.value.holder.site is not None
    assert caught.value.holder.label == "UPDATE counter SET number = number + 1"
    holder.do("commit")
    assert following.answer() is None
    following.do("commit")


# Timeouts


def test_a_timeout_of_0_asks_once(
    make_engine: EngineFactory, counted: Engine, new_writer: WriterFactory
) -> None:
    hasty, other = make_engine(timeout=0), new_writer()
    increment(hasty)
    other.do("begin")

    with pytest.raises(DatabaseLockedError, match=f"process {other.pid} "):
        increment(hasty)
    other.do("commit")

    assert count(counted) == 2


def test_an_infinite_timeout_waits(
    make_engine: EngineFactory, counted: Engine, new_writer: WriterFactory, arrivals: Arrivals
) -> None:
    patient, other = make_engine(timeout=math.inf, warn_wait=0), new_writer()
    other.do("begin")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(increment, patient)
        assert f"process {other.pid} " in arrivals.meet()
        other.do("commit")
        waiting.result(PATIENCE)

    assert count(counted) == 2


@pytest.mark.parametrize("timeout", [-1, math.nan])
def test_a_timeout_that_is_no_time_is_refused(db_path: Path, timeout: float) -> None:
    with pytest.raises(ConfigurationError, match="timeout"):
        create_hardened_engine(f"sqlite:///{db_path}", timeout=timeout)
    with pytest.raises(ConfigurationError, match="timeout"):
        create_hardened_engine("sqlite://", execution_options={"hardlite_timeout": timeout})
