"""SQLAlchemy's types for SQLite, where those of an import must keep more than they do."""

from typing import Any

from sqlalchemy import types
from sqlalchemy.engine import Dialect

__all__ = ["ExactDecimal", "ExactNumeric", "keeping_all"]


class ExactNumeric(types.NUMERIC[Any]):
    """NUMERIC whose numbers are bound as they are.

    SQLAlchemy makes each a float, which drops digits of long ones.
    """

    def bind_processor(self, dialect: Dialect) -> None:  # noqa: ARG002 - the signature is SQLAlchemy's
        """Return no function: nothing is to be done to a number."""
        return


class ExactDecimal(types.DECIMAL[Any]):
    """DECIMAL whose numbers are bound as they are."""

    def bind_processor(self, dialect: Dialect) -> None:  # noqa: ARG002 - the signature is SQLAlchemy's
        """Return no function: nothing is to be done to a number."""
        return


def keeping_all(kind: types.TypeEngine[Any]) -> types.TypeEngine[Any]:
    """Return the type of a column as an import binds its values."""
    if isinstance(kind, types.JSON):
        # No value is NULL in the database, not the JSON text "null".
        return types.JSON(none_as_null=True)
    if isinstance(kind, types.Numeric) and not isinstance(kind, types.Float):
        exact = ExactDecimal if isinstance(kind, types.DECIMAL) else ExactNumeric
        return exact(kind.precision, kind.scale)
    return kind
