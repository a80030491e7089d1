"""The application as real processes on loopback, started and ended by tests and by the load test."""

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

_EXAMPLES: Final = Path(__file__).parents[1]
_PATIENCE: Final = 60.0
"""Seconds that only a broken program takes to start or to end."""
_RUNNING: Final = re.compile(r"running on (http://127\.0\.0\.1:\d+)")
_STARTED: Final = re.compile(r"Started server process \[(\d+)\]")
_READY: Final = "Application startup complete"


class Server:
    """A running application.

    Args:
        process: uvicorn.

    Attributes:
        url: where it is.
        workers: the numbers of its processes, of those that were started later too.
        log: what it said.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.url = ""
        self.workers: list[int] = []
        self.log: list[str] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def wait_until_ready(self, workers: int) -> None:
        """Wait until some more worker processes have started.

        Raises:
            RuntimeError: it did not start.
        """
        left = workers
        # One worker says where it is after that it is ready, and several before.
        while left or not self.url:
            try:
                line = self._lines.get(timeout=_PATIENCE)
            except queue.Empty:
                raise RuntimeError("\n".join(self.log)) from None
            if not line:
                raise RuntimeError("\n".join(self.log))
            if found := _RUNNING.search(line):
                self.url = found[1]
            if found := _STARTED.search(line):
                self.workers.append(int(found[1]))
            left -= _READY in line

    def kill_worker(self, pid: int) -> None:
        """End a worker as a crash does: at once."""
        os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        """End it as an operator does, and wait."""
        self._process.terminate()
        try:
            self._process.wait(_PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            self._reading.join(_PATIENCE)

    def _read(self) -> None:
        output = self._process.stderr
        if output is None:
            return
        with output:
            for line in output:
                self.log.append(line.rstrip())
                self._lines.put(line)
        self._lines.put("")


@contextlib.contextmanager
def serve(
    folder: Path,
    *,
    workers: int,
    app: str = "documents.app:app",
    settings: Mapping[str, object] | None = None,
) -> Iterator[Server]:
    """Serve the application on a free port of loopback until the block ends.

    Args:
        folder: for its data.
        workers: how many processes.
        app: which application.
        settings: names without ``DOCUMENTS_``, and their values.
    """
    told = {"FOLDER": folder, **(settings or {})}
    environment = os.environ | {f"DOCUMENTS_{name}": str(value) for name, value in told.items()}
    options = [
        "--workers",
        workers,
        "--port",
        0,
        "--no-access-log",
        "--timeout-graceful-shutdown",
        3,
    ]
    command = [sys.executable, "-m", "uvicorn", "--app-dir", _EXAMPLES, app, *options]
    server = Server(
        subprocess.Popen(
            [str(part) for part in command],
            env=environment,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
    )
    try:
        server.wait_until_ready(workers)
        yield server
    finally:
        server.stop()
