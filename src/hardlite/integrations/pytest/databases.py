"""Migrated hardened databases, one for each test or for each worker of pytest-xdist.

The migrations run once in a session, into a template; each database is a copy of it, made by
SQLite's own backup. The workers share the template: all of them upgrade it, and of runs at once one
does the work (see `run_migrations`).
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect
from sqlalchemy.engine import URL

from hardlite.connections.drivers import SQLITE3
from hardlite.engine import create_hardened_engine
from hardlite.errors import ConfigurationError, MissingExtraError
from hardlite.operations.copying import copy_database

__all__ = [
    "hardlite_alembic_ini",
    "hardlite_database",
    "hardlite_engine",
    "hardlite_template",
    "hardlite_worker_database",
    "hardlite_worker_engine",
    "migrated_template",
    "template_path",
]


@pytest.fixture(scope="session")
def hardlite_alembic_ini(pytestconfig: pytest.Config) -> Path:
    """The project's ``alembic.ini``: the one in pytest's root directory; override it for another."""
    return pytestconfig.rootpath / "alembic.ini"


@pytest.fixture(scope="session")
def hardlite_template(hardlite_alembic_ini: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database at the head of the migrations; the others are copies of it."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    path = template_path(tmp_path_factory.getbasetemp(), hardlite_alembic_ini, worker)
    return migrated_template(hardlite_alembic_ini, path)


@pytest.fixture
def hardlite_database(hardlite_template: Path, tmp_path: Path) -> Path:
    """The path of a migrated database that this test has for itself."""
    return _copy(hardlite_template, tmp_path)


@pytest.fixture
def hardlite_engine(hardlite_database: Path) -> Iterator[Engine]:
    """A hardened engine on `hardlite_database`."""
    yield from _engine(hardlite_database)


@pytest.fixture(scope="session")
def hardlite_worker_database(
    hardlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The path of a migrated database that all tests of a worker share."""
    return _copy(hardlite_template, tmp_path_factory.mktemp("hardlite"))


@pytest.fixture(scope="session")
def hardlite_worker_engine(hardlite_worker_database: Path) -> Iterator[Engine]:
    """A hardened engine on `hardlite_worker_database`."""
    yield from _engine(hardlite_worker_database)


def template_path(folder: Path, ini: Path, worker: str | None) -> Path:
    """Return where the template of a session is.

    Args:
        folder: pytest's directory for temporary files.
        ini: the ``alembic.ini``; each has a template of its own.
        worker: the name of this worker of pytest-xdist; None without it. The directory of a worker
            is in the one that all of them share.
    """
    digest = hashlib.sha256(str(ini).encode()).hexdigest()[:12]
    shared = folder if worker is None else folder.parent
    return shared / f"hardlite-template-{digest}.db"


def migrated_template(ini: Path, template: Path) -> Path:
    """Upgrade ``template`` to the head, unless it is there, and return it.

    Raises:
        ConfigurationError: there is no ``alembic.ini``, or its ``env.py`` migrates something else.
        MissingExtraError: Alembic is not installed.
    """
    try:
        from alembic import command
        from alembic.config import Config
    except ModuleNotFoundError:
        raise MissingExtraError("pytest", "A migrated database") from None
    if not ini.is_file():
        raise ConfigurationError(
            f"There is no {ini}", "Override the fixture hardlite_alembic_ini to say where it is."
        )
    engine = create_hardened_engine(URL.create("sqlite", database=str(template)))
    try:
        command.upgrade(Config(ini, attributes={"connection": engine}), "head")
        if not inspect(engine).get_table_names():
            raise ConfigurationError(
                f"The env.py of {ini} has not migrated the engine that it was passed",
                "Replace its body by run_migrations(context, target_metadata) from "
                "hardlite.integrations.alembic.",
            )
    finally:
        engine.dispose()
    return template


def _copy(template: Path, folder: Path) -> Path:
    target = folder / "hardlite.db"
    copy_database(str(template), str(target), SQLITE3)
    return target


def _engine(database: Path) -> Iterator[Engine]:
    engine = create_hardened_engine(URL.create("sqlite", database=str(database)))
    yield engine
    engine.dispose()
