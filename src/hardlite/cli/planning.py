"""Which source goes into which table: everything that can be found wrong before writing."""

import dataclasses
import difflib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

from sqlalchemy import Table, UniqueConstraint, inspect
from sqlalchemy.engine import Engine

from hardlite.cli.output_file import output_file
from hardlite.cli.rejects_file import RejectsFile, rejects_path
from hardlite.cli.resumes import resume_keys
from hardlite.errors import ConfigurationError
from hardlite.imports.batches import OnError
from hardlite.inserts.fast_insert import Conflict
from hardlite.sources import (
    STANDARD_INPUT,
    Source,
    Target,
    declare_table,
    find_table,
    match,
    open_source,
    table_name_of,
    title_of,
)

__all__ = ["ImportOptions", "Planned", "plan"]

_BLOCK_ROWS = 1000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """What ``hardlite import`` was asked to do; the command's help says what each option means."""

    sources: Sequence[str]
    database: str
    table: str | None
    create: bool
    batch_size: int | Literal["auto"]
    on_error: OnError
    conflict: Conflict
    resume: str | None
    nulls: frozenset[str]
    report: Path | None
    rejects: Path | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """An open source, the table it fits, and where its progress and its rejected rows go."""

    source: Source
    target: Target
    resume_key: str | None
    rejects: RejectsFile | None


@contextmanager
def plan(
    options: ImportOptions, engine: Engine, *, empty: bool, keep: Sequence[Path]
) -> Iterator[list[Planned]]:
    """Open every source, find or declare its table, and create the tables that are new.

    Args:
        options: what was asked for.
        engine: the database.
        empty: there is no database yet, so it is not asked for tables: that would make it.
        keep: files that must not be written over.

    Raises:
        SourceError: a source cannot be read or does not fit its table.
        ConfigurationError: a table is missing, or an option cannot be met.
    """
    if list(options.sources).count(STANDARD_INPUT) > 1:
        raise ConfigurationError("Standard input is named twice", "It can be read once.")
    _require_room(options)
    with ExitStack() as opened:
        tables: dict[str, Table] = {}
        new: list[Table] = []
        planned: list[Planned] = []
        taken = list(keep)
        keys = resume_keys(options.resume, options.sources, engine, empty=empty)
        for name, key in zip(options.sources, keys, strict=True):
            table_name = _table_name(name, options)
            source = opened.enter_context(
                open_source(
                    name,
                    block_rows=_BLOCK_ROWS
                    if options.batch_size == "auto"
                    else min(options.batch_size, _BLOCK_ROWS),
                    keep_text=options.rejects is not None,
                )
            )
            folded = table_name.casefold()
            table = tables.get(folded)
            if table is None and not empty:
                table = find_table(engine, table_name)
            if table is None:
                _require_create(options, engine, table_name)
                table = declare_table(table_name, source, options.nulls)
                new.append(table)
            tables[folded] = table
            _require_key(table, options.conflict)
            target = match(source, table)
            rejects = None
            if options.rejects is not None:
                style = source.rejects(target.passed_over)
                path = rejects_path(options.rejects, name, style)
                output = opened.enter_context(
                    output_file(path, "The file of rejected rows", keep=taken)
                )
                taken.append(path)
                rejects = RejectsFile(output, style)
            planned.append(Planned(source=source, target=target, resume_key=key, rejects=rejects))
        for table in new:
            table.create(engine)
        yield planned


def _require_room(options: ImportOptions) -> None:
    several = len(options.sources) > 1
    if options.rejects is not None and several and not options.rejects.is_dir():
        raise ConfigurationError(
            f"The rejected rows of {len(options.sources)} sources cannot go into one file",
            "Name a directory with --rejects: each source gets a file of its own there.",
        )


def _table_name(source: str, options: ImportOptions) -> str:
    name = options.table or table_name_of(source)
    if name is None:
        raise ConfigurationError(
            f"The name of {title_of(source)} does not say which table it is for",
            "Add --table NAME.",
        )
    return name


def _require_create(options: ImportOptions, engine: Engine, name: str) -> None:
    if options.create:
        return
    near = difflib.get_close_matches(name, inspect(engine).get_table_names(), n=1)
    guess = f"Did you mean --table {near[0]}? " if near else ""
    raise ConfigurationError(
        f"The database {options.database} has no table {name}",
        f"{guess}Add --create to make it, or --table to name another.",
    )


def _require_key(table: Table, conflict: Conflict) -> None:
    unique = any(isinstance(constraint, UniqueConstraint) for constraint in table.constraints)
    indexed = any(index.unique for index in table.indexes)
    if conflict == "error" or table.primary_key.columns or unique or indexed:
        return
    raise ConfigurationError(
        f"--conflict {conflict} needs a key, and the table {table.name} has none",
        "Give the table a primary key or a unique index.",
    )
