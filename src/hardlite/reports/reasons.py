"""How often each reason for a rejection was given, counted as they come."""

import dataclasses
from typing import Final

from hardlite.reports.constraints import Constraint

__all__ = ["Reason", "ReasonCount", "ReasonTally", "with_key"]

_DISTINCT: Final = 1000
"""Messages with a value in them may all differ, and must not fill the memory."""
_PLACES: Final = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why items were rejected, and how many.

    Its text is the reason; of a foreign key, of which SQLite says nothing, also which one it is.

    Attributes:
        text: the reason that they share.
        count: how many items have it.
        places: where the first few of them are: positions, or lines of a file.
        constraint: the rule of the database that they break, if it is that.
    """

    text: str
    count: int
    places: tuple[int, ...]
    constraint: Constraint | None

    def __str__(self) -> str:
        return with_key(self.text, self.constraint)


@dataclasses.dataclass(slots=True)
class ReasonCount:
    """How many rejections had one reason, and where the first few of them were."""

    places: list[int]
    count: int = 0

    def add(self, place: int) -> None:
        """Count one more."""
        self.count += 1
        if self.count <= _PLACES:
            self.places.append(place)


def with_key(reason: str, constraint: Constraint | None) -> str:
    """Return ``reason`` with the foreign key that it is about: SQLite's message names none."""
    if constraint is None or constraint.parent is None:
        return reason
    return f"{reason}: {str(constraint).removeprefix('FOREIGN KEY ')}"


class ReasonTally:
    """Counts reasons; of the first thousand different ones each by itself.

    Attributes:
        others: how many rejections had yet another reason.
    """

    def __init__(self) -> None:
        self.others = 0
        self._counts: dict[tuple[str, Constraint | None], ReasonCount] = {}

    def add(self, text: str, place: int, constraint: Constraint | None) -> None:
        """Count one rejection.

        Args:
            text: why.
            place: the item's position, or its line.
            constraint: the rule that it breaks, if it is that.
        """
        found = self.counted(text, constraint)
        if found is None:
            self.others += 1
        else:
            found.add(place)

    def counted(self, text: str, constraint: Constraint | None) -> ReasonCount | None:
        """Return what counts a reason by itself; None if there are too many."""
        key = text, constraint
        found = self._counts.get(key)
        if found is None and len(self._counts) < _DISTINCT:
            found = self._counts[key] = ReasonCount([])
        return found

    def __len__(self) -> int:
        return len(self._counts)

    def most_common(self, most: int) -> list[Reason]:
        """Return up to ``most`` reasons, the most frequent first."""
        ordered = sorted(self._counts.items(), key=lambda entry: -entry[1].count)
        return [
            Reason(
                text=text,
                count=found.count,
                places=tuple(found.places),
                constraint=constraint,
            )
            for (text, constraint), found in ordered[:most]
        ]
