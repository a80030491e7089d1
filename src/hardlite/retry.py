"""`retry_on_locked`: try again what a lock stopped, if trying again is safe."""

import functools
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar, cast

from hardlite.connections.commit_tally import CommitTally, commits_counted
from hardlite.coroutines import is_coroutine_function
from hardlite.errors import ConfigurationError, MissingExtraError
from hardlite.result_codes import Fate, fate_of

__all__ = ["retry_on_locked"]

P = ParamSpec("P")
T = TypeVar("T")

_WORTH_TRYING = {Fate.WAIT, Fate.RESTART}


def retry_on_locked(
    *,
    max_attempts: int = 3,
    base_delay: float = 0.5,
    max_delay: float = 5.0,
    idempotent_only: bool = True,
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorate a function or coroutine function to be run again when it failed for a lock.

    It is run again as a whole. Only lock errors count, told by SQLite's result code: the database is locked, or the snapshot
    is too old to write. Every other exception, and the last lock error, comes through unchanged.
    Open the session or connection inside the function: one that failed cannot be used again.

    The writers of a hardened engine wait in a queue already; this is for functions that a foreign
    program may lock out, and for snapshots that turned out to be stale.

    Args:
        max_attempts: how often the function runs at the most, the first run included.
        base_delay: seconds before the second run; doubled for each later one, with jitter.
        max_delay: seconds that a delay is at the most.
        idempotent_only: run the function again only while a second run cannot double anything,
            that is, while this call has committed no transaction. With False it runs again in any
            case: say so only where every part may happen twice.

    Raises:
        ConfigurationError: a number makes no sense.
        MissingExtraError: the extra ``retry`` is not installed (it brings stamina).

    >>> @retry_on_locked(max_attempts=5)
    ... def close_month(session_maker, month): ...
    """
    if max_attempts < 1 or base_delay < 0 or max_delay < 0:
        raise ConfigurationError(
            f"retry_on_locked cannot work with max_attempts={max_attempts}, "
            f"base_delay={base_delay} and max_delay={max_delay}",
            "max_attempts takes 1 or more, the delays take seconds, 0 or more.",
        )
    try:
        import stamina
    except ModuleNotFoundError:
        raise MissingExtraError("retry", "retry_on_locked") from None

    def retrying(tally: CommitTally) -> Callable[[Callable[P, T]], Callable[P, T]]:
        def worth_trying(error: Exception) -> bool:
            safe = not idempotent_only or not tally.commits
            return safe and fate_of(error) in _WORTH_TRYING

        return stamina.retry(
            on=worth_trying,
            attempts=max_attempts,
            timeout=None,
            wait_initial=base_delay,
            wait_max=max_delay,
            wait_jitter=base_delay,
        )

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
            with commits_counted() as tally:
                return retrying(tally)(function)(*args, **kwargs)

        @functools.wraps(function)
        async def awaited(*args: P.args, **kwargs: P.kwargs) -> object:
            with commits_counted() as tally:
                # Awaited here, so that what it commits is counted.
                return await cast("Awaitable[object]", retrying(tally)(function)(*args, **kwargs))

        is_awaited = is_coroutine_function(function)
        return cast("Callable[P, T]", awaited) if is_awaited else wrapper

    return decorate
