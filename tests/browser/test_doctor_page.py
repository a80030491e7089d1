"""The page of the doctor, in a real browser: nothing is wrong, nothing overflows, nothing runs."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hardlite.doctor import Diagnosis, Finding, Severity, diagnosis_page
from tests.fixtures.reports import HOSTILE

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


def finding(severity: Severity) -> Finding:
    return Finding(
        name="a-fault",
        severity=severity,
        category="Data",
        location="/srv/" + "folder" * 40,
        problem=HOSTILE,
        impact=HOSTILE,
        confidence="High",
        verify="x" * 300,
        fix=HOSTILE,
        trade_off="None.",
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_fits_and_is_still(
    browser: "Browser", tmp_path: Path, width: int, scheme: str
) -> None:
    found = Diagnosis(
        path="/srv/app.db",
        facts=(("open in", HOSTILE * 5), ("pragmas", "y" * 300)),
        findings=tuple(map(finding, Severity)),
        notes=(HOSTILE,),
    )
    path = tmp_path / "page.html"
    path.write_text(diagnosis_page(found), encoding="utf-8")
    tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    complaints: list[str] = []
    asked: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(path.as_uri())

    assert tab.evaluate("document.documentElement.scrollWidth") == width
    assert tab.locator(".status").inner_text() == "Readiness 3 of 10, 4 findings."
    assert tab.locator("section.finding").count() == 4
    for name in ("script", "img", "a", "iframe", "[onerror]"):
        assert tab.locator(name).count() == 0
    assert (complaints, asked) == ([], [path.as_uri()])
    tab.close()
