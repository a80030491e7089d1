"""The promised names and the errors are documented, each where a reader would look for it."""

import re
from pathlib import Path

import pytest

import hardlite
from hardlite import errors

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
HEADING = re.compile(r"^#{2,4} (?P<text>.+)$", re.MULTILINE)


def mentions(text: str, name: str) -> bool:
    """Whether a text holds the name as a word of its own."""
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text) is not None


def headings_of_the_errors_page() -> list[str]:
    page = (REFERENCE / "errors.md").read_text(encoding="utf-8")
    return [match["text"] for match in HEADING.finditer(page)]


@pytest.mark.parametrize("name", sorted(hardlite.__all__))
def test_a_promised_name_exists_and_stands_in_the_reference(name: str) -> None:
    pages = [page.read_text(encoding="utf-8") for page in REFERENCE.rglob("*.md")]

    assert hasattr(hardlite, name)
    assert any(mentions(page, name) for page in pages)


@pytest.mark.parametrize("name", sorted(errors.__all__))
def test_an_error_has_its_own_heading_with_its_slug(name: str) -> None:
    """The text of an error ends in [slug], so a reader who searches for that finds the page."""
    slug: str | None = getattr(getattr(errors, name), "slug", None)

    own = [text for text in headings_of_the_errors_page() if mentions(text, name)]

    assert len(own) == 1
    assert slug is None or f"[{slug}]" in own[0]


def test_no_two_errors_share_a_slug() -> None:
    slugs = [getattr(getattr(errors, name), "slug", name) for name in errors.__all__]

    assert len(slugs) == len(set(slugs))


def test_the_errors_page_documents_no_error_that_does_not_exist() -> None:
    documented = set(re.findall(r"\b\w+Error\b", " ".join(headings_of_the_errors_page())))

    assert documented <= set(errors.__all__)
