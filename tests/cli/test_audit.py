"""`hardlite audit`."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hardlite.cli.exit_codes import ExitCode

Command = Callable[..., Any]

BAD = """
import sqlite3
import threading

connection = sqlite3.connect("app.db")


def read() -> list[tuple[str]]:
    return connection.execute("SELECT name FROM users").fetchall()


async def names() -> list[tuple[str]]:
    return read()


def save(name: str) -> None:
    try:
        connection.execute("INSERT INTO users VALUES (?)", (name,))
        connection.commit()
    except sqlite3.OperationalError:
        pass
    with sqlite3.connect("app.db") as other:
        other.execute(
            "SELECT 1"
        )
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "app.py").write_text(BAD, encoding="utf-8")
    (folder / "old.py").write_text("print 'Python 2'\n", encoding="utf-8")
    return folder


def test_findings_are_told_with_a_score_and_a_plan(hardlite: Command, program: Path) -> None:
    ran = hardlite("audit", program)

    assert ran.code == ExitCode.FINDINGS
    assert "[SEVERITY: CRITICAL] HL5A\nLocation: app.py : 12 (names)" in ran.out
    assert "  calls read at app.py:13\n" in ran.out
    assert "Score: 2 of 10" in ran.out
    assert "Fix now:\n  HL5A Blocking database call in a coroutine\n" in ran.out
    assert "Monitor:\n  HLE0" in ran.out


def test_what_a_rule_says_is_told_once(hardlite: Command, program: Path) -> None:
    (program / "again.py").write_text(BAD, encoding="utf-8")

    assert hardlite("audit", program).out.count("A synchronous driver waits on the thread") == 1


def test_json_has_the_findings_and_the_plan(hardlite: Command, program: Path) -> None:
    told = json.loads(hardlite("audit", program, "--format", "json").out)

    assert {"HL1A", "HL5A", "HL7A", "HLE0"} <= {each["rule"] for each in told["findings"]}
    assert told["plan"]["score"] == 2
    assert told["files"] == 2
    assert len({each["fingerprint"] for each in told["findings"]}) == len(told["findings"])


def test_sarif_has_every_rule_and_the_chain_of_calls(hardlite: Command, program: Path) -> None:
    run = json.loads(hardlite("audit", program, "--format", "sarif").out)["runs"][0]

    assert {"HL3B", "HLE0"} <= {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    chain = next(each for each in run["results"] if each["ruleId"] == "HL5A")["codeFlows"]
    assert len(chain[0]["threadFlows"][0]["locations"]) == 2
    fingerprints = [each["partialFingerprints"]["hardlite/v2"] for each in run["results"]]
    assert len(set(fingerprints)) == len(fingerprints)


def test_sarif_points_at_rules_by_their_place_and_at_files_by_a_uri(
    hardlite: Command, program: Path
) -> None:
    (program / "app.py").rename(program / "my app.py")
    log = json.loads(hardlite("audit", program, "--format", "sarif").out)

    run = log["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    places = [each["locations"][0]["physicalLocation"] for each in run["results"]]
    assert log["version"] == "2.1.0"
    assert len(set(rules)) == len(rules)
    assert all(rules[each["ruleIndex"]] == each["ruleId"] for each in run["results"])
    assert {each["level"] for each in run["results"]} <= {"error", "warning", "note"}
    assert {place["artifactLocation"]["uri"] for place in places} == {"my%20app.py", "old.py"}
    assert all(1 <= p["region"]["startLine"] <= p["region"]["endLine"] for p in places)


def test_github_has_one_annotation_for_each_finding(hardlite: Command, program: Path) -> None:
    lines = hardlite("audit", program, "--format", "github").out.splitlines()

    assert lines[0].startswith("::error file=app.py,line=5,endLine=5,title=HL1A::Nothing sets")
    assert lines[-1].startswith("::notice file=old.py,line=1,")


def test_markdown_has_the_places_and_the_page_of_each_rule(
    hardlite: Command, program: Path
) -> None:
    (program / "app.py").rename(program / "my_app.py")
    out = hardlite("audit", program, "--format", "markdown").out

    assert out.startswith("# SQLite audit\n\n")
    assert "Score: **2 of 10**" in out
    assert "\n## Fix now\n\n1. HL5A Blocking database call in a coroutine\n" in out
    assert "\n## HL5A: blocking" in out
    assert "- **CRITICAL** my\\_app.py:12 (names): The coroutine names waits" in out
    assert "; calls read at my\\_app.py:13; calls connection.execute" in out
    assert "\n### Fix\n" in out


def test_markdown_of_nothing_found_lists_nothing(hardlite: Command, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("print('hello')\n", encoding="utf-8")
    out = hardlite("audit", tmp_path, "--format", "markdown").out

    assert "0 findings in 1 files. Score: **10 of 10**." in out
    assert "##" not in out


def test_html_is_one_page_that_needs_nothing_but_itself(hardlite: Command, program: Path) -> None:
    (program / "app.py").rename(program / "a&b.py")
    out = hardlite("audit", program, "--format", "html").out

    assert out.startswith("<!DOCTYPE html>")
    assert '<p class="status bad">Ready for concurrency: 2 of 10</p>' in out
    assert "<strong>a&amp;b.py:12 (names)</strong>" in out
    assert "<code>async def names() -&gt; list[tuple[str]]:</code>" in out
    assert "<li>calls <code>read</code> at a&amp;b.py:13</li>" in out
    assert "HL5A Blocking database call in a coroutine" in out
    assert "```" not in out
    assert not re.search("<(script|link|img)|src=|href=", out)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("", "good"),
        (
            "import sqlite3, threading\ndef f():\n  with sqlite3.connect('a.db') as con: con.commit()\n",
            "some",
        ),
    ],
)
def test_the_colour_of_the_page_goes_by_the_score(
    code: str, kind: str, hardlite: Command, tmp_path: Path
) -> None:
    (tmp_path / "app.py").write_text(code, encoding="utf-8")

    out = hardlite("audit", tmp_path, "--format", "html").out

    assert f'<p class="status {kind}">' in out


def test_a_lower_bar_lets_findings_pass(hardlite: Command, tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text("print 'Python 2'\n", encoding="utf-8")

    assert hardlite("audit", tmp_path).code == ExitCode.DONE
    assert hardlite("audit", tmp_path, "--fail-on", "monitor").code == ExitCode.FINDINGS


def test_files_can_be_left_out(hardlite: Command, program: Path) -> None:
    assert hardlite("audit", program, "--exclude", "*.py").out.startswith("0 findings in 0 files.")


def test_a_program_without_findings_scores_ten(hardlite: Command, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("print('hello')\n", encoding="utf-8")

    ran = hardlite("audit", tmp_path / "app.py")

    assert ran.code == ExitCode.DONE
    assert "Score: 10 of 10" in ran.out


def test_a_rule_is_explained(hardlite: Command) -> None:
    assert hardlite("audit", "--explain", "hl3b").out.startswith("# HL3B: slow work")


def test_an_unknown_rule_is_misuse(hardlite: Command) -> None:
    ran = hardlite("audit", "--explain", "HL9Z")

    assert (ran.code, ran.err) == (ExitCode.MISUSE, "hardlite: there is no rule 'HL9Z'.\n")


def test_a_missing_path_is_misuse(hardlite: Command, tmp_path: Path) -> None:
    ran = hardlite("audit", tmp_path / "none")

    assert ran.code == ExitCode.MISUSE
    assert ran.err.startswith("hardlite: there is no ")


def test_a_file_that_cannot_be_opened_ends_the_audit(hardlite: Command, tmp_path: Path) -> None:
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere")

    assert hardlite("audit", tmp_path).code == ExitCode.COULD_NOT_FINISH


def test_the_current_directory_is_the_default(
    hardlite: Command, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(program)

    assert "Location: app.py : 5" in hardlite("audit").out
