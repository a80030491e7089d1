"""The application of examples/documents as real processes: one is killed, and nothing is lost."""

import contextlib
import json
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from documents import load
from documents.load_clients import Answer, upload_all
from documents.load_figures import figures_of
from documents.load_servers import Server, serve
from documents.stages import STAGES
from websockets.sync.client import connect

SETTINGS = {"PACE": 0.02, "LEASE": 1}


def watched(server: Server, until: Any) -> dict[str, Any]:  # noqa: ANN401 - a condition
    """Follow the feed until a picture fulfils a condition; a worker that dies takes it along."""
    while True:
        with (
            contextlib.suppress(OSError, EOFError),
            connect(server.url.replace("http", "ws") + "/feed", open_timeout=30) as feed,
        ):
            for text in feed:
                picture: dict[str, Any] = json.loads(text)
                if until(picture):
                    return picture


def checkpoints(folder: Path) -> Counter[tuple[int, int]]:
    with contextlib.closing(sqlite3.connect(folder / "documents.db")) as connection:
        return Counter(connection.execute("SELECT document_id, stage FROM checkpoint"))


def test_the_feed_shows_documents_on_their_way_and_the_meter(tmp_path: Path) -> None:
    with serve(tmp_path, workers=2, settings=SETTINGS) as server:
        upload_all(server.url, clients=4, each=2)
        done = watched(server, lambda picture: picture["counts"]["done"] == 8)

    assert [one["stage"] for one in done["documents"]] == [len(STAGES)] * 8
    assert len(done["workers"]) == 2
    assert done["totals"]["commits"] > 0
    assert done["totals"]["refused"] == 0


def test_what_a_killed_worker_left_is_taken_over_and_nothing_is_done_twice(tmp_path: Path) -> None:
    """The other worker goes on meanwhile, and the supervisor starts a new one."""
    (tmp_path / "figures").mkdir()
    settings = {**SETTINGS, "PACE": 0.1, "FIGURES": tmp_path / "figures"}
    answers: list[Answer] = []
    with serve(tmp_path, workers=2, settings=settings) as server:
        first = upload_all(server.url, clients=8, each=1)
        victim = server.workers[0]
        watched(
            server,
            lambda picture: any(
                one["state"] == "working" and one["owner"].startswith(f"{victim}-")
                for one in picture["documents"]
            ),
        )
        server.kill_worker(victim)
        server.wait_until_ready(1)
        answers = [*first, *upload_all(server.url, clients=8, each=1)]
        watched(server, lambda picture: not picture["counts"]["open"])
    found = figures_of(tmp_path, answers, 0.0)

    assert (found.lock_errors, found.refused, found.lost, found.twice) == (0, 0, 0, 0)
    assert found.taken_over > 0
    kept = checkpoints(tmp_path)
    assert len(kept) == 16 * len(STAGES)
    assert set(kept.values()) == {1}


def test_a_worker_that_ends_in_order_gives_back_what_it_has(tmp_path: Path) -> None:
    settings = {**SETTINGS, "PACE": 5, "LEASE": 3600}
    with serve(tmp_path, workers=1, settings=settings) as server:
        upload_all(server.url, clients=2, each=1)
        watched(server, lambda picture: all(o["state"] == "working" for o in picture["documents"]))

    with serve(tmp_path, workers=1, settings=SETTINGS) as server:
        watched(server, lambda picture: picture["counts"]["done"] == 2)


def test_the_load_test_runs_and_finds_nothing_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    code = load.main(["--uploads", "4", "--workers", "1", "--each", "2"])

    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    assert [line.split()[2] for line in lines[2:]] == ["hardened", "plain"]
