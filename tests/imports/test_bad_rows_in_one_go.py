"""Isolation of rows: the driver goes on behind a bad row, wherever that is safe."""

import pytest
from sqlalchemy import Engine, Integer, MetaData, String, Table, event, text
from sqlalchemy.schema import Column

from hardlite import ImportReport, batched_unit_of_work

ROWS = 60
BAD = (0, 7, 8, 31, 59)


@pytest.fixture
def stars(engine: Engine) -> Table:
    """A table that refuses an empty name."""
    table = Table(
        "stars",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("name", String),
    )
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE stars (id INTEGER PRIMARY KEY, name TEXT CHECK (name <> ''))")
        )
    return table


def load(engine: Engine, table: Table, **options: object) -> ImportReport:
    rows = [{"id": n, "name": "" if n in BAD else f"star {n}"} for n in range(ROWS)]
    return batched_unit_of_work(engine, rows, table, batch_size=25, on_error="isolate", **options)  # type: ignore[arg-type]


def kept(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT id FROM stars ORDER BY id")).scalars())


def assert_exactly_the_bad_are_missing(engine: Engine, report: ImportReport) -> None:
    assert tuple(rejection.position for rejection in report.rejections) == BAD
    assert {rejection.error_type for rejection in report.rejections} == {"IntegrityError"}
    assert kept(engine) == [n for n in range(ROWS) if n not in BAD]
    assert report.committed == ROWS - len(BAD)


def test_a_bad_row_costs_one_more_call_of_the_driver(engine: Engine, stars: Table) -> None:
    inserts: list[int] = []

    @event.listens_for(engine, "before_cursor_execute")
    def count(_c: object, _cu: object, sql: str, values: list[object], *_: object) -> None:
        if sql.startswith("INSERT INTO stars"):
            inserts.append(len(values))

    report = load(engine, stars)

    assert_exactly_the_bad_are_missing(engine, report)
    # A row that is the last of its batch leaves nothing to go on with.
    assert inserts == [25, 24, 17, 16, 25, 18, 10]


def test_a_trigger_that_keeps_half_a_row_does_not_spoil_the_account(
    engine: Engine, stars: Table
) -> None:
    """RAISE(FAIL) leaves what the statement has written; so such rows are tried in savepoints."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE log (id INTEGER)"))
        connection.execute(
            text(
                "CREATE TRIGGER watch AFTER INSERT ON stars WHEN NEW.id = 12 BEGIN "
                "INSERT INTO log VALUES (NEW.id); SELECT RAISE(FAIL, 'not that one'); END"
            )
        )

    report = load(engine, stars)

    assert tuple(rejection.position for rejection in report.rejections) == (0, 7, 8, 12, 31, 59)
    assert 12 not in kept(engine)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM log")) == 0


def test_a_constraint_that_ends_the_transaction_costs_its_row_alone(engine: Engine) -> None:
    table = Table("stars", MetaData(), Column("id", Integer), Column("name", String))
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE stars (id INTEGER UNIQUE ON CONFLICT ROLLBACK, name TEXT)")
        )
    rows = [{"id": n % 40, "name": "x"} for n in range(50)]

    report = batched_unit_of_work(engine, rows, table, batch_size=25, on_error="isolate")

    assert tuple(rejection.position for rejection in report.rejections) == tuple(range(40, 50))
    assert kept(engine) == list(range(40))


def test_rows_of_a_class_of_their_own_go_the_same_way(engine: Engine, stars: Table) -> None:
    class Row(dict[str, object]):
        """A row that knows more than its columns."""

    class Greedy(dict[str, object]):
        def __missing__(self, key: str) -> object:
            return "made up"

    rows = [Row(id=n, name="" if n in BAD else "x") for n in range(ROWS)]
    assert batched_unit_of_work(engine, rows, stars, on_error="isolate").rejected == len(BAD)

    greedy = batched_unit_of_work(engine, [Greedy(id=100)], stars, on_error="isolate")

    assert greedy.ok
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT name FROM stars WHERE id = 100")) is None
