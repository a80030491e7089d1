"""SQLite is asked what a statement really does, and must not find a write in what hardlite reads.

EXPLAIN lists the opcodes of a statement; Transaction with a second operand of 1 or more begins a
write (sqlite.org, "The SQLite Bytecode Engine").
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, mapped_column

from hardlite import create_hardened_engine
from hardlite.connections.connection import HardenedConnection
from hardlite.connections.statements import Kind, kind_of

SCHEMA = """
    CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT);
    CREATE TABLE u (a, c DEFAULT 1);
    CREATE VIEW v AS SELECT a FROM t;
    CREATE TRIGGER vi INSTEAD OF INSERT ON v BEGIN INSERT INTO t (a) VALUES (new.a); END;
    INSERT INTO t (b) VALUES ('one'), ('two');
    INSERT INTO u (a) VALUES (1);
    PRAGMA user_version = 3;
"""

# To SQLite a no-break space, a euro sign and a long s are letters of a name.
NAMES = st.sampled_from(
    [
        *(
            "t",
            "u",
            "v",
            "c",
            "replace",
            '"select"',
            "[insert]",
            "`values`",
            "'delete'",
            '"a "" ("',
        ),
        *("\xa0select", "a\xa0values", "a€select", "\u017felect"),
    ]
)
NUMBERS = st.sampled_from(["1", "-2", "'3'", "x'04'", "NULL", ":n", "')'"])
QUOTED = st.sampled_from(["{}", '"{}"', "[{}]", "`{}`", "'{}'"])
PRAGMAS = st.sampled_from(
    [
        *("user_version", "application_id", "schema_version", "default_cache_size", "cache_size"),
        *("foreign_keys", "table_info", "journal_mode", "optimize", "incremental_vacuum"),
        *("wal_checkpoint", "page_count", "integrity_check", "foreign_key_check", "secure_delete"),
        *("synchronous", "analysis_limit", "max_page_count", "index_list", "database_list"),
    ]
)
GAPS = st.sampled_from(
    [
        *(" ", "  ", "\n", "\t", "\r\n", "\x0c ", " \ufeff", "\ufeff", ""),
        *("/**/", "/* ( SELECT */", "-- ) INSERT\n"),
    ]
)


def words(*parts: str | st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.tuples(*(st.just(part) if isinstance(part, str) else part for part in parts)).map(
        lambda made: [word for part in made for word in (part.split("\0") if part else [])]
    )


def glued(tokens: st.SearchStrategy[list[str]]) -> st.SearchStrategy[str]:
    """A token that is made of several, which gaps may separate again."""
    return tokens.map("\0".join)


SELECTS = st.one_of(
    words("SELECT", NUMBERS),
    words("SELECT", "*", "FROM", NAMES),
    words("SELECT", "a", ",", "(", "SELECT", "max", "(", "a", ")", "FROM", "u", ")", "FROM", "t"),
    words("VALUES", "(", NUMBERS, ")"),
)
CHANGES = st.one_of(
    words(st.sampled_from(["INSERT", "REPLACE"]), "INTO", NAMES, "(", "a", ")", glued(SELECTS)),
    words("INSERT", "OR", "IGNORE", "INTO", "u", "DEFAULT", "VALUES", "RETURNING", "a"),
    words("UPDATE", NAMES, "SET", "a", "=", NUMBERS),
    words("DELETE", "FROM", NAMES, "WHERE", "a", "IN", "(", glued(SELECTS), ")"),
)
COMMON = words(
    "WITH",
    st.sampled_from(["", "RECURSIVE"]),
    NAMES,
    st.sampled_from(["", "(\0a\0)"]),
    "AS",
    st.sampled_from(["", "MATERIALIZED", "NOT\0MATERIALIZED"]),
    "(",
    glued(SELECTS),
    ")",
    st.one_of(st.just(""), glued(words(",", NAMES, "AS", "(", glued(SELECTS), ")"))),
    glued(st.one_of(SELECTS, CHANGES)),
)
PRAGMA = words(
    "PRAGMA",
    st.one_of(st.just(""), QUOTED.map(lambda quotes: quotes.format("main") + "\0.")),
    st.tuples(QUOTED, PRAGMAS).map(lambda made: made[0].format(made[1])),
    st.sampled_from(["", "=\0005", "(\0005\0)", "=\0'on'", "=\0-7"]),
)
OTHERS = st.sampled_from(
    [
        *("CREATE TABLE w (a)", "CREATE TEMP TABLE w (a)", "CREATE INDEX ti ON t (b)"),
        *("CREATE VIEW w AS SELECT 1", "DROP VIEW v", "ALTER TABLE u ADD COLUMN d"),
        *("REINDEX", "ANALYZE", "SAVEPOINT s"),
    ]
).map(str.split)


@st.composite
def statements(draw: st.DrawFn) -> str:
    tokens = draw(st.one_of(SELECTS, CHANGES, COMMON, PRAGMA, OTHERS))
    spelled = [draw(st.sampled_from([token, token.lower()])) for token in tokens]
    return "".join(token + (draw(GAPS) or " ") for token in spelled)


@contextlib.contextmanager
def database(
    factory: type[sqlite3.Connection] = sqlite3.Connection,
) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", factory=factory)
    try:
        connection.executescript(SCHEMA)
        yield connection
    finally:
        connection.close()


def begins_a_write(connection: sqlite3.Connection, sql: str, parameters: object) -> bool:
    opcodes = connection.execute(f"EXPLAIN {sql}", parameters)  # type: ignore[arg-type]
    return any(name == "Transaction" and how >= 1 for _, name, _, how, *_ in opcodes)


@given(sql=statements())
def test_sqlite_begins_no_write_in_what_is_taken_for_a_read(sql: str) -> None:
    with database() as connection:
        try:
            writes = begins_a_write(connection, sql, {"n": 1})
        except sqlite3.Error:
            return
        assert not (writes and kind_of(sql) in {Kind.READ, Kind.QUERY}), kind_of(sql)


@given(sql=statements())
def test_a_rollback_takes_back_whatever_a_statement_did(sql: str) -> None:
    def contents(connection: sqlite3.Connection) -> list[object]:
        asked = ("user_version", "application_id", "default_cache_size")
        pragmas = [connection.execute(f"PRAGMA {name}").fetchone() for name in asked]
        return [*connection.iterdump(), *pragmas]

    with database(HardenedConnection) as connection:
        before = contents(connection)
        with contextlib.suppress(sqlite3.Error):
            connection.execute(sql, {"n": 1}).fetchall()
        connection.rollback()
        assert contents(connection) == before


A = sa.Column("a", sa.Integer)


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Book(Base):
    __tablename__ = "books"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(sa.ForeignKey("authors.id"))
    title: Mapped[str] = mapped_column(index=True)


recent = sa.select(Book.author_id).where(Book.id > 5).cte("insert into")
walk = sa.select(sa.literal(1).label("n")).cte("walk", recursive=True)
walk = walk.union_all(sa.select(walk.c.n + 1).where(walk.c.n < 9))
other = aliased(Author)

READING = {
    "literal": sa.select(sa.literal("INSERT INTO authors")),
    "join": sa.select(Author, Book).join(Book, Book.author_id == Author.id),
    "cte": sa.select(Author).where(Author.id.in_(sa.select(recent.c.author_id))),
    "recursive cte": sa.select(walk.c.n),
    "union": sa.union_all(sa.select(Author.id), sa.select(Book.id)).order_by("id"),
    "exists": sa.select(sa.exists().where(Book.author_id == Author.id)),
    "window": sa.select(sa.func.row_number().over(order_by=Book.title)),
    "subquery": sa.select(sa.select(Book.title).where(Book.id == 1).scalar_subquery()),
    "text": sa.text("-- a comment\nSELECT * FROM authors WHERE id = :id").bindparams(id=1),
    "prefix": sa.select(Author.id).prefix_with("/* UPDATE */"),
    "distinct": sa.select(sa.func.count(Author.name.distinct())),
}
WRITING = {
    "insert": sa.insert(Author).values(name="x"),
    "insert returning": sa.insert(Author).values(name="x").returning(Author.id),
    "insert of several": sa.insert(Author).values([{"name": "x"}, {"name": "y"}]),
    "insert from cte": sa.insert(Author).from_select(["name"], sa.select(recent.c.author_id)),
    "upsert": sqlite_insert(Author).values(id=1, name="x").on_conflict_do_nothing(),
    "insert or replace": sa.insert(Author).values(id=1, name="x").prefix_with("OR REPLACE"),
    "update with cte": sa.update(Author)
    .where(Author.id.in_(sa.select(recent.c.author_id)))
    .values(name="x"),
    "update from": sa.update(Author).where(Author.id == Book.author_id).values(name=Book.title),
    "update returning": sa.update(Author).values(name="x").returning(Author.name),
    "delete with cte": sa.delete(Author)
    .where(sa.exists().where(recent.c.author_id == Author.id))
    .add_cte(recent),
    "delete returning": sa.delete(Book).returning(Book.id),
    "create table": sa.schema.CreateTable(sa.Table("w", sa.MetaData(), sa.Column("a", sa.Integer))),
    "create index": sa.schema.CreateIndex(sa.Index("by_a", sa.Table("t", sa.MetaData(), A).c.a)),
    "drop table": sa.schema.DropTable(Book.__table__),  # type: ignore[arg-type]
}
FOR_UPDATE = {
    "for update": sa.select(Author).with_for_update(),
    "for update of": sa.select(Author).with_for_update(of=Author, skip_locked=True),
    "for update in a cte": sa.select(sa.select(Author).with_for_update().cte("c")),
    "for share": sa.select(other).with_for_update(read=True),
}


@pytest.fixture(scope="module")
def compile_and_ask() -> Iterator[Callable[[sa.ClauseElement], tuple[Kind | None, bool]]]:
    """Says of a construct which kind hardlite takes it for, and whether SQLite begins a write."""
    engine = create_hardened_engine("sqlite://")
    plain = sqlite3.connect(":memory:")
    plain.executescript(SCHEMA)
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
        for (sql,) in connection.exec_driver_sql("SELECT sql FROM sqlite_schema"):
            plain.execute(sql)

    def ask(construct: sa.ClauseElement) -> tuple[Kind | None, bool]:
        compiled = construct.compile(
            dialect=engine.dialect, compile_kwargs={"render_postcompile": True}
        )
        names: list[str] = getattr(compiled, "positiontup", None) or []
        sql = str(compiled)
        return kind_of(sql), begins_a_write(plain, sql, (1,) * len(names))

    yield ask
    plain.close()
    engine.dispose()


@pytest.mark.parametrize("construct", READING.values(), ids=READING)
def test_what_sqlalchemy_reads_takes_no_turn(
    compile_and_ask: Callable[[sa.ClauseElement], tuple[Kind, bool]], construct: sa.ClauseElement
) -> None:
    assert compile_and_ask(construct) == (Kind.READ, False)


@pytest.mark.parametrize("construct", WRITING.values(), ids=WRITING)
def test_what_sqlalchemy_writes_is_taken_for_a_write(
    compile_and_ask: Callable[[sa.ClauseElement], tuple[Kind, bool]], construct: sa.ClauseElement
) -> None:
    assert compile_and_ask(construct) == (Kind.WRITE, True)


@pytest.mark.parametrize("construct", FOR_UPDATE.values(), ids=FOR_UPDATE)
def test_for_update_is_still_there_when_the_driver_gets_the_statement(
    compile_and_ask: Callable[[sa.ClauseElement], tuple[Kind, bool]], construct: sa.ClauseElement
) -> None:
    assert compile_and_ask(construct) == (Kind.INTENT, False)
