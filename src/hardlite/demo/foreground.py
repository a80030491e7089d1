"""The other writers: small units of work, as a web application does them all day.

``python -m hardlite.demo.foreground URL DESK`` is one such writer in a process of its own, until
its standard input is closed.
"""

import dataclasses
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final, TextIO, cast

from sqlalchemy import create_engine
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import sessionmaker

from hardlite.clock import system_clock
from hardlite.demo.schema import Desk, Visit
from hardlite.result_codes import Fate, fate_of

__all__ = ["THREADS", "Served", "foreground", "serve"]

THREADS: Final = 4
"""Writers in this process; one more is a process of its own."""

_PAUSE: Final = 0.1
"""Seconds between two units of work of a writer: people, not machines."""


@dataclasses.dataclass(slots=True)
class Served:
    """What writers in the foreground met with.

    Attributes:
        committed: seconds that each committed unit of work took.
        refused: seconds after which each other one ended in a lock error.
    """

    committed: list[float] = dataclasses.field(default_factory=list)
    refused: list[float] = dataclasses.field(default_factory=list)

    def add(self, other: "Served") -> None:
        """Count what another writer met with too."""
        self.committed += other.committed
        self.refused += other.refused


@contextmanager
def foreground(engine: Engine) -> Iterator[Served]:
    """Let writers write as long as the block runs; its value is complete when it has ended."""
    served = Served()
    stop = threading.Event()
    url = engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "hardlite.demo.foreground", url, str(THREADS)]
    with (
        subprocess.Popen(  # noqa: S603 - this interpreter and this module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        ) as process,
        ThreadPoolExecutor(THREADS) as threads,
    ):
        # It says that it is ready: until then it loads its modules.
        cast("TextIO", process.stdout).readline()
        writers = [threads.submit(serve, engine, desk, stop) for desk in range(THREADS)]
        try:
            yield served
        finally:
            stop.set()
            # This closes its standard input, which is its sign to end.
            told, _ = process.communicate()
    for writer in writers:
        served.add(writer.result())
    served.add(Served(**json.loads(told)))


def serve(engine: Engine, desk: int, stop: threading.Event) -> Served:
    """Work at a desk until told to stop: read, write, commit; with no word about locks.

    Raises:
        OperationalError: anything but a lock; that one is counted.
    """
    served = Served()
    new_session = sessionmaker(engine)
    while not stop.wait(_PAUSE):
        started = system_clock.now()
        try:
            with new_session.begin() as session:
                mine = session.get_one(Desk, desk)
                mine.served += 1
                session.add(Visit(desk_id=desk, number=mine.served))
        except OperationalError as error:
            if fate_of(error) is not Fate.WAIT:
                raise
            served.refused.append(system_clock.now() - started)
        else:
            served.committed.append(system_clock.now() - started)
    return served


def main() -> None:
    """Be one writer."""
    # Ctrl-C reaches the whole group of processes; the parent decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    url, desk = sys.argv[1:]
    engine = create_engine(url)
    stop = threading.Event()
    with ThreadPoolExecutor(1) as thread:
        writer = thread.submit(serve, engine, int(desk), stop)
        _say("ready")
        sys.stdin.read()
        stop.set()
    _say(json.dumps(dataclasses.asdict(writer.result())))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
