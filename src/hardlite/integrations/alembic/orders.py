"""What a program that calls Alembic's commands tells the `run_migrations` that they come to."""

import dataclasses
from typing import TYPE_CHECKING, Final

from hardlite.integrations.alembic.happenings import Tell

if TYPE_CHECKING:
    from hardlite.integrations.alembic.rehearsal import Rehearsal

__all__ = ["ATTRIBUTE", "Orders"]

ATTRIBUTE: Final = "hardlite"
"""Where they are in ``config.attributes``."""


@dataclasses.dataclass(slots=True, kw_only=True)
class Orders:
    """What to do besides, and whether it was read.

    Attributes:
        tell: is told what happens, in place of ``progress=``.
        rehearsal: work on a copy of the database, and note here what becomes of it.
        were_read: `run_migrations` was there; an ``env.py`` without it leaves this False.
    """

    tell: Tell | None = None
    rehearsal: "Rehearsal | None" = None
    were_read: bool = False
