"""The processes of contention.py: they start together, write, and hand back what they met with."""

import array
import collections
import dataclasses
import logging
import math
import multiprocessing
import random
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path

from contention_scenes import PREPARATION, Group, Scene
from contention_systems import FOREIGN, Store, System

__all__ = ["Served", "WorkerFailedError", "play"]

_READY = 120.0
"""Seconds that all processes may take until they are ready."""

Going = Callable[[], bool]


class WorkerFailedError(RuntimeError):
    """A process could not do what it should; its traceback is the message."""


@dataclasses.dataclass(slots=True)
class Worker:
    """What one thread met with. Times are seconds.

    Attributes:
        end: when the scene ends, by the clock of `time.perf_counter`.
        waits: from the wish to write until the first row was in the transaction, or the error.
        units: from the wish to write until COMMIT had returned, or the error.
        longest_hold: between these two, at most.
        warmed: transactions committed before the start.
        commits: transactions committed since then.
        in_time: those committed before ``end``.
        errors: the others, by what they ended with.
    """

    end: float
    waits: "array.array[float]" = dataclasses.field(default_factory=lambda: array.array("d"))
    units: "array.array[float]" = dataclasses.field(default_factory=lambda: array.array("d"))
    longest_hold: float = 0.0
    warmed: int = 0
    commits: int = 0
    in_time: int = 0
    errors: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    def committed(self, *, wait: float, hold: float) -> None:
        """Count a transaction."""
        self.waits.append(wait)
        self.units.append(wait + hold)
        self.longest_hold = max(self.longest_hold, hold)
        self.commits += 1
        self.in_time += time.perf_counter() <= self.end

    def refused(self, error: Exception, *, waited: float) -> None:
        """Count a transaction that failed: its time is a wait, and it was in vain."""
        self.waits.append(waited)
        self.units.append(waited)
        message, _, _ = str(error).partition("\n")
        self.errors[f"{type(error).__name__}: {message}"] += 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What the threads of one process met with, and the seconds it took and used the processor."""

    group: str
    workers: Sequence[Worker]
    elapsed: float
    cpu: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    """What a process is to do."""

    group: Group
    number: int
    system: System
    path: Path
    seconds: float
    items: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    """A process that was started."""

    group: Group
    process: BaseProcess
    pipe: Pipe


def play(system: System, scene: Scene, path: Path, *, seconds: float, items: int) -> list[Served]:
    """Let the groups of ``scene`` write to the database at ``path``.

    Args:
        system: what they write with; a foreign writer has its own.
        scene: who takes part.
        path: the database, with its tables.
        seconds: how long, where the imports do not say it.
        items: of each import.

    Raises:
        WorkerFailedError: a process has failed.
    """
    context = multiprocessing.get_context("spawn")
    groups = [group for group in scene.groups for _ in range(group.processes)]
    barrier, stop = context.Barrier(len(groups)), context.Event()
    running: list[_Running] = []
    try:
        for number, group in enumerate(groups):
            task = _Task(
                group=group,
                number=number,
                system=FOREIGN if group.does == "foreign" else system,
                path=path,
                seconds=seconds if scene.timed else math.inf,
                items=items,
            )
            here, there = context.Pipe(duplex=False)
            process = context.Process(target=_serve, args=(task, barrier, stop, there))
            process.start()
            there.close()
            running.append(_Running(group=group, process=process, pipe=here))
        served = _collected(running, stop)
        for one in running:
            one.process.join(_READY)
        return served
    finally:
        for one in running:
            one.process.terminate()
            one.process.join()


def _collected(running: Sequence[_Running], stop: Event) -> list[Served]:
    # Imports first: where there are some, the others go on until those are through.
    imports = [one for one in running if one.group.does == "load"]
    others = [one for one in running if one.group.does != "load"]
    told = [_told(one) for one in imports]
    if imports:
        stop.set()
    told += [_told(one) for one in others]
    failures = [answer for answer in told if isinstance(answer, str)]
    if failures:
        # One that fails makes the others miss it at the barrier; what they tell is no cause.
        raise WorkerFailedError(min(failures, key=lambda story: "BrokenBarrierError" in story))
    return [answer for answer in told if isinstance(answer, Served)]


def _told(one: _Running) -> Served | str:
    try:
        answer: Served | str = one.pipe.recv()
    except EOFError:
        answer = f"a process of the group {one.group.name!r} ended without a word"
    return answer


def _serve(task: _Task, barrier: Barrier, stop: Event, pipe: Pipe) -> None:
    """Be one of the processes."""
    # Warnings of long waits are what is measured; printing them would be measured too.
    logging.disable(logging.WARNING)
    try:
        with _opened(task) as store:
            pipe.send(_work(task, store, barrier, stop))
            # To close and to exit is work for the processor, and others still wait for the file.
            barrier.wait()
    except Exception:  # noqa: BLE001 - the program ends with it, in the first process
        # Nobody has to wait at the barrier for a process that does not come.
        barrier.abort()
        pipe.send(traceback.format_exc())


@contextmanager
def _opened(task: _Task) -> Iterator[Store]:
    store = task.system.open(task.path, task.group.threads)
    try:
        yield store
    finally:
        store.close()


def _work(task: _Task, store: Store, barrier: Barrier, stop: Event) -> Served:
    threads = task.group.threads
    ready, go = (threading.Barrier(threads + 1, timeout=_READY) for _ in range(2))
    workers = [Worker(math.inf) for _ in range(threads)]

    def meet() -> None:
        ready.wait()
        go.wait()

    def work(number: int, worker: Worker) -> None:
        try:
            if task.group.does != "load":
                _warm_up(store, number)
                worker.warmed += 1
            store.connect(meet)
        except BaseException:
            ready.abort()
            raise
        if task.group.does == "load":
            store.load(task.number, range(task.items), _prepare, worker)
        else:
            _write_on(task, store, number, worker, _going(task, worker, stop))

    with ThreadPoolExecutor(threads) as pool:
        first = task.number * threads
        running = [pool.submit(work, first + number, workers[number]) for number in range(threads)]
        try:
            ready.wait()
            barrier.wait(_READY)
        except threading.BrokenBarrierError as broken:
            go.abort()
            raise _cause(running) or broken from None
        started, used = time.perf_counter(), time.process_time()
        for worker in workers:
            worker.end = started + task.seconds
        go.wait()
        for thread in running:
            thread.result()
    return Served(
        group=task.group.name,
        workers=workers,
        elapsed=time.perf_counter() - started,
        cpu=time.process_time() - used,
    )


def _warm_up(store: Store, number: int) -> None:
    """Write once: what a program does only once is not what is compared."""
    deadline = time.perf_counter() + _READY
    while True:
        try:
            store.write(number, lambda: None)
        except store.errors:
            if time.perf_counter() > deadline:
                raise
        else:
            return


def _cause(running: Sequence[Future[None]]) -> BaseException | None:
    """Find what a thread failed with, other than that another one did not come."""
    errors = (thread.exception() for thread in running)
    return next(
        (error for error in errors if not isinstance(error, threading.BrokenBarrierError)), None
    )


def _write_on(task: _Task, store: Store, number: int, worker: Worker, going: Going) -> None:
    """Write as long as it is ``going``; what has begun then is brought to its end."""
    length, pause = _Length(task.group.hold), task.group.pause
    # Pauses vary, so that writers do not march in step; they are the same in each run.
    varied = random.Random(number)  # noqa: S311 - nothing secret
    began = 0.0

    def inside() -> None:
        nonlocal began
        began = time.perf_counter()
        length.fill()

    while going():
        asked = time.perf_counter()
        try:
            store.write(number, inside)
        except store.errors as error:
            worker.refused(error, waited=time.perf_counter() - asked)
        else:
            held = time.perf_counter() - began
            length.learn(held)
            worker.committed(wait=began - asked, hold=held)
        if pause:
            time.sleep(pause * varied.uniform(0.5, 1.5))


class _Length:
    """Makes transactions last as long as they should, whatever their statements take of that.

    Args:
        seconds: from the first write until COMMIT has returned; 0 adds nothing to what they take.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._pause = 0.0
        self._rest = 0.0

    def fill(self) -> None:
        """Pause for what the statements leave, as far as that is known."""
        self._pause = max(0.0, self._seconds - self._rest)
        if self._pause:
            time.sleep(self._pause)

    def learn(self, held: float) -> None:
        """Take note of how long a transaction with a pause has lasted."""
        # Slowly: one that a checkpoint made long says nothing about the next.
        self._rest += (held - self._pause - self._rest) / 16


def _going(task: _Task, worker: Worker, stop: Event) -> Going:
    # The event is a lock that all processes share: it is not asked where a clock will do.
    if task.seconds == math.inf:
        return lambda: not stop.is_set()
    return lambda: time.perf_counter() < worker.end


def _prepare(item: int) -> str:
    time.sleep(PREPARATION)
    return f"item {item}"
