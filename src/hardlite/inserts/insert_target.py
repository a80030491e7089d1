"""Where the rows of an import go: a table, a mapped class, or an INSERT of the caller's own."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, cast

from sqlalchemy import Column, Insert, Table, inspect
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Mapper

from hardlite.errors import ConfigurationError

__all__ = ["InsertTarget", "insert_target"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InsertTarget:
    """Where rows go, and what their keys mean there.

    Attributes:
        name: what to call it in messages.
        tables: the tables that a row reaches.
        column_of: the column behind each key that a row may have.
        plain: a row is nothing but columns of the one table.
        statement: the INSERT, where it is not to be made from the table.
        unset_by_none: the keys for which None means what leaving them out means.
    """

    name: str
    tables: tuple[Table, ...]
    column_of: Mapping[str, str]
    plain: bool = True
    statement: Insert | None = None
    unset_by_none: frozenset[str] = frozenset()

    def require_one_table(self, option: str) -> None:
        """Refuse ``option`` where no ON CONFLICT clause can be written.

        Raises:
            ConfigurationError: several tables are behind this, or a statement as it stands.
        """
        if not self.plain:
            raise ConfigurationError(
                f"{option} needs a class that is the columns of one table, and {self.name} is more",
                "Give the table instead, with a value for each column that the class would fill.",
            )
        if self.statement is not None:
            raise ConfigurationError(
                f"{option} cannot be added to an INSERT statement",
                "Write the ON CONFLICT clause into the statement, or give the table itself.",
            )

    def require_known(self, keys: Iterable[str]) -> None:
        """Refuse a key that SQLAlchemy would leave out without a word.

        Raises:
            ValueError: there is no column for a key.
        """
        for key in keys:
            if key not in self.column_of:
                known = ", ".join(map(repr, self.column_of))
                raise ValueError(f"{self.name} has no column {key!r}; it has {known}")


def insert_target(target: Table | type | Insert) -> InsertTarget:
    """Find out where rows for ``target`` go.

    Raises:
        ConfigurationError: it cannot take rows.
    """
    if isinstance(target, Table):
        columns = {name: name for name, _ in target.columns.items()}
        return InsertTarget(name=target.name, tables=(target,), column_of=columns)
    if not isinstance(target, Insert):
        return _mapped(_mapper(target), None)
    if target.select is not None:
        raise ConfigurationError(
            "An INSERT from a SELECT takes no rows", "Give a table, a class or a plain INSERT."
        )
    entity = target.entity_description.get("entity")
    if entity is not None:
        return _mapped(_mapper(entity), target)
    table = cast("Table", target.table)
    return InsertTarget(name=table.name, tables=(table,), column_of={}, statement=target)


def _mapper(entity: type) -> Mapper[Any]:
    mapper: object = inspect(entity, raiseerr=False)
    if not isinstance(mapper, Mapper):
        raise ConfigurationError(
            f"work= cannot be {entity!r}",
            "It takes a table, a mapped class, an INSERT statement or a function of a session "
            "and an item.",
        )
    if not isinstance(mapper.local_table, Table):
        raise ConfigurationError(
            f"{mapper.class_.__name__} is mapped to a query, which takes no rows",
            "Give the table that the query reads.",
        )
    return mapper


def _mapped(mapper: Mapper[Any], statement: Insert | None) -> InsertTarget:
    name, table = mapper.class_.__name__, _only_table(mapper)
    attributes = {
        attribute.key: attribute.columns[0].key
        for attribute in mapper.column_attrs
        if isinstance(attribute.columns[0], Column)
    }
    if table is None:
        return InsertTarget(
            name=name,
            tables=tuple(table for table in mapper.tables if isinstance(table, Table)),
            column_of=attributes | {key: key for key, _ in mapper.composites.items()},
            plain=False,
            statement=sqlite_insert(mapper.class_) if statement is None else statement,
        )
    if statement is None:
        # Rows may name columns too; where a name is both, the attribute is meant.
        attributes = {key: key for key, _ in table.columns.items()} | attributes
    return InsertTarget(
        name=name,
        tables=(table,),
        column_of=attributes,
        statement=statement,
        unset_by_none=_unset_by_none(table, attributes),
    )


def _unset_by_none(table: Table, column_of: Mapping[str, str]) -> frozenset[str]:
    """Return the keys for which the ORM has a default to put in the place of None.

    (SQLAlchemy, "ORM-Enabled INSERT, UPDATE, and DELETE statements", "Sending NULL values in ORM
    bulk INSERT statements")
    """
    columns = {key: table.columns[name] for key, name in column_of.items()}
    return frozenset(
        key
        for key, column in columns.items()
        if (column.default is not None or column.server_default is not None)
        and not column.type.should_evaluate_none
    )


def _only_table(mapper: Mapper[Any]) -> Table | None:
    """Return the one table of a class that is nothing but its columns; else None."""
    more = (mapper.inherits, mapper.polymorphic_on, mapper.version_id_col)
    plain = all(part is None for part in more) and not list(mapper.composites)
    return cast("Table", mapper.local_table) if plain else None
