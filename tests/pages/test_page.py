"""The page of a report as text: what is in it, how large it is, and that strangers' text is inert."""

from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hardlite import Rejection
from hardlite.pages.text import escaped
from hardlite.reports.rejection_log import RejectionLog
from hardlite.resume.resume_points import ResumePoint
from tests.fixtures.reports import HOSTILE, batch, many_batches, report_of


class Text(HTMLParser):
    """Keeps the tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not any(name.startswith("on") or name in {"src", "href"} for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(st.text())
@example("<script>")
@example("\"'&amp;")
def test_any_text_is_shown_letter_by_letter(text: str) -> None:
    shown = escaped(text)
    page = Text(f"<p>{shown}</p>")

    assert set(shown).isdisjoint("<>\"'")
    assert page.tags == ["p"]
    assert page.text.isprintable()
    page.text.encode()
    if text.isprintable():
        assert page.text == text


def test_hostile_items_reasons_and_titles_make_no_tags() -> None:
    harmless, hostile = (
        report_of(
            [batch(0)],
            [Rejection(position=0, item=text, reason=text, error_type="E")],
            error=ValueError(text),
            stopped=True,
        ).to_html(text)
        for text in ("harmless", HOSTILE)
    )

    assert Text(hostile).tags == Text(harmless).tags
    assert "script" not in Text(hostile).tags
    hostile.encode()


def test_a_page_of_ten_thousand_batches_and_rejections_is_small() -> None:
    log = RejectionLog(
        Rejection(position=number, item=HOSTILE, reason=f"E: {number}", error_type="E")
        for number in range(10_000)
    )

    page = report_of(many_batches(10_000), log).to_html()

    assert len(page.encode()) < 300_000
    text = Text(page).text
    assert "Each bar is the mean of 42 batches" in text
    assert "100 of 10,000 batches held the turn longer than max_hold, 500 ms" in text
    assert "The first 100 rejected items" in text
    assert "for other reasons." in text


def test_a_report_of_nothing_has_a_page() -> None:
    page = Text(report_of([]).to_html())

    assert "0 items committed, 0 rejected." in page.text
    assert "svg" not in page.tags


@pytest.mark.parametrize("seconds", [0.0, 1e-9])
def test_batches_that_took_no_time_have_a_page(seconds: float) -> None:
    quick = batch(0, prepare=0.0, wait=0.0, hold=0.0, ended=seconds)

    page = Text(report_of([quick, batch(1, prepare=0, wait=0, hold=0, ended=seconds)]).to_html())

    assert page.tags.count("svg") == (2 if seconds else 1)


def test_holds_are_marked_only_where_it_is_known_how_long_they_may_be() -> None:
    batches = many_batches(50)

    marked = report_of(batches).to_html()
    unknown = report_of(batches, max_hold=None).to_html()
    far = report_of(batches, max_hold=100.0).to_html()

    assert 'class="over"' in marked
    assert 'class="limit"' in marked
    assert "The dashed line is max_hold, 500 ms." in Text(marked).text
    for page in (unknown, far):
        assert 'class="over"' not in page
        assert 'class="limit"' not in page


def test_what_stopped_an_import_and_what_was_lost_is_told() -> None:
    stopped = Text(report_of([batch(0)], stopped=True).to_html()).text
    failed = Text(report_of([batch(0)], stopped=True, error=OSError("no disk")).to_html()).text
    log = RejectionLog()
    log.lost = 12
    lost = Text(report_of([batch(0, rejected=12)], log).to_html()).text

    assert "Stopped before the end of the source." in stopped
    assert "Stopped by OSError: no disk" in failed
    assert "12 rejections could not be kept." in lost


def test_skipped_items_are_told() -> None:
    page = Text(report_of([batch(0, committed=4, skipped=6)]).to_html())

    assert "4 items committed, 0 rejected, 6 skipped as they were there already." in page.text


def test_rows_written_over_are_told() -> None:
    page = Text(report_of([batch(0, updated=3)]).to_html())

    assert "10 items committed, 0 rejected, 3 written over as they were there" in page.text


def test_where_a_resumed_import_began_is_told() -> None:
    point = ResumePoint(
        key="monday",
        position=500,
        committed=490,
        rejected=10,
        skipped=0,
        settings="",
        started_at="2026-11-21T10:00:00Z",
        updated_at="2026-11-21T10:00:05Z",
        finished_at=None,
    )

    page = Text(report_of([batch(0)], resumed_from=point).to_html())

    assert str(point) in page.text
