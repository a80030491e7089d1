"""The story: load, while others write; with hardlite, and then without."""

import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from hardlite.demo.data import data_directory
from hardlite.demo.foreground import THREADS
from hardlite.demo.loading import Loaded
from hardlite.demo.sides import play_hardened, play_plain
from hardlite.demo.telling import show_comparison, show_lost, table_line
from hardlite.errors import ConfigurationError

__all__ = ["run_demo"]


def run_demo(database: Path | None, rows: int | None, console: Console) -> None:
    """Play both sides and print what was measured.

    Args:
        database: the file to make, beside which the plain one gets ``-plain`` into its name;
            None makes a temporary directory.
        rows: flights to load; None loads all.
        console: where to print.

    Raises:
        MissingExtraError: the data is not installed.
        ConfigurationError: a file is there already, or cannot be there.
    """
    data = data_directory()
    if database is None:
        database = Path(tempfile.mkdtemp(prefix="hardlite-demo-")) / "flights.db"
    beside = database.with_name(f"{database.stem}-plain{database.suffix}")
    for file in (database, beside):
        _require_new(file)

    def say(text: str = "") -> None:
        console.print(Text(text), soft_wrap=True)

    def tell(loaded: Loaded) -> None:
        console.print(table_line(loaded), soft_wrap=True)

    say(
        f"Loading real flights into SQLite, while {THREADS} threads and one more process write "
        "to the same file."
    )
    say()
    say("With hardlite: create_hardened_engine, batched_unit_of_work(..., on_error='isolate')")
    say(f"  {database}")
    hardened = play_hardened(database, data, rows, tell)
    show_lost(hardened, console)
    say()
    say("Plain: create_engine, one transaction for each table")
    say(f"  {beside}")
    plain = play_plain(beside, data, rows, tell)
    show_lost(plain, console)
    show_comparison(hardened, plain, console)


def _require_new(file: Path) -> None:
    if file.exists():
        raise ConfigurationError(f"{file} is there already", "Name a file that is not.")
    if not file.parent.is_dir():
        raise ConfigurationError(f"There is no directory {file.parent}", "Make it first.")
