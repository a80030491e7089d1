"""Projects with migrations."""

from tests.fixtures.alembic_projects import project

__all__ = ["project"]
