"""Alembic: migrations on SQLite that lose nothing, whoever starts them.

It replaces the body of an ``env.py``::

    from alembic import context
    from hardlite.integrations.alembic import run_migrations
    from myapp.models import Base

    run_migrations(context, Base.metadata)
"""

from hardlite.integrations.alembic.backups import Backups
from hardlite.integrations.alembic.environment import run_migrations
from hardlite.integrations.alembic.happenings import Happening

__all__ = ["Backups", "Happening", "run_migrations"]
