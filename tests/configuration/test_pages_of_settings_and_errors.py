"""The reference tells of every setting and of every error, as they are."""

import re
from pathlib import Path

import pytest

from hardlite import Profile, errors

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
SECTION = re.compile(
    r"^(?P<mark>#{2,3}) (?P<title>.+?)\n(?P<body>.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL
)


def sections(page: str, mark: str) -> dict[str, str]:
    text = (REFERENCE / page).read_text(encoding="utf-8")
    return {m["title"]: m["body"].strip() for m in SECTION.finditer(text) if m["mark"] == mark}


def test_the_page_of_settings_has_each_setting_under_its_own_heading() -> None:
    assert sections("settings.md", "###").keys() == Profile.names()


@pytest.mark.parametrize("name", sorted(Profile.names()))
def test_a_setting_is_told_with_its_default(name: str) -> None:
    default = getattr(Profile(), name)
    written = f'"{default}"' if isinstance(default, str) else str(default)

    assert sections("settings.md", "###")[name].startswith(f"Default `{written}`")


@pytest.mark.parametrize(
    "name", ["journal_mode", "synchronous", "temp_store", "transaction", "network"]
)
def test_a_setting_that_is_a_word_is_told_with_all_words(name: str) -> None:
    with pytest.raises(errors.ConfigurationError) as caught:
        Profile().evolve({name: "nothing"})
    words = caught.value.hint.removeprefix("It takes ").removesuffix(".").split(" or ")

    body = sections("settings.md", "###")[name]

    assert all(f'"{word}"' in body for word in words)


@pytest.mark.parametrize("name", sorted(set(errors.__all__) - {"HardliteError"}))
def test_an_error_is_told_with_what_happened_why_and_what_to_do(name: str) -> None:
    (body,) = [
        body for title, body in sections("errors.md", "##").items() if re.match(rf"{name}\b", title)
    ]

    assert body.startswith("**What happened.** ")
    assert "\n\n**Why.** " in body
    assert "\n\n**What to do.** " in body
