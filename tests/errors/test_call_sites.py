"""The line of code that a message names is the user's, not the plumbing's."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Engine, event

from hardlite import call_sites
from hardlite.call_sites import CallSite, call_site


def test_a_site_reads_as_editors_and_tracebacks_write_it() -> None:
    assert str(CallSite("app/jobs.py", 12, "nightly")) == "app/jobs.py:12 in nightly"


def test_the_site_is_the_line_that_asks() -> None:
    site = call_site()

    assert site is not None
    assert Path(site.file) == Path(__file__)
    assert site.function == "test_the_site_is_the_line_that_asks"
    assert "site = call_site()" in Path(__file__).read_text("utf-8").splitlines()[site.line - 1]


def asking(sites: list[CallSite | None]) -> Callable[..., None]:
    """A function whose code has no file, as templates and dataclasses make them."""
    namespace: dict[str, object] = {"call_site": call_site, "sites": sites}
    exec(compile("def ask(*_): sites.append(call_site())", "<generated>", "exec"), namespace)  # noqa: S102
    return cast("Callable[..., None]", namespace["ask"])


def test_the_inside_of_sqlalchemy_is_left_out(engine: Engine) -> None:
    sites: list[CallSite | None] = []
    event.listen(engine, "engine_connect", asking(sites))

    with engine.connect():
        pass

    (site,) = sites
    assert site is not None
    assert Path(site.file) == Path(__file__)
    assert site.function == "test_the_inside_of_sqlalchemy_is_left_out"


def test_the_inside_of_contextlib_is_left_out() -> None:
    sites: list[CallSite | None] = []
    with contextlib.ExitStack() as stack:
        stack.callback(asking(sites))

    (site,) = sites
    assert site is not None
    assert Path(site.file) == Path(__file__)


def test_code_without_a_file_is_named_where_there_is_no_other() -> None:
    program = "from hardlite.call_sites import call_site; print(call_site())"

    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
    )

    assert run.stdout == "<string>:1 in <module>\n"


def test_each_of_many_places_is_named_whatever_was_named_before(engine: Engine) -> None:
    """Where the last ones were found is where the next is looked for first."""
    sites: list[CallSite | None] = []
    event.listen(engine, "engine_connect", asking(sites))

    def at_depth(depth: int) -> None:
        if depth:
            at_depth(depth - 1)
        else:
            engine.connect().close()

    def elsewhere() -> None:
        engine.connect().close()

    for _ in range(2):
        for depth in range(8):
            at_depth(depth)
        elsewhere()
        with engine.begin():
            pass

    own = Path(__file__).read_text("utf-8").splitlines()
    assert all(site is not None and Path(site.file) == Path(__file__) for site in sites)
    found = [(site.function, own[site.line - 1].strip()) for site in sites if site is not None]
    one_round = [("at_depth", "engine.connect().close()")] * 8
    one_round += [("elsewhere", "engine.connect().close()")]
    one_round += [
        (
            "test_each_of_many_places_is_named_whatever_was_named_before",
            "with engine.begin():",
        )
    ]
    assert found == one_round * 2


def test_what_runs_a_loop_is_not_named_for_what_runs_in_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked for there first, as if each of these depths had been the right one lately."""
    sites: list[CallSite | None] = []
    event.listen(engine, "engine_connect", asking(sites))
    monkeypatch.setattr(call_sites, "_depths", tuple(range(60, 0, -1)))

    async def task() -> None:
        # A line that only the runner led to, so that all files between have been met.
        asyncio.get_running_loop().call_soon(asking([]))
        await asyncio.sleep(0)
        engine.connect().close()

    asyncio.run(task())

    assert [site and site.function for site in sites] == ["task"]
