"""The pool of a hardened engine serves threads in the order in which they came."""

import gc
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import Engine, pool
from sqlalchemy.util.queue import Empty, Full

from hardlite import create_hardened_engine
from hardlite.fair_pool import FairQueue, FairQueuePool

PATIENCE = 30


class Told(FairQueue[str]):
    """A queue that says when a thread has begun to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = threading.Semaphore(0)

    def get(self, block: bool = True, timeout: float | None = None) -> str:  # noqa: FBT001, FBT002
        if block and self.empty():
            queue = self

            class Telling(type(self._waiting)):  # type: ignore[misc]
                def append(self, waiter: object) -> None:
                    super().append(waiter)
                    queue.waits.release()

            if not isinstance(self._waiting, Telling) and not self._waiting:
                self._waiting = Telling(self._waiting)
        return super().get(block, timeout)


def test_threads_are_served_in_the_order_in_which_they_came() -> None:
    queue = Told()
    served: list[tuple[str, str]] = []

    def take(name: str) -> None:
        served.append((name, queue.get(timeout=PATIENCE)))
        done.release()

    done = threading.Semaphore(0)
    threads = [threading.Thread(target=take, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
        assert queue.waits.acquire(timeout=PATIENCE)
    for item in ("first", "second", "third"):
        queue.put(item)
        assert done.acquire(timeout=PATIENCE)
    for thread in threads:
        thread.join(PATIENCE)

    assert served == [("a", "first"), ("b", "second"), ("c", "third")]


def test_who_gives_an_item_back_does_not_take_it_from_one_who_waits() -> None:
    queue = Told()
    got: list[str] = []
    waiting = threading.Thread(target=lambda: got.append(queue.get(timeout=PATIENCE)))
    waiting.start()
    assert queue.waits.acquire(timeout=PATIENCE)

    queue.put("connection")
    with pytest.raises(Empty):
        queue.get(block=False)
    waiting.join(PATIENCE)

    assert got == ["connection"]


def test_a_wait_that_times_out_leaves_the_queue() -> None:
    queue: FairQueue[str] = FairQueue(maxsize=1)

    with pytest.raises(Empty):
        queue.get(timeout=0.01)
    queue.put("kept", block=False)

    assert queue.get() == "kept"


def test_a_full_queue_refuses_another_item() -> None:
    queue: FairQueue[str] = FairQueue(maxsize=1)
    queue.put("one", block=False)

    with pytest.raises(Full):
        queue.put("two", block=False)


def test_an_item_that_comes_back_while_a_thread_sets_out_to_wait_is_taken() -> None:
    """The garbage collector may give a connection back in the middle of anything."""

    class ComesBack(FairQueue[str]):
        def _empty(self) -> bool:
            empty = super()._empty()
            if not self.queue and not self.came_back:
                self.came_back = True
                self.queue.append("from the collector")
            return empty

        came_back = False

    assert ComesBack().get(timeout=PATIENCE) == "from the collector"


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("handed_over", [False, True], ids=["still waiting", "just served"])
def test_an_interrupted_wait_loses_no_item(handed_over: bool) -> None:  # noqa: FBT001
    script = f"""
        import signal, threading
        from hardlite.fair_pool import FairQueue

        queue = FairQueue()
        class Interrupt(Exception): ...
        def interrupt(*_):
            if {handed_over}:
                queue.put("item")
            raise Interrupt
        signal.signal(signal.SIGUSR1, interrupt)
        main = threading.main_thread().ident
        class Telling(type(queue._waiting)):
            def append(self, waiter):
                super().append(waiter)
                threading.Thread(target=signal.pthread_kill, args=(main, signal.SIGUSR1)).start()
        queue._waiting = Telling()
        try:
            queue.get(timeout={PATIENCE})
        except Interrupt:
            pass
        if not {handed_over}:
            queue.put("item")
        print(queue.get(block=False), len(queue._waiting))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )

    assert (done.stdout.split(), done.stderr) == (["item", "0"], "")


def test_an_interrupted_wait_passes_its_item_on_to_the_next_in_line() -> None:
    queue = Told()
    got: list[str] = []
    first = threading.Thread(target=lambda: got.append(queue.get(timeout=PATIENCE)))
    first.start()
    assert queue.waits.acquire(timeout=PATIENCE)

    queue._hand_over("passed on")
    first.join(PATIENCE)

    assert got == ["passed on"]


@pytest.fixture
def made() -> Iterator[list[Engine]]:
    engines: list[Engine] = []
    yield engines
    for engine in engines:
        engine.dispose()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, FairQueuePool),
        ({"poolclass": pool.NullPool}, pool.NullPool),
        ({"poolclass": pool.QueuePool}, pool.QueuePool),
    ],
)
def test_a_file_gets_the_fair_pool_unless_another_is_chosen(
    db_path: Path, made: list[Engine], options: dict[str, object], expected: type
) -> None:
    engine = create_hardened_engine(f"sqlite:///{db_path}", **options)
    made.append(engine)

    assert type(engine.pool) is expected


def test_memory_keeps_the_pool_that_sqlalchemy_gives_it(made: list[Engine]) -> None:
    for url in ("sqlite://", "sqlite:///file:shared?mode=memory&cache=shared&uri=true"):
        engine = create_hardened_engine(url, poolclass=pool.StaticPool)
        made.append(engine)
        assert type(engine.pool) is pool.StaticPool
    plain, hardened = sqlalchemy.create_engine("sqlite://"), create_hardened_engine("sqlite://")
    made += [plain, hardened]

    assert type(hardened.pool) is type(plain.pool)


def test_a_dropped_connection_goes_to_the_thread_that_waits_for_one(
    db_path: Path, made: list[Engine]
) -> None:
    engine = create_hardened_engine(f"sqlite:///{db_path}", pool_size=1, max_overflow=0)
    made.append(engine)
    lent = [engine.raw_connection()]
    got = threading.Event()
    asking = threading.Event()

    def ask() -> None:
        asking.set()
        engine.raw_connection().close()
        got.set()

    thread = threading.Thread(target=ask)
    thread.start()
    assert asking.wait(PATIENCE)
    lent.clear()
    gc.collect()
    thread.join(PATIENCE)

    assert got.is_set()
