"""The page of examples/documents, in a real browser: uploads go through it, and are shown live."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from documents.load_servers import Server, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

HOSTILE = "<img src=x onerror=alert(1)> " + "a-name-without-an-end" * 6


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("documents")
    with serve(folder, workers=2, settings={"PACE": 0.05}) as running:
        yield running


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_what_is_uploaded_is_shown_until_it_is_done(
    browser: "Browser", server: Server, width: int, scheme: str
) -> None:
    tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    complaints: list[str] = []
    asked: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(server.url)
    # The first picture is there.
    tab.locator("#workers dd").first.wait_for()
    before = int(tab.locator("#count-done").inner_text())
    hostile = f"{scheme} {width} {HOSTILE}"
    files = [
        {"name": name, "mimeType": "text/plain", "buffer": b"Words. More words.\n\n" * 900}
        for name in (hostile, "minutes.txt", "report.txt")
    ]
    tab.set_input_files("#choose", files)

    # Some of the way is seen: a stage is under way while another one has its checkpoint.
    tab.wait_for_function("document.querySelector('.bar.kept') && document.querySelector('.state')")
    tab.wait_for_function(
        "wanted => Number(document.getElementById('count-done').textContent) === wanted",
        arg=before + 3,
    )
    tab.wait_for_function("document.querySelectorAll('.state:not(.done)').length === 0")
    tab.wait_for_function("Number(document.querySelector('#workers dd').textContent.split(' ')[0])")

    assert tab.locator("#documents .document").count() == before + 3
    assert tab.get_by_text(hostile).count() == 1
    assert tab.locator("#documents img").count() == 0
    assert tab.locator("#refused").inner_text() == "0"
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    assert complaints == []
    assert [url for url in asked if not url.startswith(server.url)] == []
    tab.close()


def test_a_document_that_is_refused_is_told(browser: "Browser", server: Server) -> None:
    tab = browser.new_page()
    tab.goto(server.url)
    tab.set_input_files("#choose", [{"name": "no.txt", "mimeType": "text/plain", "buffer": b""}])
    tab.locator("#note", has_text="no.txt: The document is empty.").wait_for()
    tab.close()
