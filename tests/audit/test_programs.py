"""What rules need the whole program for: names, types, sessions, and roles across files."""

import gc
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from hardlite.audit import Finding, Severity, audit
from hardlite.audit.scoring import plan_of

Audit = Callable[..., set[tuple[str, str, int]]]

SESSION = """
    from sqlalchemy import create_engine
    from sqlalchemy.orm import sessionmaker, scoped_session
    engine = create_engine("sqlite:///app.db")
    Session = sessionmaker(engine)
    shared = scoped_session(Session)
    def get_db():
        with Session() as session:
            yield session
"""


@pytest.fixture
def found(tmp_path: Path) -> Audit:
    """Audit files; return rule, file and line of what is above MONITOR or of one rule."""

    def found(rule: str = "", **files: str) -> set[tuple[str, str, int]]:
        for name, code in files.items():
            path = (
                tmp_path
                / f"{name.replace('PKG_', 'pkg/').removesuffix('_sql')}{'.sql' if name.endswith('_sql') else '.py'}"
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(code), encoding="utf-8")
        return {
            (finding.rule, finding.path, finding.line)
            for finding in audit([tmp_path]).findings
            if finding.rule == rule or (not rule and finding.severity > Severity.MONITOR)
        }

    return found


SAVES = "from db import shared\ndef save(): shared.commit()\n"

BLOCKS = {
    "an annotated session": """
        from db import Session
        from sqlalchemy.orm import Session as S
        from typing import Annotated, Optional
        async def f(s: Optional[S], t: "S | None" = None, u: "1 +" = None, *, v: list[int] = ()):
            s.flush()
    """,
    "a dependency": """
        from fastapi import Depends
        from db import get_db
        async def f(db=Depends(get_db)):
            return db.query(1).filter(2).first()
    """,
    "an alias of a dependency": """
        from typing import Annotated
        from fastapi import Depends
        from sqlalchemy.orm import Session
        Db = Annotated[Session, Depends(object)]
        async def f(db: Db):
            db.get(int, 1)
    """,
    "a property of a class": """
        import sqlite3
        class Base:
            def __init__(self):
                self.made: sqlite3.Connection | None = None
            @property
            def con(self):
                return self.made
        class Store(Base):
            pass
        store = Store()
        async def f():
            store.con.execute("DELETE FROM t")
    """,
    "a constructor that reads": """
        from db import shared
        class Reader:
            def __init__(self):
                shared.execute("SELECT 1")
        async def f():
            Reader()
    """,
    "a callable object that is entered": """
        import sqlite3
        class Opener:
            def __call__(self):
                return self
            def __enter__(self):
                return sqlite3.connect("a.db")
        async def f():
            with Opener()() as con:
                con.commit()
    """,
    "a generator that is entered": """
        from db import get_db
        async def f():
            for db in get_db():
                db.commit()
    """,
    "what a caller hands in": """
        import sqlite3
        con = sqlite3.connect("a.db")
        def work(c, *, k=None):
            c.rollback()
            c.executescript("SELECT 1")
            k.fetchall()
        async def f():
            work(con, k=con.cursor())
    """,
    "a package that is imported whole": """
        import db, db as other
        async def f():
            db.shared.scalars("SELECT 1")
            other.shared.add(1)
    """,
    "a model with a query": """
        from flask_sqlalchemy import SQLAlchemy
        flask_db = SQLAlchemy()
        class User(flask_db.Model):
            pass
        async def f():
            User.query.filter_by(a=1).delete()
    """,
    "pandas on a connection kept elsewhere": """
        import pandas, sqlite3
        from flask import g
        def get():
            g.con = sqlite3.connect("a.db")
            return g.con
        async def f():
            pandas.read_sql("SELECT 1", get().execute("SELECT 1"))
    """,
    "a context manager of its own": """
        import sqlite3
        from contextlib import contextmanager
        @contextmanager
        def opened(*rest):
            yield sqlite3.connect("a.db")
        async def f():
            with opened(f) as con:
                for row in con.cursor():
                    row.fetchone()
    """,
    "a submodule, and calls that go round in circles": """
        import pkg
        def a():
            b()
        def b():
            a()
            pkg.mod.save()
        async def f():
            a()
    """,
    "a choice of connections": """
        import sqlite3
        one = sqlite3.connect("a.db")
        two = None
        async def f(flag):
            a, b = one, two
            c = a if flag else b
            if (d := c or b):
                d.backup(b)
    """,
    "a method of another class, in a dotted path": """
        import sqlite3
        class Inner:
            class Deep:
                pass
            con = sqlite3.connect("a.db")
        class Outer(Inner):
            def g(self):
                return Outer.con.execute("SELECT 1")
        async def f():
            Outer().g()
    """,
}


@pytest.mark.parametrize("code", BLOCKS.values(), ids=BLOCKS)
def test_a_blocking_call_is_found_through(code: str, found: Audit) -> None:
    assert {"f"} == {
        code.splitlines()[line - 1].split("def ")[1][0]
        for code in [textwrap.dedent(code)]
        for _, path, line in found("HL5A", db=SESSION, app=code, PKG___init__="", PKG_mod=SAVES)
        if path == "app.py"
    }


LETS_LOOP_GO_ON = {
    "a driver that is awaited": """
        import aiosqlite
        async def f():
            con = await aiosqlite.connect("a.db")
            cursor = await con.execute("SELECT 1")
            await cursor.fetchall()
            await later
    """,
    "a function handed to a thread": """
        import asyncio
        from db import shared
        async def f():
            await asyncio.to_thread(lambda: shared.commit())
    """,
    "a session of its own kind": """
        from sqlalchemy.ext.asyncio import AsyncSession
        async def f(s: AsyncSession):
            await s.execute("SELECT 1")
    """,
    "a start-up hook": """
        from db import shared
        async def startup():
            shared.commit()
    """,
    "a branch for when there is no executor": """
        from db import shared
        class A:
            async def f(self):
                if self.executor is None:
                    shared.commit()
                else:
                    self.executor.submit(shared.commit)
    """,
    "names that lead nowhere": """
        from nowhere import *
        from .. import above
        from . import sibling
        import os.path as p
        def loop():
            return loop()
        self.x = 1
        self.y = "a text"
        "a text"
        os()()
        import pkg
        pkg().commit()
        for each in A(): each.commit()
        (lambda: 0)()()
        class A(A):
            def m(self):
                return self.none[0].m
            def m(self):
                return A().missing
        async def f(a, b):
            a.execute("SELECT 1")
            b[0].commit()
            (x, y) = z = f
            loop().commit()
            A().m().commit()
            os.walk("").commit()
            sibling.commit()
            f.g.commit()
            [1][0].commit()
            with open("a") as (c, d): pass
            a.b.c = 1
            async for i in a: yield i
            yield from b
    """,
}


@pytest.mark.parametrize("code", LETS_LOOP_GO_ON.values(), ids=LETS_LOOP_GO_ON)
def test_the_event_loop_is_not_blocked_by(code: str, found: Audit) -> None:
    assert not found("HL5A", db=SESSION, PKG___init__="", PKG_app=code, app=code)


def test_the_wrapper_of_a_decorator_says_what_its_functions_are_given(found: Audit) -> None:
    code = """
        import sqlite3
        def query(func):
            def wrapper(*args):
                return func(sqlite3.connect("a.db"), *args)
            return wrapper
        @query
        async def f(con):
            con.commit()
    """

    assert ("HL5A", "app.py", 8) in found("HL5A", app=code)


NO_DATABASE_OF_OURS = {
    "memory": 'import sqlite3, threading\nc = sqlite3.connect(":memory:")\n',
    "a URL of another kind": """
        import threading
        from sqlalchemy import create_engine
        e = create_engine("postgresql://host/name")
    """,
    "a URL that is not known": """
        import os, threading
        from sqlalchemy import create_engine
        e = create_engine(os.environ["URL"])
    """,
    "a file opened to read": """
        import sqlite3, threading
        c = sqlite3.connect("file:app.db?mode=ro", uri=True)
    """,
    "one for the backup API": """
        import sqlite3, threading
        def f():
            sqlite3.connect("a.db").backup(sqlite3.connect("b.db"))
    """,
    "one for callers": "import sqlite3, threading\ndef f(p, **o): return sqlite3.connect(p, **o)\n",
    "a tool": None,
}


@pytest.mark.parametrize("code", NO_DATABASE_OF_OURS.values(), ids=NO_DATABASE_OF_OURS)
def test_wal_is_not_asked_for_of(code: str | None, found: Audit) -> None:
    name = "app" if code else "manage"

    assert not found("HL1A", **{name: code or "import sqlite3\nc = sqlite3.connect('a.db')\n"})


SETS_WAL = {
    "a script of SQL": {
        "app": """
            import sqlite3, threading
            def f():
                sqlite3.connect("a.db").executescript(open("schema.sql").read())
        """,
        "schema_sql": "PRAGMA journal_mode=WAL;",
    },
    "a helper that is given the connection": {
        "app": """
            import sqlite3, threading
            from helper import tune
            NAME = "a.db"
            class Settings:
                path: str = "a.db"
                url = path
            def f(name=NAME):
                c = sqlite3.connect(name)
                tune(c)
        """,
        "helper": """
            def tune(c):
                mode = "WAL"
                c.execute(f"PRAGMA journal_mode = {mode}")
        """,
    },
    "a listener": {
        "app": """
            import threading
            from sqlalchemy import create_engine, event
            from sqlalchemy.engine import Engine
            class Settings:
                url = "sqlite:///a.db"
                def __init__(self):
                    self.other = Settings.url
            settings = Settings()
            e = create_engine(settings.url, connect_args={"timeout": 5})
            f = create_engine(f"{settings.other}")
        """,
        "hooks": """
            from sqlalchemy import event
            from sqlalchemy.engine import Engine
            @event.listens_for(Engine, "connect")
            def tune(c, record):
                c.execute("PRAGMA journal_mode=WAL")
        """,
    },
    "another place that opens the same file": {
        "app": """
            import sqlite3, threading
            from paths import database
            def f():
                path = database()
                return sqlite3.connect(str(path))
        """,
        "paths": "def database(): return 1\n",
        "other": """
            import sqlite3
            from paths import database
            def g():
                path = database()
                c = sqlite3.connect(path)
                c.execute("PRAGMA journal_mode=WAL")
        """,
    },
}


@pytest.mark.parametrize("files", SETS_WAL.values(), ids=SETS_WAL)
def test_wal_is_set_by(files: dict[str, str], found: Audit) -> None:
    assert not found("HL1A", **files)


def test_a_path_from_another_file_is_known(found: Audit) -> None:
    settings = 'import os\nURL = os.getenv("URL", "sqlite:///a.db")\nROOT = "a" + "/b"\n'
    code = """
        import threading
        import settings
        from settings import URL
        from sqlalchemy import create_engine
        name = unknown
        a = create_engine(URL)
        b = create_engine(settings.URL)
        c = create_engine(url=URL)
        d = create_engine()
        e = create_engine(f"sqlite:///{name}.db")
    """

    assert {(path, line) for _, path, line in found("HL1A", settings=settings, app=code)} == {
        ("app.py", 7),
        ("app.py", 10),
        ("app.py", 11),
    }


def test_a_connection_under_a_lock_has_one_writer(found: Audit) -> None:
    code = """
        import sqlite3
        import threading
        from threading import Lock
        class Store:
            def __init__(self):
                self.lock = threading.Lock()
                self.con = sqlite3.connect("a.db")
            def save(self, row):
                self.con.execute("INSERT INTO t VALUES (1)")
                self.con.commit()
        store = Store()
        def all(rows):
            for row in rows:
                store.save(row)
    """

    assert not found(app=code, other="import sqlite3\nimport app\n")
    assert not found("HL2A", app=code)
    assert {line for _, _, line in found("HLS3", app=code)} == {15}


def test_keys_that_a_listener_does_not_turn_on_are_found_at_it(found: Audit) -> None:
    hooks = """
        from sqlalchemy import ForeignKey, event
        from sqlalchemy.engine import Engine
        class Config:
            URL = "sqlite:///a.db"
        class Post:
            author = ForeignKey("users.id")
        @event.listens_for(Engine, "connect")
        def tune(c, record):
            c.execute("PRAGMA journal_mode=WAL")
    """

    assert found("HLS4", hooks=hooks) == {("HLS4", "hooks.py", 10)}
    on = hooks.replace("journal_mode=WAL", "foreign_keys=ON")
    assert not found("HLS4", hooks=on)


def test_a_pragma_of_a_script_is_asked_of_the_program_not_of_its_tools(found: Audit) -> None:
    opens = "import sqlite3\ndef f(): return sqlite3.connect('a.db')\n"
    script = "PRAGMA foreign_keys=ON;"

    assert found("HL1C", app=opens, manage=opens, schema_sql=script) == {("HL1C", "app.py", 2)}


def test_a_file_that_is_too_deep_to_parse_is_a_finding(found: Audit) -> None:
    assert found("HLE0", deep="-" * 200_000 + "1\n") == {("HLE0", "deep.py", 1)}


def test_a_collector_that_is_off_stays_off(found: Audit) -> None:
    gc.disable()
    try:
        found(app="x = 1")
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_tests_are_not_read(found: Audit, tmp_path: Path) -> None:
    handed = "from work import save\nimport sqlite3\nsave(sqlite3.connect('a.db'))\n"
    blocks = {("HL5A", "work.py", 1)}
    found(work="async def save(con): con.commit()\n", test_work=handed)

    assert not found("HL5A")
    assert audit([tmp_path]).files == 1
    assert found("HL5A", start=handed) == blocks


@pytest.mark.parametrize(
    ("rules", "score"),
    [
        ((), 10),
        (("HL7A",), 9),
        (("HL7A", "HL7B", "HL2C", "HLS3"), 7),
        (("HL1A",), 6),
        (("HL1A", "HL7A"), 5),
        (("HL3A",), 4),
        (("HL5A",), 4),
        (("HL5A", "HL7A", "HL7B", "HL2C"), 3),
        (("HL1A", "HL5A"), 3),
        (("HL1A", "HL5A", "HL7A"), 2),
    ],
)
def test_the_score_follows_the_rubric(rules: tuple[str, ...], score: int) -> None:
    findings = [
        Finding(
            rule=rule,
            path="a.py",
            line=1,
            end_line=1,
            symbol="",
            message="",
            severity=Severity.HIGH,
        )
        for rule in rules
    ]

    assert plan_of(findings).score == score
