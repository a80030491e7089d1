"""Which functions answer requests."""

import re
from typing import Final

from hardlite.audit.facts import Scope
from hardlite.audit.paths import CALL

__all__ = ["is_route"]

_ROUTES: Final = re.compile(r"^\.(get|post|put|patch|delete|route|websocket|api_route|head)$")


def is_route(scope: Scope) -> bool:
    """Say whether a decorator makes a function the handler of a request."""
    return any(path[-1] == CALL and _ROUTES.match(path[-2]) for path in scope.decorators)
