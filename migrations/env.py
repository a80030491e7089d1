"""Runs the migrations of the demo's schema on a hardened engine."""

from alembic import context

from hardlite import create_hardened_engine
from hardlite.demo.schema import Base
from hardlite.resume.resume_points import progress_table

_DEFAULT_URL = "sqlite:///flights.db"


def main() -> None:
    """Write the SQL, or run it, as Alembic was asked to."""
    url = context.get_x_argument(as_dictionary=True).get("url", _DEFAULT_URL)
    # Autogenerate would drop a table that no metadata knows.
    metadata = [Base.metadata, progress_table.metadata]
    options = {"target_metadata": metadata, "render_as_batch": True}
    if context.is_offline_mode():
        context.configure(url=url, literal_binds=True, **options)
        with context.begin_transaction():
            context.run_migrations()
        return
    engine = create_hardened_engine(url)
    try:
        with engine.connect() as connection:
            # Alembic believes that SQLite cannot roll DDL back; on this engine it can.
            context.configure(connection=connection, transactional_ddl=True, **options)
            with context.begin_transaction():
                context.run_migrations()
    finally:
        engine.dispose()


main()
