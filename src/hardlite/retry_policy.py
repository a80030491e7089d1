"""Which failed batches of an import are tried again, how often, and for how long altogether."""

import dataclasses
import math
from typing import Final

from sqlalchemy.exc import DBAPIError

from hardlite.clock import Clock
from hardlite.errors import ConfigurationError, DatabaseReplacedError
from hardlite.result_codes import Fate, fate_of

__all__ = ["Retries", "RetryPolicy"]

_DOUBLED_MOST: Final = 60
"""Delays do not double for ever: a power of two that is too large for a float is an error."""


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
            delays after them; an attempt that has begun may pass it by its own timeout.

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
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (is_number and value >= 0 and (name == "budget" or value < math.inf)):
                raise ConfigurationError(
                    f"RetryPolicy({name}={value!r}) makes no sense",
                    "It takes a number of seconds, 0 or more.",
                )

    def delay_after(self, attempts: int) -> float:
        """Return the seconds to wait after so many attempts."""
        doubled = min(attempts - 1, _DOUBLED_MOST)
        return min(self.max_delay, self.base_delay * 2.0**doubled)


class Retries:
    """What one import tries again, and how much time that has cost it.

    Args:
        policy: how often, and for how long.
        clock: waits.
    """

    def __init__(self, policy: RetryPolicy, clock: Clock) -> None:
        self._policy = policy
        self._clock = clock
        self._lost = 0.0

    def go_on(self, error: Exception, attempts: int, lost: float) -> bool:
        """Wait for the next attempt; say no if there is to be none.

        Args:
            error: what ended the last attempt, which has left nothing in the database.
            attempts: how many there were.
            lost: seconds that the last one took.
        """
        policy = self._policy
        if attempts >= policy.max_attempts or not _may_be_tried_again(error):
            return False
        delay = policy.delay_after(attempts)
        self._lost += lost
        if self._lost + delay > policy.budget:
            return False
        self._lost += delay
        self._clock.sleep(delay)
        return True


def _may_be_tried_again(error: Exception) -> bool:
    """Say whether the next attempt may fare better than the one that ended with ``error``."""
    if isinstance(error, DatabaseReplacedError):
        # The next connection opens another file, in which the batches before this one are missing.
        return False
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return fate_of(error) in {Fate.WAIT, Fate.RESTART}
