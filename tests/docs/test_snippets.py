"""What the documents say is run: Python as it stands, commands by their names."""

import contextlib
import re
import subprocess
import sys
import unittest
from importlib.util import find_spec
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser, SkipParser

from tests.fixtures.databases import close_databases

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SYBIL = Sybil(parsers=[PythonCodeBlockParser(), SkipParser()])
CONSOLE = re.compile(
    r"^ *```(?:console|shell|bash|sh)\n(?P<lines>.*?)^ *```", re.MULTILINE | re.DOTALL
)
COMMAND = re.compile(r"^ *(?:\$ )?(?:\S+/)?hardlite (?P<name>[a-z][a-z-]*)", re.MULTILINE)


def label(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def commands_named_in_documents() -> list[str]:
    """The subcommands of hardlite in all console blocks of all documents."""
    texts = [path.read_text(encoding="utf-8") for path in DOCUMENTS]
    blocks = [block["lines"] for text in texts for block in CONSOLE.finditer(text)]
    return sorted({command["name"] for block in blocks for command in COMMAND.finditer(block)})


@pytest.mark.parametrize("path", DOCUMENTS, ids=label)
def test_the_python_of_a_document_runs_from_top_to_bottom(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks of one document share their names and an empty directory."""
    monkeypatch.chdir(tmp_path)
    document = SYBIL.parse(path)
    try:
        for example in document.examples():
            # A block that is skipped for a reason does not take the rest of its page along.
            with contextlib.suppress(unittest.SkipTest):
                example.evaluate()
    finally:
        close_databases(document.namespace)


@pytest.mark.skipif(
    find_spec("hardlite.cli") is None or find_spec("typer") is None,
    reason="the command line is not installed",
)
@pytest.mark.parametrize("name", commands_named_in_documents())
def test_a_command_named_in_a_document_exists(name: str) -> None:
    program = "import sys; from hardlite.cli import main; sys.exit(main())"

    run = subprocess.run(
        [sys.executable, "-c", program, name, "--help"],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert run.returncode == 0, run.stderr
