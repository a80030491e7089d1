"""Arguments that make no sense are refused before anything is read or written."""

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import Engine
from sqlalchemy.orm import sessionmaker

from hardlite import batched_unit_of_work
from hardlite.errors import ConfigurationError
from tests.fixtures.library import AUTHORS, authors, stored


class Unmapped:
    """A class without a table."""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", 0),
        ("batch_size", -1),
        ("batch_size", 2.5),
        ("batch_size", True),
        ("batch_size", "500"),
        ("batch_size", None),
        ("max_hold", -0.1),
        ("max_hold", math.nan),
        ("max_hold", "soon"),
        ("timeout", -1),
        ("timeout", None),
        ("timeout", False),
        ("on_error", "ignore"),
        ("on_error", None),
        ("conflict", "replace"),
        ("conflict", True),
        ("prepare", "strip"),
        ("describe", "id"),
        ("on_rejection", []),
        ("progress", 5),
        ("work", "authors"),
        ("work", None),
        ("work", Unmapped),
        ("work", AUTHORS.select()),
    ],
)
def test_a_wrong_argument_is_named_before_anything_is_read(
    library: Engine, name: str, value: object
) -> None:
    source = authors(3)
    arguments: dict[str, Any] = {"work": AUTHORS} | {name: value}

    with pytest.raises(ConfigurationError) as caught:
        batched_unit_of_work(library, source, **arguments)

    assert name in str(caught.value)
    assert caught.value.hint
    assert not hasattr(caught.value, "__notes__")
    assert len(list(source)) == 3
    assert stored(library) == []


@pytest.mark.parametrize(("name", "value"), [("max_hold", 1), ("timeout", 0), ("batch_size", 1)])
def test_the_least_that_is_allowed_works(library: Engine, name: str, value: object) -> None:
    assert batched_unit_of_work(library, authors(3), AUTHORS, **{name: value}).ok


@pytest.mark.parametrize("wrap", [lambda engine: engine, sessionmaker])
def test_an_engine_that_is_not_hardened_is_refused(
    tmp_path: Path, wrap: Callable[[Engine], object]
) -> None:
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'plain.db'}")
    source = authors(3)

    with pytest.raises(ConfigurationError, match="not a hardened one"):
        batched_unit_of_work(wrap(engine), source, AUTHORS)

    assert len(list(source)) == 3


def test_items_that_cannot_be_iterated_are_an_error_of_the_caller(library: Engine) -> None:
    with pytest.raises(TypeError, match="not iterable"):
        batched_unit_of_work(library, 5, AUTHORS)


async def add_later(_session: object, _item: object) -> None:
    """Add an item; nobody awaits it."""


class Adding:
    """An object that is called like a coroutine function."""

    async def __call__(self, *_: object) -> None:
        """Add an item."""


@pytest.mark.parametrize("name", ["work", "prepare", "on_rejection", "progress"])
@pytest.mark.parametrize("function", [add_later, functools.partial(add_later, None), Adding()])
def test_a_function_that_nobody_would_await_is_refused(
    library: Engine, name: str, function: object
) -> None:
    arguments: dict[str, Any] = {"work": AUTHORS} | {name: function}

    with pytest.raises(ConfigurationError, match=f"{name}= cannot be the coroutine function"):
        batched_unit_of_work(library, authors(3), **arguments)

    assert stored(library) == []
