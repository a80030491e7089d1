"""The page of a report, in a real browser: nothing is wrong, nothing overflows, nothing runs."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hardlite import Constraint, ImportReport, Rejection
from tests.fixtures.reports import HOSTILE, batch, many_batches, report_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


@pytest.fixture
def look(browser: "Browser", tmp_path: Path) -> Iterator[Callable[..., "Page"]]:
    """Open the page of a report; whatever the browser complains of fails the test."""
    complaints: list[str] = []
    opened: list[Page] = []

    def look(report: ImportReport, **options: Any) -> "Page":  # noqa: ANN401 - playwright's own
        path = tmp_path / "report.html"
        path.write_text(report.to_html("Import of <b>words</b>"), encoding="utf-8")
        tab = browser.new_page(**options)
        opened.append(tab)
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("request", lambda request: asked.append(request.url))
        asked: list[str] = []
        tab.goto(path.as_uri())
        assert asked == [path.as_uri()]
        return tab

    yield look
    for tab in opened:
        tab.close()
    assert complaints == []


def rejections(count: int) -> list[Rejection]:
    key = Constraint(kind="FOREIGN KEY", table="t", columns=("a_long_name" * 5,), parent="p")
    return [
        Rejection(
            position=number,
            item={"text": HOSTILE},
            reason=f"ValueError: {HOSTILE if number % 2 else 'bad'}",
            error_type="ValueError",
            constraint=None if number % 2 else key,
        )
        for number in range(count)
    ]


def figures(tab: "Page") -> dict[str, str]:
    names = tab.locator("dt").all_inner_texts()
    return dict(zip(names, tab.locator("dd").all_inner_texts(), strict=True))


def test_the_figures_are_those_of_the_report(look: Callable[..., "Page"]) -> None:
    batches = [batch(0, rejected=3, committed=5, skipped=2), *many_batches(1500)[1:]]

    tab = look(report_of(batches, rejections(3)))

    assert tab.title() == "Import of <b>words</b>"
    assert figures(tab) == {
        "committed": "14,995",
        "rejected": "3",
        "skipped": "2",
        "updated": "0",
        "batches": "1,500",
        "elapsed": "25 min 0 s",
        "items/s": "10",
        "waited in all": "3 min 8 s",
        "longest wait": "125 ms",
        "longest hold": "750 ms",
    }
    assert (
        "15 of 1,500 batches held the turn longer" in tab.locator("figcaption").first.inner_text()
    )
    assert tab.locator("tbody tr").count() == 5 + 5 + 2 + 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("batches", [0, 1, 12, 10_000])
def test_nothing_is_wider_than_a_phone(
    look: Callable[..., "Page"], scheme: str, batches: int
) -> None:
    report = report_of(many_batches(batches), rejections(150), error=ValueError(HOSTILE))

    tab = look(report, viewport={"width": 360, "height": 780}, color_scheme=scheme)

    assert tab.evaluate("document.documentElement.scrollWidth") == 360
    wide = tab.evaluate(
        "[...document.querySelectorAll('body *')].filter("
        "e => e.getBoundingClientRect().right > 361).map(e => e.outerHTML.slice(0, 99))"
    )
    assert wide == []


def test_hostile_items_are_text_and_nothing_else(look: Callable[..., "Page"]) -> None:
    tab = look(report_of([batch(0, rejected=9, committed=1)], rejections(9)))

    assert tab.title() == "Import of <b>words</b>"
    for name in ("script", "img", "a", "iframe", "[onerror]", "body > style"):
        assert tab.locator(name).count() == 0
    assert tab.locator("body").is_visible()
    shown = tab.locator("tbody tr").last.inner_text()
    assert "</td></table><script>document.title=" in shown


def colour(tab: "Page", selector: str, name: str) -> tuple[float, ...]:
    found: str = tab.locator(selector).first.evaluate(f"e => getComputedStyle(e)['{name}']")
    return tuple(map(float, re.findall(r"[\d.]+", found)[:3]))


def luminance(parts: tuple[float, ...]) -> float:
    linear = [
        part / 255 / 12.92 if part / 255 <= 0.04045 else ((part / 255 + 0.055) / 1.055) ** 2.4
        for part in parts
    ]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", ["good", "some", "bad"])
def test_texts_stand_out_from_what_is_behind_them(
    look: Callable[..., "Page"], scheme: str, state: str
) -> None:
    """By as much as "Web Content Accessibility Guidelines 2.2", 1.4.3, asks for."""
    rejected = 0 if state == "good" else 1
    report = report_of([batch(0, rejected=rejected)], rejections(rejected), stopped=state == "bad")

    tab = look(report, color_scheme=scheme)

    assert tab.locator(".status").first.get_attribute("class") == f"status {state}"
    behind = colour(tab, ".status", "backgroundColor")
    assert contrast(colour(tab, ".status", "color"), behind) >= 4.5
    card = colour(tab, "figure", "backgroundColor")
    for text in ("dt", "dd", "figcaption", "th", "td", ".left"):
        assert contrast(colour(tab, text, "color"), card) >= 4.5
    for part in ("path.hold", "path.wait", "path.prepare"):
        assert contrast(colour(tab, part, "fill"), card) >= (2 if part != "path.hold" else 3)


def test_pictures_have_names_and_tables_have_headings(look: Callable[..., "Page"]) -> None:
    tab = look(report_of(many_batches(500), rejections(4)))

    pictures = tab.get_by_role("img")
    assert [picture.get_attribute("aria-label") for picture in pictures.all()] == [
        "Bar chart of 500 batches, up to 1.5 s high",
        "Chart of items per second over time, up to 10",
    ]
    assert [caption.inner_text() for caption in tab.locator("caption").all()] == [
        "Longest waits",
        "Longest holds",
        "Rejected, by reason",
        "The first 4 rejected items",
    ]
    assert tab.locator("table:not(:has(th[scope=col]))").count() == 0
    assert tab.locator("html[lang=en]").count() == 1


def test_a_table_is_one_also_where_its_rows_are_cards(look: Callable[..., "Page"]) -> None:
    tab = look(report_of(many_batches(1), rejections(2)), viewport={"width": 360, "height": 780})

    table = tab.get_by_role("table", name="The first 2 rejected items")
    assert table.get_by_role("row").count() == 3
    assert table.get_by_role("columnheader").all_inner_texts() == [
        "position",
        "column",
        "why",
        "item",
    ]
    # One of the two has no column to tell of, and on a phone no empty line for it either.
    assert table.get_by_role("cell").count() == 2 * 4 - 1


def test_the_page_can_be_printed(look: Callable[..., "Page"]) -> None:
    assert look(report_of(many_batches(20), rejections(3))).pdf().startswith(b"%PDF")
