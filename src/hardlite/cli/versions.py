"""The versions that matter when somebody reads a report later."""

import importlib.metadata
import platform
import sqlite3
from typing import TypedDict

import sqlalchemy

__all__ = ["Versions", "versions"]


class Versions(TypedDict):
    """Name of the part to its version."""

    hardlite: str
    python: str
    sqlalchemy: str
    sqlite: str


def versions() -> Versions:
    """Return the versions in this process."""
    return {
        "hardlite": importlib.metadata.version("hardlite"),
        "python": platform.python_version(),
        "sqlalchemy": sqlalchemy.__version__,
        "sqlite": sqlite3.sqlite_version,
    }
