"""The load test: many uploads at once against some workers, hardened and with a plain engine.

Everything is on loopback, and a run that makes no progress ends after a minute.

    python examples/documents/load.py
    python examples/documents/load.py --uploads 50 --workers 2
    python examples/documents/load.py --kill
"""

import argparse
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from sqlalchemy import create_engine

from documents.load_clients import Answer, asked, upload_all
from documents.load_figures import Figures, figures_of, quantile
from documents.load_servers import Server, serve
from documents.schema import Base
from hardlite.clock import system_clock

SIDES: Final = {"hardened": "documents.app:app", "plain": "documents.load_plain:app"}
PATIENCE: Final = 60.0
"""Seconds after which a run ends in which no document gets done."""
HEADINGS: Final = (
    f"{'uploads':>7} {'workers':>7} {'engine':<9}{'lock':>6}{'re-':>8}{'':>6}{'':>7}"
    f"{'write':>10}{'':>10}{'upload':>10}{'':>10}{'loop':>9}{'':>8}\n"
    f"{'at once':>7} {'':>7} {'':<9}{'errors':>6}{'fused':>8}{'lost':>6}{'twice':>7}"
    f"{'p50':>10}{'p99':>10}{'p50':>10}{'p99':>10}{'p99':>9}{'in all':>8}"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; return 1 if the hardened side lost, refused or repeated anything."""
    told = _parsed(arguments)
    good = True
    print(HEADINGS)
    for uploads in told.uploads:
        for workers in told.workers:
            for side in told.sides:
                found = run(uploads, workers, side, each=told.each, kill=told.kill)
                print(line(uploads, workers, side, found), flush=True)
                good &= found.good or side != "hardened"
                if told.kill:
                    print(f"{'':>16}a worker was killed; {found.taken_over} documents taken over")
    return 0 if good else 1


def run(uploads: int, workers: int, side: str, *, each: int, kill: bool) -> Figures:
    """Serve the application, let the clients at it, and wait until all documents are done.

    Args:
        uploads: how many clients upload at once.
        workers: how many processes serve them.
        side: ``"hardened"`` or ``"plain"``.
        each: how many documents each client uploads.
        kill: end one worker as a crash does, when half of the documents have been taken in.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "figures").mkdir()
        # hardlite: ignore[1A,S4] it is what both sides find, and nothing else uses it
        tables = create_engine(f"sqlite:///{folder / 'documents.db'}")
        Base.metadata.create_all(tables)
        tables.dispose()
        settings = {"FIGURES": folder / "figures", "PACE": 0.01, "LEASE": 3, "AT_ONCE": 8}
        with serve(folder, workers=workers, app=SIDES[side], settings=settings) as server:
            began = system_clock.now()
            ending = _Killer(server, uploads * each // 2 if kill else None)
            answers = upload_all(server.url, clients=uploads, each=each, told=ending.count)
            _wait_until_done(server.url)
            seconds = system_clock.now() - began
        return figures_of(folder, answers, seconds)


def line(uploads: int, workers: int, side: str, found: Figures) -> str:
    """Return a run as a line of the table."""
    times = "".join(
        f"{quantile(values, share) * 1e3:>7.1f} ms"
        for values in (found.writes, found.uploads)
        for share in (0.5, 0.99)
    )
    return (
        f"{uploads:>7} {workers:>7} {side:<9}{found.lock_errors:>6}{found.refused:>8}{found.lost:>6}"
        f"{found.twice:>7}{times}{quantile(found.loop, 0.99) * 1e3:>6.1f} ms{found.seconds:>6.1f} s"
    )


class _Killer:
    """Ends a worker when some documents have been taken in.

    Args:
        server: whose worker.
        after: how many documents; None for never.
    """

    def __init__(self, server: Server, after: int | None) -> None:
        self._server = server
        self._left = after
        self._lock = threading.Lock()

    def count(self, _: Answer) -> None:
        """Note that one more is there."""
        with self._lock:
            if self._left is None:
                return
            self._left -= 1
            if self._left == 0:
                self._server.kill_worker(self._server.workers[0])


def _wait_until_done(url: str) -> None:
    last, since = None, system_clock.now()
    while system_clock.now() - since < PATIENCE:
        counts = asked(f"{url}/documents")
        if counts is not None and not counts["open"]:
            return
        if counts != last:
            last, since = counts, system_clock.now()
        system_clock.sleep(0.25)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Many uploads at once against some workers.")
    parser.add_argument("--uploads", type=int, nargs="+", help="how many at once (10 25 50)")
    parser.add_argument("--workers", type=int, nargs="+", help="how many processes (1 2 4)")
    parser.add_argument("--each", type=int, default=4, help="documents of each client (4)")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=list(SIDES))
    parser.add_argument("--kill", action="store_true", help="kill a worker in the middle")
    told = parser.parse_args(arguments)
    told.uploads = told.uploads or ([50] if told.kill else [10, 25, 50])
    told.workers = told.workers or ([2] if told.kill else [1, 2, 4])
    return told


if __name__ == "__main__":
    sys.exit(main())
