"""What findings call the files they are in."""

from pathlib import Path

import pytest

from hardlite.audit import audit

CODE = "import sqlite3\n\ndef f():\n    with sqlite3.connect('a.db') as con: con.commit()\n"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.py").write_text(CODE, encoding="utf-8")
    return tmp_path


def shown(*paths: Path) -> set[str]:
    return {finding.path for finding in audit(paths).findings}


def test_a_path_is_as_seen_from_the_current_directory(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(program)

    assert shown(Path("one")) == {"one/app.py"}
    assert shown(program / "two" / "app.py") == {"two/app.py"}


def test_elsewhere_a_path_is_as_seen_from_what_is_audited(program: Path) -> None:
    assert shown(program / "one") == {"app.py"}


def test_files_of_the_same_name_in_two_directories_are_both_audited(program: Path) -> None:
    assert shown(program / "one", program / "two") == {
        f"{program.as_posix()}/{name}/app.py" for name in ("one", "two")
    }
