"""Which functions have to be awaited, and where nobody would."""

import inspect

from hardlite.errors import ConfigurationError

__all__ = ["is_coroutine_function", "refuse_coroutine_functions"]


def is_coroutine_function(function: object) -> bool:
    """Say whether what ``function`` returns has to be awaited, as far as it can be told before."""
    call = getattr(function, "__call__", None)  # noqa: B004 - an object's own, to be looked at
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def refuse_coroutine_functions(instead: str, /, **functions: object) -> None:
    """Refuse coroutine functions: nobody would await what they return, and nothing would be done.

    Args:
        instead: the call that awaits them.
        functions: by the name of the argument.

    Raises:
        ConfigurationError: one of them is one.
    """
    for name, function in functions.items():
        if is_coroutine_function(function):
            raise ConfigurationError(
                f"{name}= cannot be the coroutine function {function!r}",
                f"Use {instead} and an async engine, or take a plain function.",
            )
