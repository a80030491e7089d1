"""Optuna: several processes work on one study that they know by its storage URL."""

import dataclasses
import multiprocessing
import sqlite3
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import Pool

from hardlite.connections.connection import HardenedConnection

optuna = pytest.importorskip("optuna")

PROCESSES = 4
TRIALS = 10
STUDY = "parabola"
PATIENCE = 90  # seconds until a process that waits for another one gives up


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """What one process has to say of its work on one storage.

    Attributes:
        lock_errors: the messages of the trials that failed in the storage.
        hardened: for each connection it opened, whether it is a hardened one.
    """

    lock_errors: list[str]
    hardened: list[bool]


def optimize(url: str) -> Worked:
    """Run trials one by one, and go on after a lock error."""
    hardened: list[bool] = []
    errors: list[str] = []

    def note(connection: sqlite3.Connection, _: object) -> None:
        hardened.append(isinstance(connection, HardenedConnection))

    event.listen(Pool, "connect", note)
    study = optuna.load_study(study_name=STUDY, storage=url)
    for _ in range(TRIALS):
        try:
            study.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2, n_trials=1)
        except (OperationalError, optuna.exceptions.StorageInternalError) as error:
            errors.append(str(error))
    event.remove(Pool, "connect", note)
    return Worked(lock_errors=errors, hardened=hardened)


def work(urls: list[str], start: Barrier, results: "SimpleQueue[list[Worked]]") -> None:
    """What each process does; all of them begin on each storage together."""
    worked = []
    for url in urls:
        start.wait(PATIENCE)
        worked.append(optimize(url))
    results.put(worked)


def work_in_processes(urls: list[str]) -> list[tuple[Worked, ...]]:
    """Return what the processes say, storage by storage."""
    spawn = multiprocessing.get_context("spawn")
    start, results = spawn.Barrier(PROCESSES), spawn.SimpleQueue()
    processes = [spawn.Process(target=work, args=(urls, start, results)) for _ in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    return list(zip(*(results.get() for _ in processes), strict=True))


# Four processes import Optuna, each for seconds on a busy machine.
@pytest.mark.timeout(300)
def test_processes_on_one_study_lose_nothing_that_a_plain_url_wins(
    url: str, plain_url: str
) -> None:
    storages = [optuna.storages.RDBStorage(name) for name in (plain_url, url)]
    studies = [optuna.create_study(study_name=STUDY, storage=storage) for storage in storages]

    on_plain, on_hardened = work_in_processes([plain_url, url])
    plain, hardened = [
        study.get_trials(states=[optuna.trial.TrialState.COMPLETE]) for study in studies
    ]
    for storage in storages:
        storage.remove_session()
        storage.engine.dispose()

    assert [error for worked in on_hardened for error in worked.lock_errors] == []
    assert len(hardened) == PROCESSES * TRIALS
    assert len(plain) <= len(hardened)
    assert {kind for worked in on_hardened for kind in worked.hardened} == {True}
    assert {kind for worked in on_plain for kind in worked.hardened} == {False}
