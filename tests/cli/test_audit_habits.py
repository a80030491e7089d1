"""`hardlite audit` from day to day: settings, baselines, and what has changed."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hardlite.cli.exit_codes import ExitCode

Command = Callable[..., Any]

ONE = (
    "import sqlite3\n\n\ndef f():\n    with sqlite3.connect('a.db') as con:\n        con.commit()\n"
)
TWO = f"{ONE}\n\ndef g():\n    with sqlite3.connect('a.db') as con:\n        con.commit()\n"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text(ONE, encoding="utf-8")
    return tmp_path


def found(hardlite: Command, *options: str) -> list[tuple[str, str]]:
    """Return rule and function of what is found."""
    told = json.loads(hardlite("audit", "--format", "json", *options).out)
    return [(each["rule"], each["symbol"]) for each in told["findings"]]


def settle(program: Path, text: str) -> None:
    (program / "pyproject.toml").write_text(text, encoding="utf-8")


@pytest.mark.usefixtures("program")
def test_rules_are_chosen_by_options(hardlite: Command) -> None:
    assert found(hardlite, "--select", "2C") == [("HL2C", "f")]
    assert found(hardlite, "--select", "HL2", "--ignore", "2c") == []


def test_rules_and_paths_are_chosen_by_settings(hardlite: Command, program: Path) -> None:
    (program / "lib").mkdir()
    (program / "lib" / "old.py").write_text(ONE, encoding="utf-8")
    settle(program, '[tool.hardlite.audit]\nselect = ["HL2"]\npaths = ["lib", "app.py"]\n')
    assert found(hardlite) == [("HL2C", "f"), ("HL2C", "f")]

    settle(program, '[tool.hardlite.audit]\nignore = ["2C", "1A"]\nexclude = ["old.py"]\n')
    assert found(hardlite) == []


def test_options_go_before_settings(hardlite: Command, program: Path) -> None:
    settle(program, '[tool.hardlite.audit]\nselect = ["7A"]\npaths = ["nowhere"]\n')

    assert found(hardlite, "--select", "2C", "app.py") == [("HL2C", "f")]


def test_a_project_without_the_table_has_the_defaults(hardlite: Command, program: Path) -> None:
    settle(program, "[project]\nname = 'x'\n")

    assert ("HL2C", "f") in found(hardlite)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[tool", "pyproject.toml cannot be read as TOML"),
        ("tool = 1", "[tool.hardlite.audit] of pyproject.toml is no table"),
        ("[tool.hardlite]\naudit = 1", "[tool.hardlite.audit] of pyproject.toml is no table"),
        ("[tool.hardlite.audit]\nselct = []", "[tool.hardlite.audit] has no setting 'selct'"),
        ("[tool.hardlite.audit]\nselect = 'HL2'", "select in [tool.hardlite.audit] is no list"),
        ("[tool.hardlite.audit]\nselect = [2]", "select in [tool.hardlite.audit] is no list"),
        ("[tool.hardlite.audit]\nselect = ['9Z']", "no rule of the audit begins with '9Z'"),
        ("[tool.hardlite.audit]\npaths = ['none']", "there is no none"),
    ],
)
def test_a_wrong_setting_is_misuse(
    text: str, message: str, hardlite: Command, program: Path
) -> None:
    settle(program, text)

    ran = hardlite("audit")

    assert ran.code == ExitCode.MISUSE
    assert message in ran.err


def test_what_a_baseline_has_is_not_told_again(hardlite: Command, program: Path) -> None:
    made = hardlite("audit", "--select", "2C", "--write-baseline", "known.json")
    assert (made.code, made.out) == (ExitCode.DONE, "1 findings are in known.json.\n")

    same = hardlite("audit", "--select", "2C", "--baseline", "known.json")
    assert same.code == ExitCode.DONE

    (program / "app.py").write_text(f"# More.\n{TWO}", encoding="utf-8")
    assert found(hardlite, "--select", "2C", "--baseline", "known.json") == [("HL2C", "g")]


@pytest.mark.parametrize("text", ["no JSON", "[]", "{}", '{"schema": "another/1", "findings": []}'])
def test_what_is_no_baseline_is_misuse(text: str, hardlite: Command, program: Path) -> None:
    (program / "known.json").write_text(text, encoding="utf-8")

    ran = hardlite("audit", "--baseline", "known.json")

    assert ran.code == ExitCode.MISUSE
    assert "known.json is no baseline of an audit" in ran.err


@pytest.mark.usefixtures("program")
def test_a_baseline_that_is_not_there_ends_the_audit(hardlite: Command) -> None:
    assert hardlite("audit", "--baseline", "known.json").code == ExitCode.COULD_NOT_FINISH


def git(folder: Path, *asked: str) -> None:
    named = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(folder), *named, *asked]
    subprocess.run(command, check=True, capture_output=True)


def test_since_a_revision_only_changed_lines_have_findings(
    hardlite: Command, program: Path
) -> None:
    git(program, "init", "-q")
    git(program, "add", "app.py")
    git(program, "commit", "-q", "-m", "one")
    assert found(hardlite, "--select", "2C", "--since", "HEAD") == []

    (program / "app.py").write_text(TWO, encoding="utf-8")
    (program / "my new.py").write_text(ONE, encoding="utf-8")
    assert found(hardlite, "--select", "2C", "--since", "HEAD") == [("HL2C", "g"), ("HL2C", "f")]

    git(program, "add", "--all")
    git(program, "commit", "-q", "-m", "two")
    assert found(hardlite, "--select", "2C", "--since", "HEAD") == []
    both = found(hardlite, "--select", "2C", "--since", "HEAD~")
    assert both == [("HL2C", "g"), ("HL2C", "f")]

    (program / "app.py").write_text(f"# A line more.\n{TWO}", encoding="utf-8")
    assert found(hardlite, "--select", "2C", "--since", "HEAD") == []


def test_lines_that_look_like_the_head_of_a_file_are_lines(
    hardlite: Command, program: Path
) -> None:
    git(program, "init", "-q")
    (program / "app.py").write_text(f'"""\n-- old\n"""\n{ONE}', encoding="utf-8")
    git(program, "add", "app.py")
    git(program, "commit", "-q", "-m", "one")
    (program / "app.py").write_text(f'"""\n++ new\n"""\n{TWO}', encoding="utf-8")

    assert found(hardlite, "--select", "2C", "--since", "HEAD") == [("HL2C", "g")]


def test_a_revision_that_git_does_not_know_is_misuse(hardlite: Command, program: Path) -> None:
    git(program, "init", "-q")

    ran = hardlite("audit", "--since", "none")

    assert ran.code == ExitCode.MISUSE
    assert "git cannot say what changed" in ran.err


def test_the_hook_for_other_repositories_runs_the_audit_of_the_whole_program() -> None:
    hooks = Path(__file__).parents[2] / ".pre-commit-hooks.yaml"
    lines = [line.strip() for line in hooks.read_text(encoding="utf-8").splitlines()]

    assert "entry: hardlite audit" in lines
    assert "pass_filenames: false" in lines
