"""Rows from files: CSV, TSV, JSON Lines, Parquet and Arrow, also packed or from standard input.

Read it in the order of the data: `opening` (bytes), `text` (lines), `delimited`, `json_lines` and
`arrow_files` (blocks of columns), `values` and `conversion` (what fits a column), `rows` (items of an import).
`target` matches a source with a table, `inference` declares a table for one.
"""

from hardlite.sources.blocks import RowPlace, UnfitRow
from hardlite.sources.faults import SourceError, UnfitRowError
from hardlite.sources.inference import declare_table
from hardlite.sources.opening import STANDARD_INPUT, table_name_of, title_of
from hardlite.sources.reading import Source, open_source
from hardlite.sources.rejects import RejectsFormat, json_row
from hardlite.sources.rows import Row, checked, rows_for
from hardlite.sources.target import Target, find_table, match

__all__ = [
    "STANDARD_INPUT",
    "RejectsFormat",
    "Row",
    "RowPlace",
    "Source",
    "SourceError",
    "Target",
    "UnfitRow",
    "UnfitRowError",
    "checked",
    "declare_table",
    "find_table",
    "json_row",
    "match",
    "open_source",
    "rows_for",
    "table_name_of",
    "title_of",
]
