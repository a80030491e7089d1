"""APScheduler 3: `SQLAlchemyJobStore`, which takes a URL."""

import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hardlite.connection import HardenedConnection

background = pytest.importorskip("apscheduler.schedulers.background")
jobstores = pytest.importorskip("apscheduler.jobstores.sqlalchemy")
events = pytest.importorskip("apscheduler.events")

THREADS = 4
JOBS = 25


def work(number: int) -> int:
    """A stored job is found again by its module and name."""
    return number


class Finished:
    """What the jobs of some schedulers returned, and a way to wait for them."""

    def __init__(self, expected: int) -> None:
        self.results: list[int] = []
        self.errors: list[BaseException] = []
        self._expected = expected
        self._all = threading.Event()

    def note(self, event: Any) -> None:
        if event.exception is not None:
            self.errors.append(event.exception)
        self.results.append(event.retval)
        if len(self.results) == self._expected:
            self._all.set()

    def wait(self) -> None:
        assert self._all.wait(60), f"{len(self.results)} of {self._expected} jobs ran"


def make_scheduler(url: str, table: str = "apscheduler_jobs") -> Any:
    store = jobstores.SQLAlchemyJobStore(url=url, tablename=table)
    return background.BackgroundScheduler(
        jobstores={"default": store},
        job_defaults={"misfire_grace_time": None},
        timezone=UTC,
    )
