"""The first words of a statement say what it asks of its transaction; every doubt is a write."""

import pytest

from hardlite.connections.statements import FOR_UPDATE, Kind, kind_of, kinds_of_script

READS = [
    "SELECT a FROM t",
    "select a from t",
    "  \t\r\n\x0b\x0cSELECT a FROM t",
    ";; ; SELECT a FROM t",
    "-- DELETE FROM t\nSELECT a FROM t",
    "/* DELETE FROM t; */ SELECT a FROM t",
    "/* one */ -- two\n ; /* three */SELECT a FROM t",
    "\ufeffSELECT a FROM t",
    "SELECT(1)",
    "SELECT 1 FROM t",
    "SELECT 1, 2",
    "SELECT 'DELETE FROM t'",
    "VALUES (1), (2)",
    "EXPLAIN SELECT 1",
    "EXPLAIN INSERT INTO t VALUES (1)",
    "EXPLAIN QUERY PLAN DELETE FROM t",
    "WITH c AS (SELECT 1) SELECT * FROM c",
    "WITH c AS (SELECT 1) VALUES (1)",
    "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c LIMIT 3",
    "with c as not materialized (select ')') select * from c",
    'WITH "insert" AS (SELECT 1) SELECT * FROM "insert"',
    "WITH [delete] AS (SELECT 1), `update` AS (SELECT 2) SELECT * FROM [delete]",
    "WITH c AS (SELECT 1 /* ) INSERT */ -- ) DELETE\n) SELECT * FROM c",
    "WITH c AS (SELECT '()''(' FROM (SELECT \"(\"\"\" FROM t)) SELECT * FROM c",
]

WRITES = [
    "INSERT INTO t VALUES (1)",
    "INSERT OR FAIL INTO t VALUES (1)",
    "INSERT INTO t VALUES (1) RETURNING a",
    "REPLACE INTO t VALUES (1)",
    "UPDATE t SET a = 1 RETURNING *",
    "DELETE FROM t",
    "WITH c AS (SELECT 1) INSERT INTO t SELECT * FROM c",
    "WITH c AS (SELECT 1) REPLACE INTO t SELECT * FROM c",
    "WITH c AS (SELECT 1) UPDATE t SET a = (SELECT * FROM c)",
    "with c(n) as (values (1)) delete from t where a in (select n from c) returning a",
    "WITH c AS (SELECT 1), d AS (SELECT 2) -- SELECT\n INSERT INTO t SELECT * FROM d",
    "WITH c AS (SELECT 1)/* SELECT */INSERT INTO t SELECT * FROM c",
    "WITH c AS (SELECT 1)\ufeffINSERT INTO t SELECT * FROM c",
    'WITH "select" AS (SELECT 1) INSERT INTO t SELECT * FROM "select"',
    "WITH [select] AS (SELECT 1) INSERT INTO t SELECT 1",
    "WITH `values` AS (SELECT 1) INSERT INTO t SELECT 1",
    "WITH 'select' AS (SELECT 1) INSERT INTO t SELECT 1",
    # A no-break space, a euro sign and a long s are letters to SQLite.
    "WITH \xa0select AS (SELECT 1) INSERT INTO t SELECT 1",
    "WITH a\xa0select AS (SELECT 1) INSERT INTO t SELECT 1",
    "WITH a€select AS (SELECT 1) INSERT INTO t SELECT 1",
    "WITH \u017felect AS (SELECT 1) INSERT INTO t SELECT 1",
    "WITH c AS (SELECT 1)",
    "WITH",
    "CREATE TABLE u (a)",
    "CREATE TEMP TABLE u (a)",
    "CREATE TABLE u AS SELECT * FROM t",
    "ALTER TABLE t ADD COLUMN b",
    "DROP TABLE t",
    "ANALYZE",
    "REINDEX",
    "PRAGMA user_version = 1",
    "PRAGMA main.user_version(1)",
    "PRAGMA user_version/* = */=1",
    "PRAGMA user_version -- asks?\n = 1",
    'PRAGMA "user_version" = 1',
    "PRAGMA 'user_version' = 1",
    'PRAGMA "main" . [user_version] = 1',
    "PRAGMA main/**/./**/`application_id`(1)",
    "pragma SCHEMA_VERSION = 1",
    "PRAGMA default_cache_size = 1",
    "(SELECT 1)",
    "SELEKT 1",
    "1",
]

QUERIES = [
    # What a pool pings with: it reads nothing, so it must not begin anything.
    "SELECT 1",
    "  /* ping */ select 1 ;",
    "PRAGMA user_version",
    "PRAGMA main.user_version",
    "PRAGMA user_version;",
    "PRAGMA table_info('t')",
    "PRAGMA foreign_keys",
    "PRAGMA journal_mode",
    "PRAGMA main.journal_mode",
    "PRAGMA busy_timeout = 1000",
    "PRAGMA cache_size(-2000)",
    "PRAGMA defer_foreign_keys = ON",
    "PRAGMA integrity_check",
    "PRAGMA",
    "PRAGMA;",
    "PRAGMA main.",
]

SETTINGS = [
    "PRAGMA foreign_keys = OFF",
    "PRAGMA foreign_keys(1)",
    "PRAGMA main.synchronous = FULL",
    "PRAGMA locking_mode = EXCLUSIVE",
    "PRAGMA auto_vacuum = 2",
    "PRAGMA journal_mode = WAL",
    "PRAGMA main.journal_mode('wal')",
    "PRAGMA journal_mode =",
    "PRAGMA encoding = 'UTF-16'",
    "PRAGMA page_size = 8192",
    "PRAGMA temp_store = 2",
]

MAINTENANCE = [
    "VACUUM",
    "VACUUM INTO 'copy.db'",
    "PRAGMA wal_checkpoint",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "PRAGMA optimize",
    "PRAGMA incremental_vacuum(10)",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA main.journal_mode('off')",
    'PRAGMA "main" . [wal_checkpoint] = FULL',
    "/* now */ pragma MAIN./**/WAL_CHECKPOINT ( restart )",
]

INTENTS = [
    f"SELECT * FROM t {FOR_UPDATE}",
    f"WITH c AS (SELECT 1) SELECT * FROM c {FOR_UPDATE}",
]

REBUILDS = [
    "CREATE TABLE _alembic_tmp_t (a)",
    'CREATE TABLE "_alembic_tmp_t" (a)',
    "\nCREATE TABLE [_alembic_tmp_a t] (a)",
    "create table if not exists main._alembic_tmp_t (a)",
    'CREATE TABLE "my schema"."_alembic_tmp_t" (a)',
]

BEGINS = ["BEGIN", "begin transaction", "BEGIN DEFERRED", "BEGIN/**/;"]
BEGINS_FOR_WRITING = ["BEGIN IMMEDIATE", "BEGIN /* now */ EXCLUSIVE TRANSACTION", "begin immediate"]
ENDS = [
    "COMMIT",
    "END TRANSACTION",
    "ROLLBACK",
    "ROLLBACK TO a",
    "RELEASE a",
    "release savepoint a",
]
ATTACHES = ["ATTACH 'other.db' AS other", "attach database ? as other", "DETACH other"]
NOTHINGS = ["", "  \n", ";;", "-- only a comment", "/* never closed", "/* one */ ; -- two"]


def table(**columns: tuple[Kind | None, list[str]]) -> list[tuple[str, Kind | None]]:
    return [(sql, kind) for kind, statements in columns.values() for sql in statements]


STATEMENTS = table(
    reads=(Kind.READ, READS),
    writes=(Kind.WRITE, WRITES),
    queries=(Kind.QUERY, QUERIES),
    settings=(Kind.SETTING, SETTINGS),
    maintenance=(Kind.MAINTENANCE, MAINTENANCE),
    intents=(Kind.INTENT, INTENTS),
    rebuilds=(Kind.REBUILD, REBUILDS),
    begins=(Kind.BEGIN, BEGINS),
    begins_for_writing=(Kind.BEGIN_WRITE, BEGINS_FOR_WRITING),
    ends=(Kind.END, ENDS),
    savepoints=(Kind.SAVEPOINT, ["SAVEPOINT a", 'savepoint "begin"']),
    attaches=(Kind.ATTACH, ATTACHES),
    nothings=(None, NOTHINGS),
)


@pytest.mark.parametrize(("sql", "kind"), STATEMENTS, ids=[ascii(sql) for sql, _ in STATEMENTS])
def test_a_statement_is_of_the_kind_that_its_first_words_name(sql: str, kind: Kind | None) -> None:
    assert kind_of(sql) is kind


@pytest.mark.parametrize(
    ("script", "kinds"),
    [
        ("", []),
        (" ; -- nothing\n;", []),
        ("SELECT a FROM t", [Kind.READ]),
        ("SELECT ';'; VALUES (1);", [Kind.READ, Kind.READ]),
        ("BEGIN; DELETE FROM t; COMMIT", [Kind.BEGIN, Kind.WRITE, Kind.END]),
        ("PRAGMA foreign_keys = 0;\nSELECT a /* ; */;", [Kind.SETTING, Kind.READ]),
        ('SELECT "a;b", [c;d], `e;f` -- ;\n;VACUUM', [Kind.READ, Kind.MAINTENANCE]),
        ("SELECT 'never closed; DELETE FROM t;", [Kind.READ]),
    ],
)
def test_a_script_is_told_statement_by_statement(script: str, kinds: list[Kind]) -> None:
    assert list(kinds_of_script(script)) == kinds


def test_a_script_that_creates_a_trigger_writes() -> None:
    script = """
        SELECT 1;
        CREATE TRIGGER log AFTER INSERT ON t WHEN new.a > 0 BEGIN
            SELECT 1;
            UPDATE t SET a = CASE WHEN a > 1 THEN 1 ELSE 0 END;
        END;
    """
    assert Kind.WRITE in kinds_of_script(script)
