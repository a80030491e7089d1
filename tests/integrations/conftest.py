"""Projects with migrations."""

from tests.fixtures import other_database
from tests.fixtures.alembic_projects import project

__all__ = ["other_database", "project"]
