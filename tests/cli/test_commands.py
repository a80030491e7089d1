"""The command line as such: names, versions, help, and what it needs."""

import importlib
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from hardlite.cli import main

Command = Callable[..., Any]


def test_the_version_is_that_of_all_that_matters(run_process: Command) -> None:
    ran = run_process("--version")

    assert ran.code == 0
    assert [part.split()[0] for part in ran.out.split(", ")] == [
        "hardlite",
        "python",
        "sqlalchemy",
        "sqlite",
    ]


@pytest.mark.parametrize("arguments", [["--help"], ["import", "--help"], ["demo", "--help"]])
def test_help_is_there(hardlite: Command, arguments: list[str]) -> None:
    ran = hardlite(*arguments)

    assert (ran.code, ran.err) == (0, "")
    assert "--help" in ran.out


def test_an_unknown_command_is_misuse(run_process: Command) -> None:
    ran = run_process("improt")

    assert (ran.code, ran.out) == (2, "")
    assert "improt" in ran.err


def test_the_module_runs_only_as_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "hardlite.__main__", raising=False)

    assert importlib.import_module("hardlite.__main__").main is main


@pytest.mark.parametrize("package", ["typer", "rich"])
def test_missing_packages_are_named_with_the_way_to_install_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    for name in list(sys.modules):
        if name.startswith("hardlite.cli."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 3
    assert capsys.readouterr().err == (
        "The command line needs packages that are not installed. Install them with: "
        "pip install 'hardlite[cli]'. [missing-extra]\n"
    )


def test_a_part_of_hardlite_that_is_missing_is_no_missing_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "hardlite.cli.app", None)

    with pytest.raises(ModuleNotFoundError, match=r"hardlite\.cli\.app"):
        main()


def test_main_is_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["hardlite", "--version"])

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 0


def test_importing_hardlite_does_not_load_the_command_line() -> None:
    program = "import sys, hardlite; print('typer' in sys.modules, 'hardlite.cli' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)

    assert done.stdout.split() == [b"False", b"False"]
