"""A real browser without a window, for the pages that hardlite writes."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """A Chromium without a window: the one of the system, or playwright's own."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    system = next(filter(None, map(shutil.which, _NAMES)), None)
    with playwright.sync_playwright() as driver:
        own = driver.chromium.executable_path
        if system is None and not Path(own).exists():
            pytest.skip("there is no Chromium")
        started = driver.chromium.launch(executable_path=system or own, args=["--no-sandbox"])
        yield started
        started.close()
