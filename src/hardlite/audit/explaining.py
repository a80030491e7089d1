"""The page of a rule: what `--explain` prints, and what a finding quotes."""

import dataclasses
import re
from importlib.resources import files
from typing import Final

__all__ = ["Page", "page_of"]

_SECTION: Final = re.compile(r"^## (?P<name>.+)\n+(?P<text>(?:(?!^## ).*\n?)*)", re.MULTILINE)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The page of a rule.

    Attributes:
        text: all of it, in Markdown.
        problem: why it ends in a locked database, or in lost data.
        impact: what to expect under load.
        verify: how to see it for oneself.
        fix: the code before and after.
        trade_off: what the fix costs, and when none is needed.
    """

    text: str
    problem: str
    impact: str
    verify: str
    fix: str
    trade_off: str


def page_of(code: str) -> Page:
    """Return the page of a rule.

    Args:
        code: such as ``HL3B``.

    Raises:
        KeyError: there is no such rule.
    """
    file = files("hardlite.audit").joinpath("pages", f"{code}.md")
    if not file.is_file():
        raise KeyError(code)
    text = file.read_text(encoding="utf-8")
    parts = {each["name"]: each["text"].strip() for each in _SECTION.finditer(text)}
    return Page(
        text=text,
        problem=parts["Problem"],
        impact=parts["Concurrency impact"],
        verify=parts["How to verify"],
        fix=parts["Fix"],
        trade_off=parts["Trade-off"],
    )
