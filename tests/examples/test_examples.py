"""Every program under examples runs."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("program", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_runs_and_is_listed(program: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", program],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert f"`{program.name}`" in (EXAMPLES / "README.md").read_text(encoding="utf-8")


def test_the_nightly_import_keeps_every_good_order_and_loses_no_sale() -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLES / "nightly_import.py"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    assert "1980 committed, 20 rejected in 40 batches" in done.stdout
    assert "20 x IntegrityError: FOREIGN KEY constraint failed" in done.stdout
    assert "orders kept: 1980" in done.stdout
    assert "every sale counted: True" in done.stdout
