"""What the arguments of `batched_unit_of_work` have to be, said before anything is read."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, Final, Literal, get_args

from sqlalchemy import Insert, Table

from hardlite.errors import ConfigurationError
from hardlite.imports.batch_units import Work
from hardlite.inserts.fast_insert import Conflict
from hardlite.inserts.insert_target import insert_target
from hardlite.reports.batch_results import BatchResult
from hardlite.reports.rejections import Rejection
from hardlite.retry_policy import RetryPolicy

__all__ = [
    "ImportSettings",
    "OnError",
    "Watcher",
    "require_batch_size",
    "require_choice",
    "require_functions",
    "require_key",
    "require_one_file",
    "require_policy",
    "require_seconds",
    "require_workers",
    "told_settings",
]

OnError = Literal["continue", "stop", "isolate"]
Watcher = Callable[[BatchResult], object]
_LONGEST_KEY: Final = 200


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ImportSettings:
    """The arguments of an import, as `batched_unit_of_work` describes them, looked at as a whole.

    Raises:
        ConfigurationError: one of them makes no sense.
    """

    work: Work
    prepare: Callable[[Any], Any] | None
    prepare_workers: int
    describe: Callable[[Any], object] | None
    batch_size: int | Literal["auto"]
    max_hold: float
    on_error: OnError
    conflict: Conflict
    resume_key: str | None
    retry: RetryPolicy
    on_rejection: Callable[[Rejection], object] | None
    progress: bool | Watcher | None
    total: int | None
    timeout: float

    def __post_init__(self) -> None:
        require_batch_size(self.batch_size)
        require_workers(self.prepare_workers, self.prepare)
        require_seconds(max_hold=self.max_hold, timeout=self.timeout)
        require_choice("on_error", self.on_error, get_args(OnError))
        require_choice("conflict", self.conflict, get_args(Conflict))
        require_functions(
            prepare=self.prepare,
            describe=self.describe,
            on_rejection=self.on_rejection,
            progress=self.progress,
        )
        require_policy(self.retry)
        require_key(self.resume_key)
        require_one_file(self.work, self.resume_key)

    def told(self) -> str:
        """Say in words what is imported and how; see `told_settings`."""
        return told_settings(
            self.work, on_error=self.on_error, conflict=self.conflict, prepare=self.prepare
        )


def require_seconds(**numbers: object) -> None:
    """Refuse what is not a number of seconds.

    Raises:
        ConfigurationError: one of them is not.
    """
    for name, value in numbers.items():
        if not isinstance(value, int | float) or isinstance(value, bool) or not value >= 0:
            raise ConfigurationError(f"{name}= cannot be {value!r}", "It takes 0 or more.")


def require_batch_size(batch_size: object) -> None:
    """Refuse what is neither a number of items nor ``"auto"``.

    Raises:
        ConfigurationError: it is neither.
    """
    if batch_size != "auto" and (type(batch_size) is not int or batch_size < 1):
        raise ConfigurationError(
            f"batch_size= cannot be {batch_size!r}",
            'It takes a whole number, 1 or more, or "auto".',
        )


def require_workers(workers: object, prepare: object) -> None:
    """Refuse what is not a number of threads, and threads that have nothing to do.

    Raises:
        ConfigurationError: it is one of these.
    """
    if type(workers) is not int or workers < 0:
        raise ConfigurationError(
            f"prepare_workers= cannot be {workers!r}", "It takes a whole number, 0 or more."
        )
    if workers and prepare is None:
        raise ConfigurationError(
            f"prepare_workers={workers} have nothing to do without prepare=",
            "Give the function that they are to call for each item, or leave them out.",
        )


def require_functions(**functions: object) -> None:
    """Refuse what cannot be called; ``progress`` may be a switch.

    Raises:
        ConfigurationError: one of them cannot.
    """
    for name, function in functions.items():
        switch = name == "progress" and isinstance(function, bool)
        if not (function is None or switch or callable(function)):
            raise ConfigurationError(f"{name}= cannot be {function!r}", "It takes a function.")


def require_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse a word that is not one of ``choices``.

    Raises:
        ConfigurationError: it is not.
    """
    if value not in choices:
        raise ConfigurationError(
            f"{name}= cannot be {value!r}", f"It takes one of: {', '.join(choices)}."
        )


def require_policy(policy: object) -> None:
    """Refuse what is no policy.

    Raises:
        ConfigurationError: it is none.
    """
    if not isinstance(policy, RetryPolicy):
        raise ConfigurationError(
            f"retry= cannot be {policy!r}",
            "It takes a RetryPolicy; RetryPolicy(max_attempts=1) tries nothing again.",
        )


def require_key(key: object) -> None:
    """Refuse what cannot be a resume key.

    Raises:
        ConfigurationError: it cannot.
    """
    if key is None:
        return
    if not (isinstance(key, str) and 0 < len(key) <= _LONGEST_KEY and key.isprintable()):
        raise ConfigurationError(
            f"resume_key= cannot be {key!r}",
            f"It takes a name of 1 to {_LONGEST_KEY} printable characters, or None.",
        )


def require_one_file(work: Work, key: str | None) -> None:
    """Refuse a resume key for rows that go into another file than the progress does.

    What a transaction writes into several files is not committed in all of them at once, if one
    has a WAL (sqlite.org, "ATTACH DATABASE").

    Raises:
        ConfigurationError: the table is in an attached file, or a temporary one.
    """
    if key is None or not isinstance(work, Table | Insert | type):
        return
    for table in insert_target(work).tables:
        if (table.schema or "main") != "main":
            raise ConfigurationError(
                f"resume_key= cannot be had for the table {table.fullname}, which is not in the "
                "main file of the connection",
                "Make an engine whose database is the file that has the table.",
            )


def told_settings(
    work: Work, *, on_error: str, conflict: str, prepare: Callable[[Any], Any] | None
) -> str:
    """Say in words what is imported and how; imports that say the same can go on with each other.

    How large batches are, and who prepares them, is left out: it does not change what comes of it.
    """
    told = f"into {_name_of(work)} with on_error={on_error!r} and conflict={conflict!r}"
    return told if prepare is None else f"{told}, prepared by {_name_of(prepare)}"


def _name_of(work: object) -> str:
    if isinstance(work, Table):
        return f"the table {work.fullname}"
    if isinstance(work, Insert):
        return f"the table {work.table}"
    if isinstance(work, functools.partial):
        return _name_of(work.func)
    name = getattr(work, "__qualname__", None) or type(work).__qualname__
    # Code that was typed in has no module; one of hardlite's own may have moved when it goes on.
    module = work.__module__ or "hardlite"
    return name if module.partition(".")[0] == "hardlite" else f"{module}.{name}"
