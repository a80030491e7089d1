"""An import under a resume key: every item once, whenever it was cut short."""

import functools
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, Table, insert, text
from sqlalchemy.orm import Session

from hardlite import (
    batched_unit_of_work,
    forget_resume_key,
    get_sessionmaker,
    resume_points,
)
from hardlite.errors import ConfigurationError, ResumeRefusedError
from hardlite.imports.batch_units import Work
from hardlite.imports.batches import OnError
from hardlite.reports.report import BatchResult, ImportReport
from hardlite.resume.resume_points import progress_table
from tests.fixtures.databases import EngineFactory
from tests.fixtures.entries import ENTRIES, add_entry, entered, entries, make_entries
from tests.fixtures.library import AUTHORS, Author, author, empty, stored

ON_ERROR = ["continue", "stop", "isolate"]


@pytest.fixture
def engine(engine: Engine) -> Engine:
    make_entries(engine)
    return engine


class Cut(Exception):  # noqa: N818 - it stands for the end of a process
    """What ends an import at a place that the test chooses."""


def cut_before(number: int, count: int) -> Iterator[dict[str, object]]:
    """So many entries, of which only the first ``number`` come."""
    yield from entries(number)
    if number < count:
        raise Cut


@pytest.mark.parametrize("work", [ENTRIES, insert(ENTRIES), add_entry])
@pytest.mark.parametrize("number", range(10))
def test_an_import_goes_on_where_its_source_broke(engine: Engine, work: Work, number: int) -> None:
    with pytest.raises(Cut):
        batched_unit_of_work(engine, cut_before(number, 10), work, batch_size=3, resume_key="k")
    kept = entered(engine)

    report = batched_unit_of_work(engine, entries(10), work, batch_size=4, resume_key="k")

    assert entered(engine) == list(range(10))
    assert report.ok
    assert report.resumed_from is not None
    assert report.resumed_from.position == len(kept) == number // 3 * 3
    assert report.committed == 10 - len(kept)
    assert [batch.first_item for batch in report.batches] == list(range(len(kept), 10, 4))


@pytest.mark.parametrize("number", range(10))
@pytest.mark.parametrize("on_error", ON_ERROR)
def test_an_import_goes_on_where_its_function_was_interrupted(
    engine: Engine, number: int, on_error: OnError
) -> None:
    interrupts = iter([number])

    def work(session: Session, item: dict[str, object]) -> None:
        add_entry(session, item)
        if item["n"] == number and next(interrupts, None) is not None:
            raise KeyboardInterrupt

    def run() -> ImportReport:
        return batched_unit_of_work(
            engine, entries(10), work, batch_size=3, on_error=on_error, resume_key="k"
        )

    with pytest.raises(KeyboardInterrupt):
        run()
    report = run()

    assert entered(engine) == list(range(10))
    assert report.ok


@pytest.mark.parametrize("index", range(4))
def test_an_import_goes_on_after_the_last_batch_that_was_told(engine: Engine, index: int) -> None:
    def progress(batch: BatchResult) -> None:
        if batch.index == index:
            raise Cut

    with pytest.raises(Cut):
        batched_unit_of_work(
            engine, entries(10), ENTRIES, batch_size=3, resume_key="k", progress=progress
        )

    assert resume_points(engine)[0].position == min(10, 3 * (index + 1))
    assert batched_unit_of_work(engine, entries(10), ENTRIES, resume_key="k").ok
    assert entered(engine) == list(range(10))


def test_an_import_can_be_cut_short_after_each_of_its_batches(engine: Engine) -> None:
    def run() -> ImportReport:
        def progress(_: BatchResult) -> None:
            raise Cut

        return batched_unit_of_work(
            engine, entries(10), ENTRIES, batch_size=1, resume_key="k", progress=progress
        )

    for _ in range(10):
        with pytest.raises(Cut):
            run()
    report = run()

    assert (report.ok, report.committed) == (True, 0)
    assert entered(engine) == list(range(10))


def test_what_is_done_is_neither_prepared_nor_told_again(engine: Engine) -> None:
    prepared: list[object] = []

    def prepare(item: dict[str, object]) -> dict[str, object]:
        prepared.append(item["n"])
        return item

    def run(source: Iterator[dict[str, object]]) -> ImportReport:
        return batched_unit_of_work(
            engine, source, ENTRIES, batch_size=2, prepare=prepare, resume_key="k"
        )

    with pytest.raises(Cut):
        run(cut_before(4, 8))
    prepared.clear()
    run(entries(8))

    assert prepared == [4, 5, 6, 7]


def test_the_progress_is_in_the_database_with_the_batch_and_not_before(engine: Engine) -> None:
    seen: list[tuple[int, int]] = []

    def work(session: Session, item: dict[str, object]) -> None:
        seen.append((resume_points(engine)[0].position, len(entered(engine))))
        add_entry(session, item)

    batched_unit_of_work(engine, entries(6), work, batch_size=2, resume_key="k")

    assert seen == [(0, 0), (0, 0), (2, 2), (2, 2), (4, 4), (4, 4)]


def test_a_finished_key_does_nothing_and_says_so(engine: Engine) -> None:
    batched_unit_of_work(engine, entries(30), ENTRIES, batch_size=10, resume_key="nightly")
    before = resume_points(engine)
    source = entries(40)

    with engine.connect() as connection:
        changes = connection.exec_driver_sql("PRAGMA data_version").scalar()
        report = batched_unit_of_work(engine, source, ENTRIES, resume_key="nightly")
        assert connection.exec_driver_sql("PRAGMA data_version").scalar() == changes

    assert (report.ok, report.batches, report.committed) == (True, (), 0)
    assert report.resumed_from == before[0]
    assert (
        "resume key 'nightly': all of it was done before (30 committed, 0 rejected, 0 skipped)"
        in report.summary()
    )
    assert next(source) == {"n": 20}, "no more was read than is needed to know the source again"
    assert resume_points(engine) == before
    assert entered(engine) == list(range(30))


def test_the_summary_says_what_was_done_before(engine: Engine) -> None:
    with pytest.raises(Cut):
        batched_unit_of_work(engine, cut_before(3, 5), ENTRIES, batch_size=2, resume_key="k")

    report = batched_unit_of_work(engine, entries(5), ENTRIES, resume_key="k")

    assert report.summary().splitlines()[1:] == [
        "resume key 'k': 2 items were done before (2 committed, 0 rejected, 0 skipped)"
    ]
    assert report.to_dict()["resumed_from"]["position"] == 2


def test_a_first_import_under_a_key_says_nothing_of_before(engine: Engine) -> None:
    report = batched_unit_of_work(engine, entries(2), ENTRIES, resume_key="k")

    assert report.resumed_from is not None
    assert (report.resumed_from.position, report.resumed_from.finished) == (0, False)
    assert "before" not in report.summary()


def test_a_source_that_has_grown_is_accepted(engine: Engine) -> None:
    with pytest.raises(Cut):
        batched_unit_of_work(engine, cut_before(4, 5), ENTRIES, batch_size=2, resume_key="k")

    assert batched_unit_of_work(engine, entries(50), ENTRIES, resume_key="k").ok
    assert entered(engine) == list(range(50))


@pytest.mark.parametrize("done", [1, 5, 25])
def test_another_source_is_refused_and_both_are_named(engine: Engine, done: int) -> None:
    with pytest.raises(Cut):
        batched_unit_of_work(
            engine, cut_before(done, 99), ENTRIES, batch_size=1, resume_key="nightly"
        )

    with pytest.raises(ResumeRefusedError) as caught:
        batched_unit_of_work(engine, entries(99, first=7), ENTRIES, resume_key="nightly")

    told = str(caught.value)
    assert "'nightly'" in told
    assert "begins with {'n': 0}" in told
    assert "begins with {'n': 7}" in told
    assert "hardlite import --forget KEY" in told
    assert entered(engine) == list(range(done))


def test_a_source_that_ends_before_what_is_done_is_refused(engine: Engine) -> None:
    with pytest.raises(Cut):
        batched_unit_of_work(engine, cut_before(9, 99), ENTRIES, batch_size=3, resume_key="k")

    with pytest.raises(ResumeRefusedError, match=r"stands at item 9, and this source ends after 6"):
        batched_unit_of_work(engine, entries(6), ENTRIES, resume_key="k")

    assert entered(engine) == list(range(9))


def other_function(session: Session, item: dict[str, object]) -> None:
    add_entry(session, item)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"on_error": "isolate"}, "on_error='isolate'"),
        ({"conflict": "ignore"}, "conflict='ignore'"),
        ({"work": add_entry}, "tests.fixtures.entries.add_entry"),
        ({"work": other_function}, "other_function"),
        ({"prepare": dict}, "prepared by builtins.dict"),
    ],
)
def test_other_settings_are_refused_and_both_are_named(
    engine: Engine, settings: dict[str, object], told: str
) -> None:
    with pytest.raises(Cut):
        batched_unit_of_work(engine, cut_before(2, 5), ENTRIES, batch_size=1, resume_key="k")

    with pytest.raises(ResumeRefusedError) as caught:
        batched_unit_of_work(engine, entries(5), **{"work": ENTRIES, "resume_key": "k"} | settings)

    assert "into the table entries with on_error='continue'" in str(caught.value)
    assert told in str(caught.value)
    assert entered(engine) == [0, 1]


class Adder:
    """A function with a state of its own."""

    def __call__(self, session: Session, item: dict[str, object]) -> None:
        add_entry(session, item)


@pytest.mark.parametrize(
    ("work", "told"),
    [
        (insert(ENTRIES), "into the table entries with"),
        (functools.partial(add_entry), "into tests.fixtures.entries.add_entry with"),
        (Adder(), "test_resume_keys.Adder with"),
        (Adder().__call__, "test_resume_keys.Adder.__call__ with"),
        (lambda session, item: session.execute(insert(ENTRIES), item), "keys.<lambda> with"),
    ],
)
def test_what_is_imported_is_told_by_its_name(engine: Engine, work: Work, told: str) -> None:
    batched_unit_of_work(engine, entries(2), work, resume_key="k")

    assert told in resume_points(engine)[0].settings


def test_batch_size_and_threads_may_differ(engine: Engine) -> None:
    arguments = {"work": ENTRIES, "prepare": dict, "resume_key": "k"}
    with pytest.raises(Cut):
        batched_unit_of_work(engine, cut_before(5, 9), batch_size=2, **arguments)

    report = batched_unit_of_work(
        engine, entries(9), batch_size="auto", prepare_workers=2, max_hold=9, **arguments
    )

    assert report.ok
    assert entered(engine) == list(range(9))


def test_a_key_with_which_nothing_was_done_takes_any_source_and_settings(engine: Engine) -> None:
    with pytest.raises(Cut):
        batched_unit_of_work(engine, cut_before(1, 5), ENTRIES, batch_size=2, resume_key="k")
    assert batched_unit_of_work(engine, iter(()), ENTRIES, resume_key="empty").ok

    for key in ("k", "empty"):
        report = batched_unit_of_work(
            engine, entries(9, first=7), ENTRIES, on_error="isolate", resume_key=key
        )
        assert report.committed == 2

    assert [point.finished for point in resume_points(engine)] == [True, True]


def test_a_row_that_is_mended_behind_what_is_done_is_no_other_source(engine: Engine) -> None:
    """The one that "stop" ended at is among the first, by which a source is known again."""
    empty(engine)
    rows = [author(number) for number in range(6)]
    bad = [*rows[:3], author(3, born=-1), *rows[4:]]
    arguments = {"work": AUTHORS, "batch_size": 2, "on_error": "stop", "resume_key": "k"}

    first = batched_unit_of_work(engine, bad, **arguments)
    again = batched_unit_of_work(engine, bad, **arguments)
    mended = batched_unit_of_work(engine, rows, **arguments)

    assert [report.stopped for report in (first, again, mended)] == [True, True, False]
    assert [rejection.position for rejection in again.rejections] == [2, 3]
    assert (mended.ok, mended.committed) == (True, 4)
    assert stored(engine) == list(range(6))
    with pytest.raises(ResumeRefusedError):
        batched_unit_of_work(engine, bad, **arguments)


def test_stop_repeats_an_item_that_could_not_be_prepared(engine: Engine) -> None:
    mended = iter([False, True])

    def prepare(number: int) -> dict[str, object]:
        if number == 3 and not next(mended):
            raise LookupError
        return {"n": number}

    def run() -> ImportReport:
        return batched_unit_of_work(
            engine, range(6), ENTRIES, batch_size=5, prepare=prepare, on_error="stop",
            resume_key="k",
        )  # fmt: skip

    assert [rejection.position for rejection in run().rejections] == [3]
    assert resume_points(engine)[0].position == 3
    assert run().ok
    assert entered(engine) == list(range(6))


@pytest.mark.parametrize("bad", list(itertools.combinations(range(6), 2)), ids=str)
@pytest.mark.parametrize("on_error", ["continue", "isolate"])
@pytest.mark.parametrize("number", [3, 6])
def test_rejected_items_are_done_too(
    engine: Engine, bad: tuple[int, ...], on_error: OnError, number: int
) -> None:
    """Two of six items are bad, at the beginning, in the middle or at the end of batches."""
    empty(engine)
    rows = [author(place, **({"born": -1} if place in bad else {})) for place in range(6)]

    def cut() -> Iterator[dict[str, object]]:
        yield from rows[:number]
        raise Cut

    arguments = {"work": AUTHORS, "batch_size": 3, "on_error": on_error, "resume_key": "k"}
    with pytest.raises(Cut):
        batched_unit_of_work(engine, cut(), **arguments)
    (then,) = resume_points(engine)
    report = batched_unit_of_work(engine, rows, **arguments)
    (point,) = resume_points(engine)

    assert then.position == number
    assert len(report.batches) == (6 - number) // 3
    assert not report.ok, "what was rejected before counts"
    assert (point.position, point.finished) == (6, True)
    assert point.committed == len(stored(engine))
    assert point.rejected == 6 - point.committed
    assert point.rejected == then.rejected + report.rejected
    if on_error == "isolate":
        assert stored(engine) == [place for place in range(6) if place not in bad]


def test_items_that_cannot_be_prepared_are_done_as_well(engine: Engine) -> None:
    def prepare(number: int) -> dict[str, object]:
        if number % 3 or number == 9:
            raise LookupError
        return {"n": number}

    def run() -> ImportReport:
        return batched_unit_of_work(
            engine, range(12), ENTRIES, batch_size=4, prepare=prepare, resume_key="k"
        )

    first, second = run(), run()

    assert (first.committed, first.rejected) == (3, 9)
    assert (second.batches, second.ok) == ((), False)
    (point,) = resume_points(engine)
    assert (point.position, point.committed, point.rejected) == (12, 3, 9)


def test_skipped_rows_are_counted_over_all_calls(engine: Engine) -> None:
    empty(engine)
    rows = [author(number) for number in (0, 0, 1, 1, 2, 2)]

    def cut() -> Iterator[dict[str, object]]:
        yield from rows[:4]
        raise Cut

    arguments = {"work": AUTHORS, "batch_size": 2, "conflict": "ignore", "resume_key": "k"}
    with pytest.raises(Cut):
        batched_unit_of_work(engine, cut(), **arguments)
    report = batched_unit_of_work(engine, rows, **arguments)

    (point,) = resume_points(engine)
    assert (report.committed, report.skipped) == (1, 1)
    assert (point.committed, point.skipped, point.rejected) == (3, 3, 0)


def with_mentor(place: int, mentor: int | None) -> dict[str, object]:
    return author(place, mentor_id=mentor)


@pytest.mark.parametrize("work", [AUTHORS, Author])
@pytest.mark.parametrize("number", [4, 8])
def test_a_batch_that_only_commit_refuses_is_done_in_parts_and_once(
    engine: Engine, work: Work, number: int
) -> None:
    """A deferred foreign key leads nowhere: no savepoint tells which item is at fault."""
    empty(engine)
    rows = [with_mentor(place, 99 if place in {1, 6, 7} else None) for place in range(8)]

    def cut() -> Iterator[dict[str, object]]:
        yield from rows[:number]
        raise Cut

    arguments = {"work": work, "batch_size": 4, "on_error": "isolate", "resume_key": "k"}
    with pytest.raises(Cut):
        batched_unit_of_work(engine, cut(), **arguments)
    batched_unit_of_work(engine, rows, **arguments)

    (point,) = resume_points(engine)
    assert stored(engine) == [0, 2, 3, 4, 5]
    assert (point.position, point.committed, point.rejected) == (8, 5, 3)


def test_parts_that_were_committed_before_a_failure_are_not_written_again(engine: Engine) -> None:
    """The second half of a batch meets a full disk, when the first half is in."""
    empty(engine)
    full = iter([True])

    def work(session: Session, item: dict[str, object]) -> None:
        if item["id"] == 2 and 0 in stored(engine) and next(full, False):
            session.connection().exec_driver_sql("PRAGMA max_page_count = 1")
            item = {**item, "name": "x" * 1_000_000}
        session.add(Author(**item))

    items = [author(0), author(1), author(2), author(3, mentor_id=99)]
    arguments = {"work": work, "on_error": "isolate", "resume_key": "k"}

    first = batched_unit_of_work(engine, items, **arguments)
    (then,) = resume_points(engine)
    engine.dispose()  # and with it the limit of the connection
    second = batched_unit_of_work(engine, items, **arguments)

    assert (first.committed, first.batches[0].outcome) == (2, "failed")
    assert (then.position, then.finished) == (2, False)
    assert second.resumed_from == then
    assert (second.committed, second.rejected) == (1, 1)
    assert stored(engine) == [0, 1, 2]


@pytest.mark.parametrize("make_source", [list, iter])
def test_forgetting_a_key_begins_anew_and_keeps_what_is_in(
    engine: Engine, make_source: Callable[[Iterator[dict[str, object]]], object]
) -> None:
    batched_unit_of_work(engine, entries(3), ENTRIES, resume_key="k")

    forget_resume_key(engine, "k")

    assert resume_points(engine) == []
    assert batched_unit_of_work(
        get_sessionmaker(engine), make_source(entries(2)), ENTRIES, resume_key="k"
    ).ok
    assert entered(engine) == [0, 0, 1, 1, 2]


def test_a_key_that_is_not_there_cannot_be_forgotten(engine: Engine) -> None:
    with pytest.raises(ConfigurationError, match="The database has none"):
        forget_resume_key(engine, "nightly")

    batched_unit_of_work(engine, entries(1), ENTRIES, resume_key="daily")

    with pytest.raises(
        ConfigurationError, match=r"no resume key 'nightly'\. The database has 'dai"
    ):
        forget_resume_key(engine, "nightly")


def test_keys_are_listed_in_the_order_in_which_they_began(engine: Engine) -> None:
    assert resume_points(engine) == []

    for key in ("b", "a"):
        batched_unit_of_work(engine, entries(2), ENTRIES, resume_key=key)

    points = resume_points(get_sessionmaker(engine))
    assert [point.key for point in points] == ["b", "a"]
    assert points[0].started_at <= points[0].updated_at <= str(points[0].finished_at)
    assert points[0].to_dict() == {
        "key": "b",
        "position": 2,
        "committed": 2,
        "rejected": 0,
        "skipped": 0,
        "settings": "into the table entries with on_error='continue' and conflict='error'",
        "started_at": points[0].started_at,
        "updated_at": points[0].updated_at,
        "finished_at": points[0].finished_at,
    }


def test_reading_the_keys_makes_no_table(engine: Engine) -> None:
    resume_points(engine)

    with engine.connect() as connection:
        assert not engine.dialect.has_table(connection, progress_table.name)


@pytest.mark.parametrize("deed", ["forgotten", "moved", "begun anew"])
@pytest.mark.parametrize("work", [ENTRIES, add_entry])
def test_an_import_whose_key_was_taken_from_it_writes_nothing_more(
    engine: Engine, deed: str, work: Work
) -> None:
    """As by a program that cannot see the lock file: the row is what keeps items from doubling."""
    statements = {
        "forgotten": "DELETE FROM hardlite_progress",
        "moved": "UPDATE hardlite_progress SET position = position + 1",
        "begun anew": "UPDATE hardlite_progress SET started_at = '2001-01-01'",
    }

    def progress(batch: BatchResult) -> None:
        if batch.index == 1:
            with engine.begin() as connection:
                connection.execute(text(statements[deed]))

    with pytest.raises(ResumeRefusedError, match="was at item 4, and somebody else") as caught:
        batched_unit_of_work(
            engine, entries(9), work, batch_size=2, resume_key="k", progress=progress
        )

    assert entered(engine) == [0, 1, 2, 3]
    assert "the first 2 batches are done and stay" in caught.value.__notes__[0]


def test_two_imports_in_memory_under_one_key_write_no_item_twice(
    make_engine: EngineFactory,
) -> None:
    engine = make_engine("sqlite://")
    make_entries(engine)
    inner: list[ImportReport] = []

    def source() -> Iterator[dict[str, object]]:
        yield from entries(25)
        inner.append(batched_unit_of_work(engine, entries(30), ENTRIES, resume_key="k"))
        yield from entries(30, first=25)

    with pytest.raises(ResumeRefusedError, match="somebody else has moved it on"):
        batched_unit_of_work(engine, source(), ENTRIES, resume_key="k")

    assert inner[0].committed == 30
    assert entered(engine) == list(range(30))


def test_a_database_in_memory_has_keys_too(make_engine: EngineFactory) -> None:
    engine = make_engine("sqlite://")
    make_entries(engine)

    with pytest.raises(Cut):
        batched_unit_of_work(engine, cut_before(5, 8), ENTRIES, batch_size=2, resume_key="k")

    assert batched_unit_of_work(engine, entries(8), ENTRIES, resume_key="k").ok
    assert entered(engine) == list(range(8))
    forget_resume_key(engine, "k")


def breaking(number: int) -> Iterator[dict[str, object]]:
    yield from entries(number)
    raise ConnectionError("the feed broke")


@pytest.mark.parametrize("number", [0, 19, 25])
def test_a_source_that_breaks_among_what_is_done_comes_through_with_a_note(
    engine: Engine, number: int
) -> None:
    with pytest.raises(Cut):
        batched_unit_of_work(engine, cut_before(30, 99), ENTRIES, batch_size=10, resume_key="k")

    with pytest.raises(ConnectionError, match="the feed broke") as caught:
        batched_unit_of_work(engine, breaking(number), ENTRIES, resume_key="k")

    (note,) = caught.value.__notes__
    assert note == (
        "hardlite: the import under the resume key 'k' was interrupted before its first batch; "
        "what earlier ones committed stays"
    )
    assert resume_points(engine)[0].position == 30


class Ending:
    """A source that can be told to end, with all that it gave so far in order."""

    def __init__(self, last: int) -> None:
        self.cut_short = False
        self._last = last

    def __iter__(self) -> Iterator[dict[str, object]]:
        for item in entries(10):
            if item["n"] == self._last:
                self.cut_short = True
                return
            yield item


def test_a_source_that_says_it_was_cut_short_is_not_finished(engine: Engine) -> None:
    first = batched_unit_of_work(engine, Ending(5), ENTRIES, batch_size=3, resume_key="k")
    (then,) = resume_points(engine)
    second = batched_unit_of_work(engine, Ending(99), ENTRIES, resume_key="k")

    assert (first.stopped, first.committed, first.ok) == (True, 5, False)
    assert (then.position, then.finished) == (5, False)
    assert (second.stopped, second.committed) == (False, 5)
    assert entered(engine) == list(range(10))


def test_a_key_works_whatever_made_the_table(engine: Engine) -> None:
    """As migrations do."""
    progress_table.create(engine)

    assert batched_unit_of_work(engine, entries(2), ENTRIES, resume_key="k").ok


ATTACHED = Table("far", MetaData(schema="other"), Column("n", Integer))


def test_a_key_is_refused_for_a_table_of_an_attached_file(engine: Engine, tmp_path: Path) -> None:
    """Two files are not committed at once: a crash could leave one with and one without."""
    far = Table("far", MetaData(schema="main"), Column("n", Integer))
    far.create(engine)

    for work in (ATTACHED, insert(ATTACHED)):
        with pytest.raises(ConfigurationError, match=r"other\.far, which is not in the main file"):
            batched_unit_of_work(engine, entries(2), work, resume_key="k")

    assert batched_unit_of_work(engine, entries(2), far, resume_key="k").ok
    assert not list(tmp_path.glob("*-import-*"))


def test_progress_bars_leave_out_what_is_done(
    engine: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("rich", reason="the extra `cli` is not installed")
    monkeypatch.setenv("COLUMNS", "120")
    with pytest.raises(Cut):
        batched_unit_of_work(engine, cut_before(6, 10), ENTRIES, batch_size=3, resume_key="k")

    batched_unit_of_work(engine, list(entries(10)), ENTRIES, resume_key="k", progress=True)

    assert "4/4" in capsys.readouterr().err


def test_the_first_items_are_not_kept_in_memory(engine: Engine) -> None:
    """By them the source is known again; after that they are items like others."""
    import gc
    import weakref

    class Row(dict[str, object]):
        """A row that tells when it is gone."""

    made: list[weakref.ref[Row]] = []
    alive: list[int] = []

    def rows() -> Iterator[Row]:
        for number in range(30):
            row = Row({"n": number})
            made.append(weakref.ref(row))
            yield row

    def progress(_: BatchResult) -> None:
        gc.collect()
        alive.append(sum(row() is not None for row in made))

    batched_unit_of_work(engine, rows(), ENTRIES, batch_size=10, resume_key="k", progress=progress)

    assert alive[-1] <= 10, "the last batch"
