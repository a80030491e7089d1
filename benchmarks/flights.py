"""The real flights as plain values, read from the data files that the demo reads."""

import csv
import io
import itertools
import zipfile

from hardlite.demo.data import data_directory

__all__ = ["COLUMNS", "NUMBERS", "PARENTS", "flight_values", "parent_values"]

COLUMNS = (
    "year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time",
    "sched_arr_time", "arr_delay", "carrier", "flight", "tailnum", "origin", "dest",
    "air_time", "distance", "hour", "minute", "time_hour",
)  # fmt: skip
PARENTS = {
    "carrier": ("airlines", "carrier"),
    "tailnum": ("planes", "tailnum"),
    "origin": ("airports", "faa"),
    "dest": ("airports", "faa"),
}
NUMBERS = frozenset(COLUMNS) - {"carrier", "tailnum", "origin", "dest", "time_hour"}
_MISSING = {"", "NA"}


def flight_values(limit: int | None = None) -> list[tuple[int | str | None, ...]]:
    """Return the values of the flights, in the order of `COLUMNS`; all 336,776 without ``limit``.

    Raises:
        MissingExtraError: the package with the data is not installed.
    """
    archive = data_directory() / "flights.csv.zip"
    kinds = [int if column in NUMBERS else str for column in COLUMNS]
    with zipfile.ZipFile(archive) as files, files.open("flights.csv") as file:
        lines = csv.reader(io.TextIOWrapper(file, encoding="utf-8", newline=""))
        if tuple(next(lines)) != COLUMNS:
            raise ValueError(f"{archive} has other columns than the flights used to have")
        return [
            tuple(
                None if text in _MISSING else kind(text)
                for kind, text in zip(kinds, line, strict=True)
            )
            for line in itertools.islice(lines, limit)
        ]


def parent_values() -> dict[str, frozenset[str]]:
    """Return what stands in the tables that a flight points to, by the flight's column."""
    parents = {}
    for column, (table, key) in PARENTS.items():
        with (data_directory() / f"{table}.csv").open(encoding="utf-8", newline="") as file:
            parents[column] = frozenset(line[key] for line in csv.DictReader(file))
    return parents
