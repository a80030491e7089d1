"""An import that can be killed at any moment: rows of a CSV file into a table, under a resume key.

Run: python benchmarks/crash_import.py app.db rows.csv --resume KEY

The file has the columns ext_id, name and amount, the database a table `items` with these. Each
line "committed N" promises that the first N rows are in; the exit code is 0 when all are.
"""

import argparse
import csv
import sys
from pathlib import Path

from sqlalchemy import Column, Integer, MetaData, String, Table

from hardlite import Profile, batched_unit_of_work, create_hardened_engine

ITEMS = Table(
    "items",
    MetaData(),
    Column("pk", Integer, primary_key=True),
    Column("ext_id", Integer, nullable=False),
    Column("name", String, nullable=False),
    Column("amount", Integer, nullable=False),
)


def prepared(row: dict[str, str]) -> dict[str, object]:
    """Return what is written for a row of the file."""
    return {"ext_id": int(row["ext_id"]), "name": row["name"], "amount": int(row["amount"])}


def main() -> int:
    """Import, and say how far it has come."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("database")
    parser.add_argument("source", type=Path)
    parser.add_argument("--resume", metavar="KEY", required=True)
    parser.add_argument("--batch-size", type=int, default=200, help="rows in a transaction")
    parser.add_argument("--durable", action="store_true", help="survive power cuts, not only kills")
    options = parser.parse_args()
    profile = Profile.durable() if options.durable else Profile()
    engine = create_hardened_engine(f"sqlite:///{options.database}", profile=profile)
    with options.source.open(encoding="utf-8", newline="") as file:
        report = batched_unit_of_work(
            engine,
            csv.DictReader(file),
            ITEMS,
            prepare=prepared,
            batch_size=options.batch_size,
            on_error="stop",
            resume_key=options.resume,
            progress=lambda batch: (
                batch.error or print("committed", batch.last_item + 1, flush=True)
            ),
        )
    engine.dispose()
    if report.ok:
        return 0
    print(report.summary())
    return 1


if __name__ == "__main__":
    sys.exit(main())
