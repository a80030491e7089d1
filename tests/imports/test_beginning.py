"""By what a source is known again: the values of the items that it begins with."""

import dataclasses
import datetime as dt
import decimal
import enum
import json
import os
import pathlib
import subprocess
import sys
import uuid
from collections.abc import Iterable
from types import MappingProxyType

import pytest

from hardlite.resume.beginning import LOOKED_AT, Beginning


def beginning_of(*items: object) -> Beginning:
    found = Beginning()
    for _ in found.watch(iter(items)):
        pass
    return found


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass
class Point:
    x: int
    y: object


@dataclasses.dataclass
class Stamped:
    x: int
    seen_at: float = dataclasses.field(compare=False)


@dataclasses.dataclass(slots=True)
class HalfMade:
    x: int = dataclasses.field(init=False)


VALUES = [
    None, True, False, 0, 1, 1.0, -0.0, float("nan"), 1j, "", "1", b"", b"1", "é", "\ud800",
    decimal.Decimal(1), decimal.Decimal("1.0"), uuid.UUID(int=1), pathlib.PurePath("a"),
    dt.date(2020, 1, 1), dt.datetime(2020, 1, 1), dt.time(1), dt.timedelta(1),  # noqa: DTZ001
    dt.datetime(2020, 1, 1, tzinfo=dt.UTC), Colour.RED, Colour.BLUE, [], [1], [1, 2], [2, 1],
    (), {}, {"a": 1}, {"a": 2}, {"b": 1}, {"a": {"a": 1}}, {1: 2}, {1}, {1, 2}, {"x": 1, "y": 2},
    HalfMade(), object(),
]  # fmt: skip


def test_values_that_differ_begin_different_sources() -> None:
    digests = [beginning_of(value).digests[0] for value in VALUES]

    alike = {
        (repr(VALUES[one]), repr(VALUES[two]))
        for one in range(len(VALUES))
        for two in range(one)
        if digests[one] == digests[two]
    }
    assert alike == {("()", "[]")}, "how items are grouped does not matter"


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({"a": 1}, MappingProxyType({"a": 1})),
        ({3, 1, 2}, frozenset([2, 3, 1])),
        (Point(1, [2]), Point(1, (2,))),
        (Stamped(1, 2.5), Stamped(1, 7.5)),
        (b"abc", bytearray(b"abc")),
        (b"abc", memoryview(b"abc")),
        (object(), object()),
        ([[[[[[[1]]]]]]], [[[[[[[2]]]]]]]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_that_mean_the_same_begin_the_same_source(one: object, two: object) -> None:
    assert beginning_of(one).agrees_with(beginning_of(two))


def test_a_value_that_contains_itself_has_an_end() -> None:
    endless: list[object] = []
    endless.append(endless)

    assert len(beginning_of(endless).digests) == 1


def test_another_process_finds_the_same_digests() -> None:
    """Texts hash differently in each process, so the order of sets does too."""
    program = (
        "import json, uuid, datetime as dt\n"
        "from hardlite.resume.beginning import Beginning\n"
        "item = {'s': {'a', 'b', 'c'}, 'd': dt.date(2020, 1, 1), 'o': object()}\n"
        "found = Beginning()\n"
        "list(found.watch(iter([item])))\n"
        "print(found.to_json(1))"
    )
    told = {
        tuple(json.loads(run.stdout)["digests"])
        for seed in ("1", "2")
        for run in [
            subprocess.run(
                [sys.executable, "-c", program],
                env={**os.environ, "PYTHONHASHSEED": seed},
                capture_output=True,
                encoding="utf-8",
                check=True,
            )
        ]
    }

    assert len(told) == 1


@pytest.mark.parametrize(
    ("one", "two", "agree"),
    [
        ([1, 2], [1, 2, 3], True),
        ([1, 2, 3], [1, 2], True),
        ([], [1], True),
        ([1, 2], [1, 3], False),
        ([2], [1, 2], False),
        (range(LOOKED_AT), [*range(LOOKED_AT), 99], True),
        ([*range(LOOKED_AT), 98], [*range(LOOKED_AT), 99], True),
    ],
)
def test_two_beginnings_agree_as_far_as_both_are_known(
    one: Iterable[object], two: Iterable[object], *, agree: bool
) -> None:
    assert beginning_of(*one).agrees_with(beginning_of(*two)) is agree


def test_what_is_written_down_ends_with_what_is_done() -> None:
    kept = Beginning.from_json(beginning_of(1, 2, 3).to_json(2))

    assert len(kept.digests) == 2
    assert kept.agrees_with(beginning_of(1, 2, 4))
    assert kept.shown == "1"


def test_the_source_comes_through_whole_and_is_not_read_ahead() -> None:
    taken: list[int] = []

    def source() -> Iterable[int]:
        for number in range(LOOKED_AT + 5):
            taken.append(number)
            yield number

    beginning = Beginning()
    watched = beginning.watch(iter(source()))

    assert [next(watched), next(watched)] == taken == [0, 1]
    assert list(watched) == list(range(2, LOOKED_AT + 5))
    assert len(beginning.digests) == LOOKED_AT


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("item", "shown"),
    [
        ({"id": 1}, "{'id': 1}"),
        ("x" * 500, f"'{'x' * 119}..."),
        (Unspeakable(), "<an item of the type Unspeakable, whose repr fails with RuntimeError>"),
    ],
)
def test_the_first_item_is_shown_to_people(item: object, shown: str) -> None:
    assert beginning_of(item, 2).shown == shown


def test_a_source_without_items_begins_with_nothing() -> None:
    assert beginning_of().shown == "nothing"
