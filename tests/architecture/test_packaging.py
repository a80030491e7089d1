"""What the files around the package promise to each other."""

import configparser
import re
import stat
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import hardlite

ROOT = Path(__file__).parents[2]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pinned_by_the_oldest_environment() -> set[str]:
    """The requirements of tox.ini's `oldest` lines, written as minimums."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read_string(read("tox.ini"))
    pins = re.findall(r"^oldest: (\S+)$", tox["testenv"]["deps"], re.MULTILINE)
    return {re.sub(r"(\.0)*$", "", pin.replace("==", ">=")) for pin in pins}


def test_the_oldest_environment_pins_every_minimum_of_its_extras() -> None:
    """`demo` is left out: its flights have only ever had one version."""
    project = tomllib.loads(read("pyproject.toml"))["project"]
    extras = project["optional-dependencies"]
    names = (
        *("cli", "async", "retry", "parquet", "alembic", "pysqlite3", "prometheus"),
        *("opentelemetry", "starlette", "fastapi", "flask"),
    )
    tested = (extras[name] for name in names)
    minimums = {*project["dependencies"]}.union(*tested)

    assert {re.sub(r"(\.0)*$", "", minimum) for minimum in minimums} <= (
        pinned_by_the_oldest_environment()
    )


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_ci_runs_the_command_that_people_are_told_to_run(name: str) -> None:
    script = ROOT / ".ci" / "run"
    command = script.read_text(encoding="utf-8").rstrip().splitlines()[-1]

    assert script.stat().st_mode & stat.S_IXUSR
    assert command in read(name)


def test_the_plugin_is_found_by_its_name() -> None:
    (found,) = entry_points(group="sqlalchemy.plugins", name="hardlite")

    assert found.load().__name__ == "HardlitePlugin"


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(hardlite.__file__).parent / "py.typed").exists()
