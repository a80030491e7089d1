"""Every record that hardlite logs has a name and fields, and the page of the reference has all of them."""

import ast
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.fixtures.databases import EngineFactory

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "logging.md"
LEVELS = {"info": "INFO", "warning": "WARNING", "log": "INFO"}

Told = dict[str, tuple[str, str, set[str]]]
"""By event: its logger, its level and its fields."""


def calls_of(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == name:
            yield node


def logged() -> Told:
    """What the code logs, read and not run."""
    found: Told = {}
    for path in (ROOT / "src" / "hardlite").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [call.args[0] for call in calls_of(tree, "logging.getLogger")]
        levels = [level for level in LEVELS for _ in calls_of(tree, f"_log.{level}")]
        events = list(calls_of(tree, "log_event"))
        assert len(events) == len(levels), f"{path}: a record without an event"
        for call in events:
            event, logger = ast.literal_eval(call.args[0]), ast.literal_eval(names[0])
            (level,) = {LEVELS[each] for each in levels}
            found[event] = (logger, level, {str(keyword.arg) for keyword in call.keywords})
    return found


def documented() -> Told:
    rows = [line.strip("| ").split(" | ") for line in PAGE.read_text("utf-8").splitlines()]
    return {
        row[0].strip("`"): (row[1].strip("`"), row[2], set(re.findall(r"`(\w+)`", row[4])))
        for row in rows
        if len(row) == 5 and row[0].startswith("`")
    }


def test_the_page_has_every_event_with_its_logger_level_and_fields() -> None:
    assert documented() == logged()


def test_a_record_has_its_fields_as_plain_values(
    make_engine: EngineFactory, db_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), make_engine(warn_hold=0.0).begin() as connection:
        connection.execute(text("CREATE TABLE note (words TEXT)"))

    found = next(
        record
        for record in caplog.records
        if getattr(record, "hardlite_event", "") in {"turn.was_long", "turn.is_long"}
    )
    fields = json.loads(json.dumps(found.__dict__["hardlite_fields"]))
    assert fields["database"] == str(db_path.resolve())
    assert fields["held"] > 0
