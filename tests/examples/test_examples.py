"""Every program under examples runs, and says what it is said to say."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"

SAID = {
    "nightly_import": (
        "594 committed, 6 rejected in 12 batches",
        "6 x IntegrityError: FOREIGN KEY constraint failed",
        "orders kept: 594",
        "every sale counted: True",
    ),
}


@pytest.mark.parametrize("program", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_runs_and_is_listed(program: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", program],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert [line for line in SAID[program.stem] if line not in done.stdout] == []
    assert f"`{program.name}`" in (EXAMPLES / "README.md").read_text(encoding="utf-8")
