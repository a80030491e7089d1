"""Alembic's `context`, as far as it is used: a module, or an object of the same methods."""

import contextlib
from typing import Any, Protocol

__all__ = ["AlembicContext"]


class AlembicContext(Protocol):
    """What is asked of ``alembic.context``, or of an ``EnvironmentContext``."""

    @property
    def config(self) -> Any:
        """The settings of ``alembic.ini``."""
        ...

    def is_offline_mode(self) -> bool:
        """Say whether SQL is written, and none is run."""
        ...

    def configure(self, *arguments: Any, **options: Any) -> None:
        """Make the context of the migrations."""
        ...

    def begin_transaction(self) -> contextlib.AbstractContextManager[Any]:
        """Begin the transaction of the run."""
        ...

    def run_migrations(self, **options: Any) -> None:
        """Run the steps."""
        ...

    def get_context(self) -> Any:
        """Return the context of the migrations."""
        ...

    def execute(self, sql: Any, execution_options: Any = None) -> None:
        """Run a statement, or write it."""
        ...
