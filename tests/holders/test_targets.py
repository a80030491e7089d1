"""What `holders` can be asked about."""

import os
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import URL
from sqlalchemy.pool import StaticPool

from hardlite import ConfigurationError, UnsupportedDatabaseError, holders
from hardlite.lock_holders.target import database_file


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A file whose name would be misread by whoever is careless, in the working directory."""
    path = tmp_path / "größe 100%.db"
    path.touch()
    return path


@pytest.mark.parametrize(
    "spelling",
    [
        "{path}",
        "größe 100%.db",
        "./link.db",
        "sqlite:///{path}",
        "sqlite+aiosqlite:///größe 100%.db",
        "sqlite:///file:{quoted}?uri=true&mode=ro",
        "sqlite:///file://localhost{quoted}?uri=true",
        "sqlite:///file:gr%C3%B6%C3%9Fe%20100%25.db?uri=true",
    ],
)
def test_every_spelling_finds_the_one_file(
    database: Path, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    monkeypatch.chdir(database.parent)
    (database.parent / "link.db").symlink_to(database)
    quoted = database.as_uri().removeprefix("file://")

    assert database_file(spelling.format(path=database, quoted=quoted)) == str(database)


def test_engines_and_paths_are_asked_for_their_file(database: Path) -> None:
    engine = create_engine(URL.create("sqlite", database=str(database)))

    assert database_file(engine) == database_file(database) == os.path.realpath(database)


@pytest.mark.parametrize(
    "target",
    [
        ":memory:",
        "",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:name?mode=memory&cache=shared&uri=true",
        "sqlite:///file::memory:?cache=shared&uri=true",
    ],
)
def test_a_database_in_memory_is_refused(target: str) -> None:
    with pytest.raises(ConfigurationError, match="in memory"):
        holders(target)
    if target.startswith("sqlite"):
        with pytest.raises(ConfigurationError, match="in memory"):
            holders(create_engine(target, poolclass=StaticPool))


def test_a_uri_may_say_itself_that_it_is_in_memory() -> None:
    engine = create_engine(
        URL.create("sqlite", database="file:name?mode=memory", query={"uri": "true"})
    )

    with pytest.raises(ConfigurationError, match="in memory"):
        holders(engine)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="There is no database"):
        holders(tmp_path / "none.db")
    with pytest.raises(ConfigurationError, match="There is no database"):
        holders(tmp_path / "none" / "none.db")
    with pytest.raises(ConfigurationError, match="is not a file"):
        holders(tmp_path)


def test_urls_of_other_databases_and_texts_that_are_none_are_refused() -> None:
    with pytest.raises(UnsupportedDatabaseError, match="is not a SQLite database") as caught:
        holders("postgresql://ann:secret@host/app")
    for wrong in ("://", "sqlite://host:port/app.db"):
        with pytest.raises(ConfigurationError, match="is not a database URL"):
            holders(wrong)

    assert "secret" not in str(caught.value)
