"""The rows of a batch that the database refused, with errors that look as SQLAlchemy's do."""

from collections.abc import Callable, Iterable

from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from hardlite.connections.translation import told
from hardlite.inserts.driver_insert import driver_of

__all__ = ["AtFault", "Refusals"]

AtFault = Callable[[Exception], bool]


class Refusals:
    """Notes the refused rows of one batch; those with the same error share it.

    Args:
        connection: has the transaction.
        statement: the INSERT for one row, which the errors show.
        at_fault: says whether an error is the row's own; any other one is raised.

    Attributes:
        rows: each with its number in the batch, and why it is not in.
    """

    def __init__(self, connection: Connection, statement: str, at_fault: AtFault) -> None:
        self.rows: list[tuple[int, Exception]] = []
        self._driver = driver_of(connection)
        self._errors: type[Exception] = connection.dialect.loaded_dbapi.Error
        self._statement = statement
        self._at_fault = at_fault
        self._shared: dict[tuple[int | None, str], Exception] = {}

    def add(self, number: int, error: Exception) -> None:
        """Note that the driver raised ``error`` for a row.

        Raises:
            Exception: it is not the row's own, or has ended the transaction.
        """
        self.add_all((number,), error)

    def add_all(self, numbers: Iterable[int], error: Exception) -> None:
        """Note that the driver raised ``error`` for several rows, each of which it is about."""
        self.require_open(error)
        shared = self._shared_one(error)
        self.rows += [(number, shared) for number in numbers]

    def require_open(self, error: Exception) -> None:
        """Raise ``error`` if it has ended the transaction."""
        if not self._driver.in_transaction:
            raise self._in_full(error) from error

    def _shared_one(self, error: Exception) -> Exception:
        kind = getattr(error, "sqlite_errorcode", None), str(error)
        shared = self._shared.get(kind)
        if shared is None:
            if not self._at_fault(error):
                raise self._in_full(error) from error
            # The frames behind it would keep the whole batch in memory.
            shared = self._shared[kind] = self._as_sqlalchemy_has_it(error.with_traceback(None))
        return shared

    def _in_full(self, error: Exception) -> Exception:
        return told(error, statement=self._statement) or self._as_sqlalchemy_has_it(error)

    def _as_sqlalchemy_has_it(self, error: Exception) -> Exception:
        """Wrap it, if it is the driver's own; without a row's parameters, for others share it."""
        if not isinstance(error, self._errors):
            return error
        return DBAPIError.instance(self._statement, None, error, self._errors)
