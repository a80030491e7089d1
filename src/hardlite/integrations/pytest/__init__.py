"""Fixtures for pytest: ``pytest_plugins = ["hardlite.integrations.pytest"]`` in the root conftest.py.

Each kind of fixture has a module of its own here.
"""

from hardlite.integrations.pytest.databases import (
    hardlite_alembic_ini,
    hardlite_database,
    hardlite_engine,
    hardlite_template,
    hardlite_worker_database,
    hardlite_worker_engine,
)

__all__ = [
    "hardlite_alembic_ini",
    "hardlite_database",
    "hardlite_engine",
    "hardlite_template",
    "hardlite_worker_database",
    "hardlite_worker_engine",
]
