"""Runs the migrations of the demo's schema on a hardened engine."""

from alembic import context

from hardlite.demo.schema import Base
from hardlite.integrations.alembic import run_migrations
from hardlite.resume.resume_points import progress_table

_URL = context.get_x_argument(as_dictionary=True).get("url", "sqlite:///flights.db")

# Autogenerate would drop a table that no metadata knows.
run_migrations(context, [Base.metadata, progress_table.metadata], url=_URL)
