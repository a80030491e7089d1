"""What a program for the web answers when its database is locked, or asked for its health.

The frameworks differ in how an answer is sent, and not in what it says.
"""

import dataclasses
import logging
from collections.abc import Mapping
from http import HTTPStatus

from sqlalchemy.engine import Engine

from hardlite.errors import ConfigurationError, DatabaseLockedError
from hardlite.log_events import log_event
from hardlite.operations.health import health
from hardlite.turns.holder import Holder, printable

__all__ = ["WebAnswer", "health_answer", "locked_answer"]

_log = logging.getLogger("hardlite.web")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WebAnswer:
    """An answer that any framework can send.

    Attributes:
        status: its status.
        body: what is sent as JSON.
        headers: its headers, besides those of the body.
    """

    status: HTTPStatus
    body: Mapping[str, object]
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


def locked_answer(error: DatabaseLockedError, path: str, retry_after: int) -> WebAnswer:
    """Say that the database is busy, and log who has it: a stranger is not told.

    Args:
        error: what the request ended with.
        path: what was asked for.
        retry_after: seconds after which it is worth another try.
    """
    _log.warning(
        "%s was answered with 503: %s",
        printable(path),
        error.orig,
        extra=log_event("request.refused", path=printable(path), reason=str(error.orig)),
    )
    return WebAnswer(
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        body={"detail": "The database is busy. Nothing was kept of this request; send it again."},
        headers={"Retry-After": str(retry_after)},
    )


def health_answer(engine: Engine) -> WebAnswer:
    """Ask `hardlite.health`, which takes some tenths of a second while somebody has a lock."""
    try:
        found = health(engine)
    except (ConfigurationError, OSError) as error:
        body = {"ok": False, "problems": ["no-database"], "holder": None, "detail": str(error)}
        return WebAnswer(status=HTTPStatus.SERVICE_UNAVAILABLE, body=body)
    good = found.ok and found.holder is None
    return WebAnswer(
        status=HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE,
        body={
            "ok": good,
            "problems": [problem.name for problem in found.problems],
            "holder": None if found.holder is None else _shown(found.holder),
        },
    )


def _shown(holder: Holder) -> dict[str, object]:
    """Tell who it is, without what a command line may have of passwords."""
    told = {**holder.to_dict()}
    return {name: told[name] for name in ("pid", "thread", "held", "site", "label", "state")}
