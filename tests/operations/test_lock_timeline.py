"""A trace has a span for each hold and each wait that was seen, of every process on the file."""

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from hardlite import record_locks
from hardlite.errors import ConfigurationError
from hardlite.operations.lock_timeline import LockRecorder
from tests.fixtures.clocks import SetClock
from tests.fixtures.lock_keepers import GATE, keeper, needs_proc, until

pytestmark = needs_proc

HAS_ALL = (
    GATE
    + """
c = connect("wal")
c.execute("CREATE TABLE IF NOT EXISTS note (words TEXT)")
c.execute("BEGIN IMMEDIATE")
gate = lock('-gate')
note(gate)
hold()
"""
)
WAITS = GATE + "first = lock('-gateq'); hold()"


def spans(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event["ph"] == "X"]


@pytest.fixture
def engine(engine: Engine) -> Engine:
    """On a file that is there."""
    engine.connect().close()
    return engine


def test_holds_of_this_process_are_recorded_with_their_line(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "trace.json"
    path.write_text("an older one", encoding="utf-8")

    with record_locks(engine, path) as recorder:
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE note (words TEXT)"))
            recorder.look()
        recorder.look()

    told = json.loads(path.read_text("utf-8"))["traceEvents"]
    (turn,) = [span for span in spans(told) if span["name"] == "turn"]
    assert turn["cat"] == "hold"
    assert turn["dur"] >= 0
    assert f"{__file__}:" in turn["args"]["at"]
    assert turn["args"]["working on"].startswith("CREATE TABLE")
    names = {event["args"]["name"] for event in told if event["ph"] == "M"}
    assert "thread 'MainThread'" in names
    assert [file.name for file in tmp_path.glob("trace*")] == ["trace.json"]


def test_holds_and_waits_of_other_processes_are_recorded(db_path: Path) -> None:
    with keeper(db_path, HAS_ALL) as first, keeper(db_path, WAITS) as second:
        recorder = LockRecorder(str(db_path))
        recorder.look()
        recorder.look()

    found = {(span["name"], span["pid"]): span["cat"] for span in spans(recorder.events())}
    assert found == {
        ("turn", first.pid): "hold",
        ("write lock", first.pid): "hold",
        ("waiting", second.pid): "wait",
    }


def test_a_span_lasts_from_the_first_look_to_the_last(db_path: Path) -> None:
    clock = SetClock()
    with keeper(db_path, WAITS):
        recorder = LockRecorder(str(db_path), clock)
        for _ in range(3):
            clock.reading += 1
            recorder.look()
    clock.reading += 1
    recorder.look()

    (span,) = spans(recorder.events())

    assert (span["ts"], span["dur"]) == (1_000_000, 2_000_000)


def test_one_hold_after_another_is_two(engine: Engine, db_path: Path) -> None:
    recorder = LockRecorder(str(db_path))
    for sql in ("CREATE TABLE a (n)", "CREATE TABLE b (n)"):
        with engine.begin() as connection:
            connection.execute(text(sql))
            recorder.look()

    turns = [span for span in spans(recorder.events()) if span["name"] == "turn"]

    assert [span["args"]["working on"] for span in turns] == [
        "CREATE TABLE a (n)",
        "CREATE TABLE b (n)",
    ]


def test_it_looks_by_itself_and_is_written_after_an_error_too(
    engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "trace.json"

    def fails() -> None:
        with record_locks(engine, path, interval=0.001) as recorder, engine.begin() as connection:
            connection.execute(text("CREATE TABLE note (words TEXT)"))
            until(lambda: bool(spans(recorder.events())))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()

    assert spans(json.loads(path.read_text("utf-8"))["traceEvents"])


def test_a_process_that_cannot_be_seen_has_a_lane_too() -> None:
    from hardlite.operations.lock_timeline import _named

    assert [event["args"]["name"] for event in _named(0, "turn", 1)] == [
        "a process that cannot be seen from here",
        "turn",
    ]


def test_what_cannot_be_recorded_is_told_at_once(engine: Engine, tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigurationError, match="interval= cannot be 0"),
        record_locks(engine, tmp_path / "trace.json", interval=0),
    ):
        pass
    with (
        pytest.raises(ConfigurationError, match="cannot be written to"),
        record_locks(engine, tmp_path / "none" / "trace.json"),
    ):
        pass
