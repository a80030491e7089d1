"""Comments that leave a finding alone."""

from pathlib import Path

import pytest

from hardlite.audit import audit

PROGRAM = """\
import sqlite3

con = sqlite3.connect("app.db")


{above}async def save(rows):  {beside}
    con.execute(
        "DELETE FROM t"  {inside}
    )
    con.commit()
"""


def left(folder: Path, *, above: str = "", beside: str = "", inside: str = "") -> list[str]:
    """Return the rules that have findings, for comments in three places."""
    code = PROGRAM.format(above=above, beside=beside, inside=inside)
    (folder / "app.py").write_text(code, encoding="utf-8")
    return [finding.rule for finding in audit([folder], select=["HL5A", "HL7B"]).findings]


def test_a_comment_beside_a_finding_ignores_it(tmp_path: Path) -> None:
    assert left(tmp_path) == ["HL5A"]
    assert left(tmp_path, beside="# hardlite: ignore[5A] one user only") == []
    assert audit([tmp_path], select=["5A"]).ignored == 1


@pytest.mark.parametrize("codes", ["HL5A", "hl5a", "3B, 5A"])
def test_codes_are_written_with_or_without_their_prefix(codes: str, tmp_path: Path) -> None:
    assert left(tmp_path, beside=f"# hardlite: ignore[{codes}]") == []


def test_a_comment_on_a_line_of_its_own_speaks_of_the_next_line_with_code(tmp_path: Path) -> None:
    above = "# hardlite: ignore[5A] one user only\n# and so on\n\n"

    assert left(tmp_path, above=above) == []


def test_a_comment_anywhere_in_a_finding_of_several_lines_ignores_it(tmp_path: Path) -> None:
    code = "import sqlite3\ndef f():\n  with sqlite3.connect(\n    'a.db'  # {}\n  ): pass\n"
    path = tmp_path / "app.py"
    path.write_text(code.format("x"), encoding="utf-8")
    assert [each.rule for each in audit([path], select=["2C"]).findings] == ["HL2C"]

    path.write_text(code.format("hardlite: ignore[2C]"), encoding="utf-8")
    assert not audit([path], select=["2C"]).findings


def test_another_rule_another_line_and_another_comment_change_nothing(tmp_path: Path) -> None:
    assert left(tmp_path, beside="# hardlite: ignore[3B]") == ["HL5A"]
    assert left(tmp_path, inside="# hardlite: ignore[5A]") == ["HL5A"]
    assert left(tmp_path, beside="# hardlite: ignore", inside="# hardlite: ignore[]") == ["HL5A"]


def test_a_text_is_no_comment(tmp_path: Path) -> None:
    above = "X = '# hardlite: ignore[5A]'; "

    assert left(tmp_path, above=f"{above}\n") == ["HL5A"]


def test_what_is_no_python_cannot_be_ignored(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x = (1  # hardlite: ignore[E0]\n", encoding="utf-8")

    assert [finding.rule for finding in audit([tmp_path]).findings] == ["HLE0"]
