"""The rejections of a report: a sequence of any length that costs little memory."""

import copy
import errno
import gc
import os
import pickle
import tempfile
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from hardlite import Constraint, ImportReport, Rejection, batched_unit_of_work
from hardlite.reports.rejection_log import RejectionLog
from tests.fixtures.library import AUTHORS, author
from tests.fixtures.programs import run_program

COUNT = 1700
"""More than are kept in memory, and more than one block of those that are not."""
needs_posix = pytest.mark.skipif(os.name != "posix", reason="this system has no fork or limits")


def rejection(position: int, item: object = None) -> Rejection:
    constraint = Constraint(kind="CHECK", name=f"rule {position % 3}") if position % 4 else None
    return Rejection(
        position=position,
        item={"id": position} if item is None else item,
        reason=f"ValueError: {position % 7} \udcff",
        error_type="ValueError",
        constraint=constraint,
    )


EXPECTED = tuple(map(rejection, range(COUNT)))


@pytest.fixture(scope="module")
def log() -> RejectionLog:
    """The expected ones as a log."""
    return RejectionLog(EXPECTED)


def spilled(items: Iterable[object]) -> RejectionLog:
    """A log whose items are all beyond those that stay in memory."""
    log = RejectionLog(map(rejection, range(1000)))
    for item in items:
        log.add(rejection(len(log), item))
    return log


class Unshowable:
    """Can neither be pickled nor shown."""

    def __reduce__(self) -> str:
        raise RuntimeError("no pickles")

    def __repr__(self) -> str:
        raise RuntimeError("no show")


class UnloadableError(Exception):
    """Can be pickled, but not be read back."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} {second}")


def test_it_is_a_sequence_like_a_tuple(log: RejectionLog) -> None:
    assert len(log) == COUNT
    assert tuple(log) == EXPECTED
    assert tuple(reversed(log)) == EXPECTED[::-1]
    assert log == EXPECTED
    assert log == RejectionLog(EXPECTED)
    assert EXPECTED[1300] in log
    assert log.index(EXPECTED[1300]) == 1300
    assert list(zip(log, log, strict=True)) == list(zip(EXPECTED, EXPECTED, strict=True))


@given(st.integers(-COUNT - 3, COUNT + 3))
def test_an_index_gives_what_a_tuple_gives(log: RejectionLog, index: int) -> None:
    if -COUNT <= index < COUNT:
        assert log[index] == EXPECTED[index]
    else:
        with pytest.raises(IndexError):
            log[index]


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.slices(COUNT))
def test_a_slice_gives_what_a_tuple_gives(log: RejectionLog, part: slice) -> None:
    assert log[part] == EXPECTED[part]


def test_it_differs_from_what_has_others_or_is_no_tuple(log: RejectionLog) -> None:
    assert log != EXPECTED[:-1]
    assert log != (*EXPECTED[:-1], rejection(5))
    assert log != list(EXPECTED)
    assert repr(log) == f"<RejectionLog of {COUNT} rejections>"
    with pytest.raises(TypeError, match="unhashable"):
        hash(log)


@pytest.mark.parametrize(
    "again",
    [lambda log: pickle.loads(pickle.dumps(log)), copy.deepcopy, copy.copy],  # noqa: S301
    ids=["pickled", "copied deeply", "copied"],
)
def test_a_copy_of_it_is_a_whole_one(again: object) -> None:
    assert callable(again)
    log = RejectionLog(EXPECTED)

    other = again(log)
    reasons = log.reasons.most_common(1)
    del log

    assert other == EXPECTED
    assert other.reasons.most_common(1) == reasons


def test_a_short_one_can_be_copied_too() -> None:
    assert pickle.loads(pickle.dumps(RejectionLog())) == ()  # noqa: S301 - it was made here


def test_an_item_that_cannot_be_pickled_is_kept_as_its_repr() -> None:
    plain, unshowable, unloadable, last = spilled(
        [test_a_short_one_can_be_copied_too.__get__, Unshowable(), UnloadableError(1, 2), "last"]
    )[1000:]

    assert str(plain.item).startswith("<method-wrapper '__get__' of function")
    assert unshowable.item == "<an item of the type Unshowable, whose repr fails with RuntimeError>"
    assert str(unloadable.item).startswith("<an item that cannot be unpickled: TypeError:")
    assert (last.item, last.position) == ("last", 1003)


def test_rows_come_back_whatever_their_keys_are() -> None:
    """Keys that many rows share are kept once; others, and too many of them, with their row."""
    few = [{"a": 1, "b": [2]}, {"b": 1, "a": 2}, {1: "x"}, {True: "y"}, {}, {"a": Unshowable()}]
    many = [{f"key {number}": number} for number in range(200)]
    again = [{"a": number, "b": None} for number in range(3)]

    log = spilled([*few, *many, *again])

    items = [each.item for each in log[1000:]]
    assert items == [
        *few[:5],
        "<an item of the type dict, whose repr fails with RuntimeError>",
        *many,
        *again,
    ]
    keys = [list(item) for item in items[:4] if isinstance(item, dict)]
    assert keys == [["a", "b"], ["b", "a"], [1], [True]]
    assert [type(key) for key, *_ in keys] == [str, str, int, bool]


def test_reasons_come_back_however_many_there_are() -> None:
    expected = [
        Rejection(
            position=number,
            item=number,
            reason=f"ValueError: {number // 2}",
            error_type="ValueError",
            constraint=Constraint(kind="CHECK", name=f"rule {number}"),
        )
        for number in range(2500)
    ]

    assert list(RejectionLog(expected)) == expected


def test_large_items_do_not_wait_for_each_other_in_memory() -> None:
    items = [bytes([number]) * 400_000 for number in range(9)]

    tracemalloc.start()
    log = spilled(iter(items))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 3_000_000
    assert [each.item for each in log[1000:]] == items


def test_many_rejections_cost_little_memory() -> None:
    tracemalloc.start()
    log = RejectionLog(rejection(number, bytes(1000)) for number in range(12_000))
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(log) == 12_000
    assert kept < 2_500_000
    assert peak < 4_000_000


def open_files() -> set[str]:
    return {file.name for file in Path("/dev/fd").iterdir()}


@needs_posix
def test_nothing_stands_in_the_temporary_directory_and_no_file_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    gc.collect()
    before = open_files()
    log = RejectionLog(EXPECTED)

    assert not list(tmp_path.iterdir())
    assert not open_files() <= before
    del log
    gc.collect()
    assert open_files() <= before


def test_without_a_temporary_directory_the_first_are_kept_and_the_others_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    log = RejectionLog(EXPECTED)

    assert log == EXPECTED[: len(log)]
    assert len(log) >= 1000
    assert len(log) + log.lost == COUNT
    assert log.lost_because == os.strerror(errno.ENOENT)
    assert sum(each.count for each in log.reasons.most_common(COUNT)) == COUNT


FULL = """
import resource, sys
from sqlalchemy import Column, Integer, MetaData, Table
from hardlite import batched_unit_of_work, create_hardened_engine

engine = create_hardened_engine(f"sqlite:///{sys.argv[1]}")
table = Table("t", MetaData(), Column("id", Integer, primary_key=True))
table.create(engine)
before = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
rows = ({"id": number // 2, "what": "x" * 100} for number in range(8000))
report = batched_unit_of_work(engine, rows, table, prepare=lambda row: {"id": row["id"]},
    describe=str, on_error="isolate")
resource.setrlimit(resource.RLIMIT_FSIZE, before)
assert (report.committed, report.rejected, report.error) == (4000, 4000, None), report.summary()
assert 1000 < len(report.rejections) == 4000 - report.rejections_lost
assert [each.position for each in report.rejections] == [
    2 * number + 1 for number in range(len(report.rejections))
]
assert report.to_dict()["rejections_lost"] == report.rejections_lost
print(report.summary().splitlines()[-1])
engine.dispose()
"""


@needs_posix
def test_a_full_disk_loses_rejections_that_are_counted_and_no_import(
    tmp_path: Path, db_path: Path
) -> None:
    told = run_program(tmp_path, FULL, db_path)

    assert told.strip().endswith(" rejections could not be kept: File too large")


FORKED = """
import os
from hardlite import Rejection
from hardlite.reports.rejection_log import RejectionLog

def rejection(number):
    return Rejection(position=number, item=number, reason="r", error_type="E")

def holds(expected):
    return [each.item for each in log] == expected

log = RejectionLog(map(rejection, range(2000)))
child = os.fork()
for number in range(2000, 4000):
    log.add(rejection(number if child else -number))
expected = [*range(2000), *(number if child else -number for number in range(2000, 4000))]
if not child:
    os._exit(0 if holds(expected) else 1)
assert os.waitpid(child, 0)[1] == 0
assert holds(expected)
"""


@needs_posix
def test_after_a_fork_each_process_goes_on_by_itself(tmp_path: Path) -> None:
    run_program(tmp_path, FORKED)


def test_an_import_with_many_rejections_tells_each_of_them(library: Engine) -> None:
    items = [author(number // 2) for number in range(3000)]
    told: list[Rejection] = []

    report = batched_unit_of_work(
        library, items, AUTHORS, on_error="isolate", on_rejection=told.append
    )

    assert report.rejected == 1500
    assert [each.position for each in report.rejections] == list(range(1, 3000, 2))
    assert [each.item for each in report.rejections] == items[1::2]
    assert report.rejections == tuple(told)
    assert report.summary().splitlines()[1:] == [
        "1500 x IntegrityError: UNIQUE constraint failed: authors.id"
    ]


def test_reasons_that_all_differ_are_counted_up_to_a_thousand() -> None:
    log = RejectionLog(
        Rejection(position=number, item=None, reason=f"E: {number}", error_type="E")
        for number in range(1003)
    )

    assert (len(log.reasons), log.reasons.others) == (1000, 3)
    report = ImportReport(batches=(), rejections=log, error=None, stopped=True, elapsed=0)
    assert report.summary().splitlines()[-1] == "and more than 995 other reasons"
