"""What every test shares: where fixtures come from, and a header that says what was tested."""

import platform
import sqlite3

import hypothesis
import pytest
import sqlalchemy

# One module for each kind of resource; see CONTRIBUTING.md.
pytest_plugins = [
    "hardlite.integrations.pytest",
    "tests.fixtures.databases",
    "tests.fixtures.drivers",
    "tests.fixtures.sides",
]

# A deadline is a timing assertion: on a busy machine it says nothing about the code.
hypothesis.settings.register_profile("hardlite", deadline=None)
hypothesis.settings.load_profile("hardlite")


def pytest_configure(config: pytest.Config) -> None:
    """Keep pytest-alembic from collecting its tests: they are imported where they are wanted."""
    config.pluginmanager.set_blocked("pytest-alembic")


def pytest_report_header() -> str:
    """The three versions that decide how a transaction behaves."""
    return (
        f"SQLite {sqlite3.sqlite_version}, Python {platform.python_version()}, "
        f"SQLAlchemy {sqlalchemy.__version__}"
    )
