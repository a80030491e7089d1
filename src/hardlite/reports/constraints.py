"""Which rule of the database an item breaks: judged by SQLite's code, named from its words."""

import dataclasses
import functools
import re
import sqlite3
from typing import Final, Literal, TypedDict

from hardlite.result_codes import result_code

__all__ = ["Constraint", "ConstraintDict", "ConstraintKind", "constraint_of"]

ConstraintKind = Literal[
    "NOT NULL",
    "UNIQUE",
    "PRIMARY KEY",
    "CHECK",
    "FOREIGN KEY",
    "DATATYPE",
    "TRIGGER",
]

_WRONG_TYPE_IN_STRICT_TABLE: Final = 3091
"""SQLITE_CONSTRAINT_DATATYPE, for which Python's sqlite3 has no name yet."""
_KINDS: Final[dict[int, ConstraintKind]] = {
    sqlite3.SQLITE_CONSTRAINT_NOTNULL: "NOT NULL",
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: "UNIQUE",
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: "PRIMARY KEY",
    sqlite3.SQLITE_CONSTRAINT_ROWID: "PRIMARY KEY",
    sqlite3.SQLITE_CONSTRAINT_CHECK: "CHECK",
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: "FOREIGN KEY",
    sqlite3.SQLITE_CONSTRAINT_TRIGGER: "TRIGGER",
    _WRONG_TYPE_IN_STRICT_TABLE: "DATATYPE",
    # What is no whole number, as the INTEGER PRIMARY KEY of a table that is not strict.
    sqlite3.SQLITE_MISMATCH: "DATATYPE",
}
_INDEX: Final = re.compile(r"index '(.+)'\Z", re.DOTALL)
_STRICT_COLUMN: Final = re.compile(r"cannot store \w+ value in \w+ column (.+)\Z", re.DOTALL)


class ConstraintDict(TypedDict):
    """A `Constraint` as plain values."""

    kind: ConstraintKind
    table: str | None
    columns: list[str]
    name: str | None
    parent: str | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """The rule of the database that an item breaks; what is not known is None or empty.

    Attributes:
        kind: ``"NOT NULL"``, ``"UNIQUE"``, ``"PRIMARY KEY"``, ``"CHECK"``, ``"FOREIGN KEY"``;
            ``"DATATYPE"``: a value of the wrong type in a STRICT table or an INTEGER PRIMARY KEY;
            ``"TRIGGER"``: a trigger called RAISE.
        table: the table that has the constraint.
        columns: the columns that it is about.
        name: of a CHECK its name, or its expression if it has none; of a unique index on an
            expression the index's name.
        parent: of a foreign key the table that it points to.

    >>> print(Constraint(kind="NOT NULL", table="flight", columns=("tailnum",)))
    NOT NULL flight.tailnum
    >>> print(Constraint(kind="UNIQUE", table="flight", columns=("day", "number")))
    UNIQUE flight (day, number)
    >>> print(Constraint(kind="FOREIGN KEY", table="flight", columns=("tailnum",), parent="plane"))
    FOREIGN KEY flight.tailnum -> plane
    >>> print(Constraint(kind="CHECK", name="positive_price"))
    CHECK positive_price
    """

    kind: ConstraintKind
    table: str | None = None
    columns: tuple[str, ...] = ()
    name: str | None = None
    parent: str | None = None

    def __str__(self) -> str:
        parts = [self.kind, self.name or "", self._place()]
        if self.parent is not None:
            parts.append(f"-> {self.parent}")
        return " ".join(filter(None, parts))

    def _place(self) -> str:
        columns = ", ".join(self.columns)
        if self.table is None:
            return columns
        if len(self.columns) > 1:
            return f"{self.table} ({columns})"
        return f"{self.table}.{columns}" if columns else self.table

    def to_dict(self) -> ConstraintDict:
        """Return plain values."""
        return {
            "kind": self.kind,
            "table": self.table,
            "columns": list(self.columns),
            "name": self.name,
            "parent": self.parent,
        }


def constraint_of(error: BaseException) -> Constraint | None:
    """Return the constraint that ``error`` is about; None if it is about something else.

    The extended result code tells the kind (sqlite.org, "Result and Error Codes"). Table and
    columns stand in the message, which is read only once the code has said what it is. SQLite
    says neither of a foreign key. It writes names without quotes, so a table whose own name has
    a dot in it is taken for a column of another one.

    Args:
        error: of the driver, or as SQLAlchemy wraps it.

    >>> connection = sqlite3.connect(":memory:")
    >>> _ = connection.execute("CREATE TABLE plane (tailnum TEXT NOT NULL)")
    >>> try:
    ...     connection.execute("INSERT INTO plane VALUES (NULL)")
    ... except sqlite3.Error as error:
    ...     print(constraint_of(error))
    NOT NULL plane.tailnum
    >>> connection.close()
    """
    code = result_code(error)
    kind = None if code is None else _KINDS.get(code)
    return None if kind is None else _read(kind, str(getattr(error, "orig", None) or error))


@functools.lru_cache(maxsize=256)
def _read(kind: ConstraintKind, said: str) -> Constraint:
    if kind in {"NOT NULL", "UNIQUE", "PRIMARY KEY"}:
        return _of_columns(kind, _after_colon(said))
    if kind == "CHECK":
        return Constraint(kind=kind, name=" ".join(_after_colon(said).split()) or None)
    if found := _STRICT_COLUMN.match(said) if kind == "DATATYPE" else None:
        return _of_columns(kind, found[1])
    return Constraint(kind=kind)


def _after_colon(said: str) -> str:
    return said.partition(": ")[2]


def _of_columns(kind: ConstraintKind, place: str) -> Constraint:
    """Read ``table.column, table.other``, or ``index 'name'``."""
    if index := _INDEX.match(place):
        return Constraint(kind=kind, name=index[1])
    table, dot, columns = place.partition(".")
    if not dot:
        return Constraint(kind=kind)
    return Constraint(kind=kind, table=table, columns=tuple(columns.split(f", {table}.")))
