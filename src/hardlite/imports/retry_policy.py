"""Which failed batches of an import are tried again, how often, and for how long altogether."""

import dataclasses

from sqlalchemy.exc import DBAPIError

from hardlite.errors import ConfigurationError, DatabaseReplacedError
from hardlite.result_codes import Fate, fate_of

__all__ = ["RetryPolicy", "leaves_nothing", "may_be_tried_again"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How a batch is tried again when a lock, or a connection that broke, got in its way.

    A batch is tried again as a whole, in a transaction of its own; what it had written is undone
    by then. An item that the database refuses is never tried again: it would be refused again.

    Args:
        max_attempts: transactions for one batch, at most; 1 tries nothing again.
        base_delay: seconds before the second attempt; each further one waits twice as long.
        max_delay: seconds that a delay lasts, at most.
        budget: seconds that an import may lose altogether, to attempts that failed and to the
            delays after them.

    Raises:
        ConfigurationError: a number makes no sense.

    >>> RetryPolicy(max_attempts=3).delay_after(2)
    0.2
    """

    max_attempts: int = 4
    base_delay: float = 0.1
    max_delay: float = 2.0
    budget: float = 60.0

    def __post_init__(self) -> None:
        if type(self.max_attempts) is not int or self.max_attempts < 1:
            raise ConfigurationError(
                f"RetryPolicy(max_attempts={self.max_attempts!r}) makes no sense",
                "It takes a whole number, 1 or more.",
            )
        for name in ("base_delay", "max_delay", "budget"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
                raise ConfigurationError(
                    f"RetryPolicy({name}={value!r}) makes no sense",
                    "It takes a number of seconds, 0 or more.",
                )

    def delay_after(self, attempts: int) -> float:
        """Return the seconds to wait after so many attempts."""
        return min(self.max_delay, self.base_delay * 2.0 ** (attempts - 1))


def leaves_nothing(error: Exception) -> bool:
    """Say whether a COMMIT that fails with ``error`` has certainly kept nothing.

    A COMMIT that meets a lock leaves the transaction open (sqlite.org, "Transaction"); one that
    is cut short in another way may have reached the file.
    """
    return fate_of(error) in {Fate.WAIT, Fate.RESTART}


def may_be_tried_again(error: Exception) -> bool:
    """Say whether the next attempt may fare better than the one that ended with ``error``."""
    if isinstance(error, DatabaseReplacedError):
        # The next connection opens another file, in which the batches before this one are missing.
        return False
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return leaves_nothing(error)
