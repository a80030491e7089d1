"""Writers and a checkpointer for the race of the WAL-reset bug, through hardened engines.

Run: python benchmarks/crash_writers.py writer app.db ID SECONDS
     python benchmarks/crash_writers.py checkpointer app.db SECONDS

The database has t1 (a INTEGER PRIMARY KEY, b) with rows 1 to 60, and cnt (id, n), in which each
writer counts its commits. A SQLite that has the bug loses commits, or the whole file, when a
checkpoint runs beside a writer (sqlite.org, "Write-Ahead Logging", section 11). Every checkpoint of
a hardened engine has a turn, so none does.
"""

import argparse
import random
import time

from sqlalchemy import Engine, text

from hardlite import Profile, create_hardened_engine

UPDATE = text("UPDATE t1 SET b = randomblob(600) WHERE a BETWEEN :first AND :last")
COUNT = text("UPDATE cnt SET n = n + 1 WHERE id = :id")
CHECKPOINT = text("PRAGMA wal_checkpoint(PASSIVE)")


def write(engine: Engine, number: int, seconds: float) -> int:
    """Commit as often as can be; return how often that was."""
    chance, commits = random.Random(number), 0  # noqa: S311 - what is written means nothing
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        first = chance.randrange(1, 40)
        with engine.begin() as connection:
            last = first + chance.choice((1, 1, 2, 3, 20))
            connection.execute(UPDATE, {"first": first, "last": last})
            connection.execute(COUNT, {"id": number})
        commits += 1
        time.sleep(chance.random() * 0.001)
    return commits


def checkpoint(engine: Engine, seconds: float) -> int:
    """Run checkpoints without a pause; return how many these were."""
    checkpoints = 0
    end = time.monotonic() + seconds
    with engine.connect() as connection:
        while time.monotonic() < end:
            connection.execute(CHECKPOINT).all()
            checkpoints += 1
    return checkpoints


def main() -> None:
    """Do one of the two."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    roles = parser.add_subparsers(required=True, dest="role")
    for role in ("writer", "checkpointer"):
        one = roles.add_parser(role)
        one.add_argument("database")
        if role == "writer":
            one.add_argument("id", type=int)
        one.add_argument("seconds", type=float)
    options = parser.parse_args()
    # Then nobody but the checkpointer runs checkpoints.
    profile = Profile(wal_autocheckpoint=0)
    engine = create_hardened_engine(f"sqlite:///{options.database}", profile=profile)
    if options.role == "writer":
        print("commits", write(engine, options.id, options.seconds))
    else:
        print("checkpoints", checkpoint(engine, options.seconds))
    engine.dispose()


if __name__ == "__main__":
    main()
