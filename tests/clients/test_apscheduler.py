"""APScheduler 3: `SQLAlchemyJobStore`, which takes a URL."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from hardlite.connections.connection import HardenedConnection

background = pytest.importorskip("apscheduler.schedulers.background")
jobstores = pytest.importorskip("apscheduler.jobstores.sqlalchemy")
events = pytest.importorskip("apscheduler.events")

SCHEDULERS = 4
JOBS = 25
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
NOW = datetime(2020, 1, 1, tzinfo=UTC)  # long due

MakeScheduler = Callable[..., background.BackgroundScheduler]


def work(number: int) -> int:
    """The scheduler stores a job as the name of its function, so the function has to have one."""
    return number


class Results:
    """What jobs returned, from all schedulers that report here."""

    def __init__(self) -> None:
        self.found: list[int] = []
        self._changed = threading.Condition()

    def note(self, event: events.JobExecutionEvent) -> None:
        with self._changed:
            self.found.append(event.retval)
            self._changed.notify_all()

    def wait_for(self, count: int) -> list[int]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.found) >= count, timeout=60)
        return sorted(self.found)


@pytest.fixture
def make_scheduler(url: str) -> Iterator[MakeScheduler]:
    """A factory of schedulers that know their job store by its URL; they end with the test."""
    made: list[tuple[background.BackgroundScheduler, jobstores.SQLAlchemyJobStore]] = []

    def make(table: str = "jobs", *, paused: bool = False) -> background.BackgroundScheduler:
        store = jobstores.SQLAlchemyJobStore(url=url, tablename=table)
        scheduler = background.BackgroundScheduler(
            jobstores={"default": store},
            job_defaults={"misfire_grace_time": None},
            timezone=UTC,
        )
        made.append((scheduler, store))
        scheduler.start(paused=paused)
        return scheduler

    yield make
    for scheduler, store in made:
        if scheduler.running:
            scheduler.shutdown()
        # A scheduler that is shut down may look for jobs once more after it closed its store.
        store.engine.dispose()


def test_a_stored_job_outlives_its_scheduler_and_is_run_by_the_next_one(
    make_scheduler: MakeScheduler, opened: list[type[sqlite3.Connection]]
) -> None:
    first = make_scheduler(paused=True)
    first.add_job(work, "date", run_date=NEVER, args=[7])
    first.shutdown()

    second = make_scheduler(paused=True)
    (job,) = second.get_jobs()
    results = Results()
    second.add_listener(results.note, events.EVENT_JOB_EXECUTED | events.EVENT_JOB_ERROR)
    job.modify(next_run_time=NOW)
    second.resume()
    assert results.wait_for(1) == [7]
    second.shutdown()

    assert make_scheduler(paused=True).get_jobs() == []
    assert set(opened) == {HardenedConnection}


def test_schedulers_on_one_file_run_every_job_that_threads_give_them(
    make_scheduler: MakeScheduler,
) -> None:
    """Each has a table of its own, as APScheduler 3 demands; the file is what they share."""
    results = Results()
    schedulers = [make_scheduler(f"jobs_{number}") for number in range(SCHEDULERS)]
    for scheduler in schedulers:
        scheduler.add_listener(results.note, events.EVENT_JOB_EXECUTED | events.EVENT_JOB_ERROR)

    def fill(scheduler: background.BackgroundScheduler, first: int) -> None:
        for number in range(first, first + JOBS):
            scheduler.add_job(work, "date", run_date=NOW, args=[number])

    threads = [
        threading.Thread(target=fill, args=(scheduler, index * JOBS))
        for index, scheduler in enumerate(schedulers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results.wait_for(SCHEDULERS * JOBS) == list(range(SCHEDULERS * JOBS))
    for scheduler in schedulers:
        scheduler.shutdown()
    assert [make_scheduler(f"jobs_{n}", paused=True).get_jobs() for n in range(SCHEDULERS)] == (
        [[]] * SCHEDULERS
    )
