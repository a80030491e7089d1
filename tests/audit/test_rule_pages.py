"""Every rule has a page, and the code on it is judged as the page says."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from hardlite.audit import audit
from hardlite.audit.code import RULES
from hardlite.audit.explaining import page_of

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```(?P<kind>python|sql)\n(?P<code>.*?)```", re.DOTALL)
WITH_CODE = [code for code in RULES if code != "HLE0"]


def found(code: str, place: int, folder: Path) -> set[str]:
    """Audit the Python of a page: the one before, or the one after."""
    blocks = list(BLOCK.finditer(page_of(code).fix))
    for block in blocks:
        if block["kind"] == "sql":
            (folder / "schema.sql").write_text(block["code"], encoding="utf-8")
    python = [block["code"] for block in blocks if block["kind"] == "python"]
    (folder / "app.py").write_text(python[place], encoding="utf-8")
    return {finding.rule for finding in audit([folder]).findings}


@pytest.mark.parametrize("code", WITH_CODE)
def test_the_code_before_has_the_finding(code: str, tmp_path: Path) -> None:
    assert code in found(code, 0, tmp_path)


@pytest.mark.parametrize("code", WITH_CODE)
def test_the_code_after_has_it_no_more(code: str, tmp_path: Path) -> None:
    assert code not in found(code, 1, tmp_path)


def test_there_is_a_page_for_each_rule_and_a_rule_for_each_page() -> None:
    pages = {page.name for page in files("hardlite.audit").joinpath("pages").iterdir()}

    assert pages == {f"{code}.md" for code in RULES}
    assert {path.stem for path in (ROOT / "docs/reference/rules").glob("HL*.md")} == RULES.keys()
