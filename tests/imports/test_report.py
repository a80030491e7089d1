"""The report of an import: what it counts, how it is told, and that it travels."""

import dataclasses
import json
import pickle
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from hardlite import batched_unit_of_work
from hardlite.errors import ImportRejectedError
from hardlite.imports.batch_units import Work
from hardlite.reports.batch_results import BatchDict, BatchResult
from hardlite.reports.constraints import Constraint, ConstraintDict
from hardlite.reports.rejections import Rejection, RejectionDict
from hardlite.reports.report import ImportReport, ReportDict
from hardlite.resume.resume_points import ResumePointDict
from tests.fixtures.library import AUTHORS, add_with_books, author
from tests.fixtures.reports import batch


def refused() -> IntegrityError:
    cause = sqlite3.IntegrityError("UNIQUE constraint\n failed: t.id")
    return IntegrityError("INSERT INTO t VALUES (?)", ("a secret",), cause)


GOOD = ImportReport(
    batches=(batch(0), batch(1)), rejections=(), error=None, stopped=False, elapsed=2
)
BAD = ImportReport(
    batches=(
        batch(0, committed=7, rejected=1, skipped=2, outcome="partial", error=refused()),
        batch(1, committed=0, outcome="failed", error=ValueError("no\ndisk")),
    ),
    rejections=(Rejection.of(4, {"id": 4}, refused()),),
    error=ValueError("no\ndisk"),
    stopped=True,
    elapsed=1.5,
)


def test_the_counts_are_those_of_the_batches() -> None:
    assert (GOOD.ok, GOOD.committed, GOOD.rejected, GOOD.skipped) == (True, 20, 0, 0)
    assert (BAD.ok, BAD.committed, BAD.rejected, BAD.skipped) == (False, 7, 1, 2)


def test_an_import_that_ended_before_its_source_is_not_ok() -> None:
    stopped = ImportReport(batches=(), rejections=(), error=None, stopped=True, elapsed=0)

    assert not stopped.ok


def test_the_dictionary_has_a_schema_that_programs_can_rely_on() -> None:
    """Whoever changes this names another schema."""
    assert json.loads(json.dumps(BAD.to_dict())) == {
        "schema": "hardlite.import-report/3",
        "ok": False,
        "committed": 7,
        "rejected": 1,
        "skipped": 2,
        "updated": 0,
        "stopped": True,
        "elapsed": 1.5,
        "max_hold": None,
        "error": "ValueError: no disk",
        "rejections_lost": 0,
        "resumed_from": None,
        "batches": [
            {
                "index": 0,
                "first_item": 0,
                "last_item": 9,
                "items": 10,
                "committed": 7,
                "rejected": 1,
                "skipped": 2,
                "updated": 0,
                "outcome": "partial",
                "attempts": 1,
                "wait": 0.125,
                "hold": 0.25,
                "prepare": 0.5,
                "ended": 1.0,
                "error": "IntegrityError: UNIQUE constraint failed: t.id",
            },
            {
                "index": 1,
                "first_item": 10,
                "last_item": 19,
                "items": 10,
                "committed": 0,
                "rejected": 0,
                "skipped": 0,
                "updated": 0,
                "outcome": "failed",
                "attempts": 1,
                "wait": 0.125,
                "hold": 0.25,
                "prepare": 0.5,
                "ended": 2.0,
                "error": "ValueError: no disk",
            },
        ],
        "rejections": [
            {
                "position": 4,
                "item": "{'id': 4}",
                "reason": "IntegrityError: UNIQUE constraint failed: t.id",
                "error_type": "IntegrityError",
                "constraint": None,
                "columns": [],
            }
        ],
    }


def test_the_dictionary_of_a_good_import_has_the_same_keys() -> None:
    good, bad = GOOD.to_dict(), BAD.to_dict()

    assert list(good) == list(bad)
    assert [list(each) for each in good["batches"]] == [list(each) for each in bad["batches"]]
    assert good["error"] is None
    assert good["batches"][0]["error"] is None


def test_the_summary_of_a_good_import_is_one_line() -> None:
    assert GOOD.summary() == "20 committed, 0 rejected in 2 batches, 2.0 s"


def test_the_summary_says_what_stopped_an_import_and_why_items_were_rejected() -> None:
    assert BAD.summary().splitlines() == [
        "7 committed, 1 rejected, 2 skipped in 2 batches, 1.5 s",
        "stopped by ValueError: no disk",
        "1 x IntegrityError: UNIQUE constraint failed: t.id",
    ]


def test_the_summary_shows_the_most_frequent_reasons_first() -> None:
    reasons = [1, 2, 2, 3, 3, 3, 4, 5, 6, 7]
    report = ImportReport(
        batches=(),
        rejections=tuple(
            Rejection.of(place, None, ValueError(reason)) for place, reason in enumerate(reasons)
        ),
        error=None,
        stopped=False,
        elapsed=0,
    )

    assert report.summary().splitlines()[1:] == [
        "3 x ValueError: 3",
        "2 x ValueError: 2",
        "1 x ValueError: 1",
        "1 x ValueError: 4",
        "1 x ValueError: 5",
        "and 2 other reasons",
    ]


def test_a_reason_does_not_repeat_the_statement_and_its_parameters() -> None:
    rejection = Rejection.of(0, None, refused())

    assert rejection.reason == "IntegrityError: UNIQUE constraint failed: t.id"
    assert "secret" not in json.dumps(BAD.to_dict())


def test_raise_for_rejections_does_nothing_for_a_good_import() -> None:
    GOOD.raise_for_rejections()


def test_raise_for_rejections_hands_over_the_report_and_what_stopped_it() -> None:
    with pytest.raises(ImportRejectedError, match="7 committed, 1 rejected") as caught:
        BAD.raise_for_rejections()

    assert caught.value.report is BAD
    assert caught.value.__cause__ is BAD.error


@pytest.mark.parametrize("work", [AUTHORS, add_with_books])
def test_a_report_can_be_sent_to_another_process(library: Engine, work: Work) -> None:
    items = [author(number, **({"born": -1} if number == 2 else {})) for number in range(5)]
    report = batched_unit_of_work(library, items, work, on_error="isolate")

    copy = pickle.loads(pickle.dumps(report))  # noqa: S301 - it was made here

    assert copy.to_dict() == report.to_dict()
    assert copy.rejections == report.rejections


def test_an_error_with_its_report_can_be_sent_to_another_process() -> None:
    with pytest.raises(ImportRejectedError) as caught:
        BAD.raise_for_rejections()

    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - it was made here

    assert copy.report.to_dict() == BAD.to_dict()
    assert str(copy) == str(caught.value)


def test_the_records_do_not_change() -> None:
    for record in (GOOD, GOOD.batches[0], BAD.rejections[0]):
        with pytest.raises(AttributeError):
            setattr(record, dataclasses.fields(record)[0].name, 5)


@pytest.mark.parametrize(
    "record",
    [
        ImportReport,
        BatchResult,
        Rejection,
        Constraint,
        ReportDict,
        BatchDict,
        RejectionDict,
        ConstraintDict,
        ResumePointDict,
    ],
)
def test_the_page_about_reports_names_every_field(record: type) -> None:
    page = (Path(__file__).parents[2] / "docs/reference/report.md").read_text(encoding="utf-8")

    fields = [name for name in record.__annotations__ if not name.startswith("_")]
    if dataclasses.is_dataclass(record):
        fields = [field.name for field in dataclasses.fields(record)]
    assert [name for name in fields if f"`{name}`" not in page] == []
