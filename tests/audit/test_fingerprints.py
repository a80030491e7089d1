"""A finding is known again after the lines around it have changed."""

import textwrap
from pathlib import Path

from hardlite.audit import audit

TWICE = """\
import sqlite3

con = sqlite3.connect("app.db")


def save(rows):
    try:
        con.execute("DELETE FROM t")
    except sqlite3.Error:
        pass
    try:
        con.execute("INSERT INTO t VALUES (1)")
    except sqlite3.Error:
        pass
"""


def known(folder: Path, code: str) -> list[str]:
    """Return the fingerprints of what is found in one file."""
    (folder / "app.py").write_text(code, encoding="utf-8")
    return [finding.fingerprint for finding in audit([folder]).findings]


def test_two_findings_of_a_rule_in_one_function_differ(tmp_path: Path) -> None:
    found = known(tmp_path, TWICE)

    rules = [finding.rule for finding in audit([tmp_path]).findings]
    assert rules.count("HL7A") == 2
    assert len(set(found)) == len(found)


def test_lines_above_do_not_matter(tmp_path: Path) -> None:
    assert known(tmp_path, TWICE) == known(tmp_path, f"# A line more.\n\n{TWICE}")


def test_the_space_before_a_line_does_not_matter(tmp_path: Path) -> None:
    start, function = TWICE.split("def", 1)
    deeper = f"{start}if rows:\n{textwrap.indent('def' + function, '    ')}"

    assert known(tmp_path, TWICE) == known(tmp_path, deeper)


def test_another_function_has_another_fingerprint(tmp_path: Path) -> None:
    before = known(tmp_path, TWICE)
    after = known(tmp_path, TWICE.replace("def save", "def store"))

    assert before[0] == after[0]  # The connection stands in the module, as before.
    assert not set(before[1:]) & set(after[1:])


def test_the_text_of_the_line_is_quoted(tmp_path: Path) -> None:
    known(tmp_path, TWICE)

    assert audit([tmp_path]).findings[0].source == 'con = sqlite3.connect("app.db")'
