"""Cases of single rules: what they find, and what they leave alone."""

import textwrap
from pathlib import Path

import pytest

from hardlite.audit import audit

START = """\
import sqlite3, threading, time, requests, asyncio
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker, scoped_session
con = sqlite3.connect("app.db")
cursor = con.cursor()
shared = scoped_session(sessionmaker(create_engine("sqlite:///app.db")))
def report(error): pass
"""

FINDS = [
    # A broad handler around a call of a function of ours, an attribute of an error of SQLAlchemy.
    ("HL7A", "def read(): con.commit()\ndef f():\n  x = 1\n  try: y = read()\n  except: print(x)"),
    (
        "HL7A",
        "def f():\n  x = 1\n  try: con.execute('SELECT 1')\n  except (OSError, Exception): raise KeyError(x)",
    ),
    (
        "HL7A",
        "def f():\n  x = 1\n  while x:\n    try: con.commit()\n    except Exception as e: print(e); continue",
    ),
    (
        "HL7A",
        "def f():\n  x = 1\n  try: con.commit()\n  except Exception as e: print(str(e)); return {'code': 200}",
    ),
    (
        "HL7A",
        "def harmless(): pass\ndef f():\n  try: harmless(); con.commit()\n  except Exception: print()",
    ),
    # What stays behind after an error.
    (
        "HL7B",
        "def f():\n  with con:\n    try:\n      con.execute('DELETE FROM t')\n      con.executemany('INSERT INTO t', [])\n    except sqlite3.Error: pass",
    ),
    (
        "HL7B",
        "def f(rows):\n  for row in rows:\n    try: shared.commit()\n    except Exception: print(row)",
    ),
    ("HL7B", "def f():\n  try: shared.commit()\n  except Exception: raise"),
    ("HL7B", "def f():\n  try: shared.commit()\n  except Exception: shared.add(1)"),
    (
        "HL7B",
        "class A:\n  def save(self): shared.commit()\n  def f(self):\n    try: self.save()\n    except Exception: shared.add(1)",
    ),
    (
        "HL7B",
        "def save_session(): shared.commit()\nclass A:\n  def f(self):\n    try: self.session.save()\n    except Exception: shared.add(1)\n  session = None\n  def g(self):\n    try: shared.registry(); shared.commit()\n    except Exception: shared.add(2)",
    ),
    (
        "HL7B",
        "def f(x):\n  con.execute('DELETE FROM t')\n  if x:\n    con.execute('DELETE FROM t')\n  con.commit()",
    ),
    (
        "HL7B",
        "def f(rows):\n  for row in rows:\n    con.execute('DELETE FROM t')\n    con.execute('DELETE FROM u')\n  con.commit()",
    ),
    # Connections that stay open.
    (
        "HL2C",
        "def opened(): return sqlite3.connect('x.db')\ndef f():\n  with opened() as c: c.commit()",
    ),
    (
        "HL2C",
        "def f():\n  c = sqlite3.connect('x.db')\n  use(c)\n  c.close()\n  d = sqlite3.connect('x.db')\n  d.close()",
    ),
    # Slow work with the lock held.
    (
        "HL3B",
        "def f(rows):\n  for row in rows:\n    open('x')\n    con.execute('DELETE FROM t')\n  con.commit()",
    ),
    (
        "HL3B",
        "def f(x):\n  try:\n    con.execute('DELETE FROM t')\n  except OSError: raise\n  finally:\n    time.sleep(1)\n  con.commit()",
    ),
    (
        "HL3B",
        "def f(x):\n  with x: con.execute('DELETE FROM t')\n  def g(): pass\n  time.sleep(1)\n  con.commit()",
    ),
    (
        "HL3B",
        "def slow(): time.sleep(1)\ndef f(x):\n  if x: con.execute('DELETE FROM t')\n  slow()\n  con.commit()",
    ),
    ("HL3B", "def f():\n  shared.flush()\n  subprocess_ = requests.get('x')\n  shared.commit()"),
    # Timeouts.
    ("HL3A", "def f():\n  sqlite3.connect('app.db', timeout=0.1)"),
    ("HL3A", "def f():\n  con.execute('PRAGMA busy_timeout=100')"),
    # Commits that are not safe.
    ("HL1D", "con.execute('PRAGMA synchronous=OFF')"),
    ("HL1D", "def f(): con.execute('pragma synchronous = 0')"),
    ("HL1D", "def f(): con.executescript('PRAGMA journal_mode=WAL; PRAGMA synchronous(off);')"),
    ("HL1D", "SAFE = 'PRAGMA main.synchronous=OFF'\ndef f(): con.execute(SAFE)"),
    ("HL1D", "def f(size): con.execute(f'PRAGMA cache_size={size}; PRAGMA synchronous = OFF')"),
    # Commits in loops.
    (
        "HLS3",
        "def f(rows):\n  for row in rows:\n    con.execute('DELETE FROM t')\n    con.commit()\n    con.commit()",
    ),
    # Readers.
    (
        "HL3E",
        "import aiosqlite\nasync def f():\n  c = await aiosqlite.connect('x.db')\n  async for row in await c.execute('SELECT 1'): yield row",
    ),
    # Background work.
    (
        "HL5D",
        "from fastapi import FastAPI, BackgroundTasks\napp = FastAPI()\ndef work(): con.commit()\n@app.get('/x')\ndef f(tasks: BackgroundTasks):\n  tasks.add_task(work)",
    ),
    (
        "HL5D",
        "from fastapi import FastAPI\napp = FastAPI()\nasync def work(): con.commit()\n@app.get('/x')\nasync def f():\n  asyncio.create_task(work())\n  asyncio.create_task()",
    ),
    (
        "HL4C",
        "def f(file):\n  file.flush()\n  con.execute('INSERT INTO t VALUES (1)')\n  con.commit()",
    ),
    ("HLS4", "KEYS = 'REFERENCES users'"),
    ("HLS7", "import shutil\nNAME = 'app.db'\ndef f(): shutil.copy(NAME, 'y')"),
]

LEAVES = [
    ("HL7A", "def f():\n  try: con.commit()\n  except Exception as e: return e"),
    ("HL7A", "def f():\n  try: con.commit()\n  except Exception as e: return 'x', 500"),
    ("HL7A", "def f():\n  try: con.commit()\n  except Exception as e: report(e)"),
    ("HL7A", "def f():\n  try: con.commit()\n  except Exception: time.sleep(1)"),
    ("HL7A", "def f():\n  try: con.commit()\n  except Exception: pause = 5"),
    ("HL7A", "def f():\n  try: con.commit()\n  except Exception as e: x.error = e"),
    ("HL7A", "def f():\n  try: con.commit()\n  except Exception: con.execute('SELECT 1')"),
    (
        "HL7A",
        "def f():\n  for attempt in range(3):\n    try: con.commit()\n    except Exception as e: print(e); continue",
    ),
    ("HL7A", "def read(): con.commit()\ndef f():\n  try: read()\n  except Exception: print()"),
    (
        "HL7A",
        "def f():\n  m = sqlite3.connect(':memory:')\n  try: x = m.execute('SELECT 1')\n  except Exception: pass",
    ),
    (
        "HL7A",
        "def f():\n  try: int('1')\n  except Exception: pass\n  try: con.commit()\n  except ValueError: pass",
    ),
    ("HL7B", "def f():\n  try: shared.commit()\n  except Exception: shared.rollback(); raise"),
    ("HL7B", "def f(s: scoped_session):\n  try: s.commit()\n  except Exception: raise"),
    ("HL7B", "def f():\n  s = sessionmaker()()\n  try: s.commit()\n  except Exception: raise"),
    ("HL7B", "def f():\n  try: shared.commit()\n  except Exception: print()"),
    (
        "HL7B",
        "def g(): shared.commit()\ndef f():\n  try: shared.x.g(); g()\n  except Exception: print()",
    ),
    (
        "HL7B",
        "class A:\n  def save(self): shared.commit()\n  def f(self):\n    try: self.save()\n    except Exception: print()",
    ),
    (
        "HL7B",
        "class A:\n  def save(self): shared.commit()\ndef f():\n  a = A()\n  try: a.save()\n  except Exception: shared.add(1)",
    ),
    ("HL3A", "def f(): con.execute('PRAGMA busy_timeout=9000')"),
    ("HL7B", "def f():\n  try: shared.commit()\n  except ValueError: print()"),
    (
        "HL7B",
        "def f():\n  with con:\n    try: con.execute('DELETE FROM t')\n    except sqlite3.Error: pass",
    ),
    (
        "HL7B",
        "def f():\n  with open('x'):\n    try: con.execute('DELETE FROM t'); con.execute('DELETE FROM t')\n    except sqlite3.Error: pass\n    con.rollback()",
    ),
    (
        "HL7B",
        "def f(x):\n  if x: con.execute('DELETE FROM t')\n  else: con.execute('DELETE FROM u')\n  con.commit()",
    ),
    (
        "HL7B",
        "def f():\n  con.execute('DELETE FROM t')\n  con.commit()\n  con.execute('DELETE FROM t')\n  con.commit()",
    ),
    (
        "HL7B",
        "def f():\n  c = sqlite3.connect('x.db')\n  c.execute('DELETE FROM t')\n  c.execute('DELETE FROM t')\n  (a or b).execute('x')",
    ),
    ("HL2C", "def f():\n  c = sqlite3.connect('x.db')\n  return c"),
    ("HL2C", "def f():\n  c = sqlite3.connect('x.db')\n  return Store(c, k=c)"),
    ("HL2C", "def f(self):\n  c = sqlite3.connect('x.db')\n  self.c = c"),
    ("HL2C", "def f():\n  global c\n  c = sqlite3.connect('x.db')\n  c.close()"),
    (
        "HL2C",
        "from contextlib import closing\ndef f():\n  c = sqlite3.connect('x.db')\n  with closing(c): c.commit()",
    ),
    ("HL2C", "def f(kept):\n  c = sqlite3.connect('x.db')\n  kept.append(c)"),
    (
        "HL2C",
        "def f(kept):\n  kept.c = sqlite3.connect('x.db')\n  sqlite3.connect('x.db').commit()",
    ),
    ("HL3B", "def f():\n  con.execute('DELETE FROM t')\n  con.rollback()\n  time.sleep(1)"),
    (
        "HL3B",
        "def f(x):\n  while x:\n    con.execute('SELECT 1')\n    time.sleep(1)\n  if x:\n    con.execute('DELETE FROM t')\n    return\n  time.sleep(1)",
    ),
    (
        "HL3B",
        "def f(x):\n  with con: con.execute('DELETE FROM t')\n  time.sleep(1)\n  con.execute('COMMIT')\n  con.execute('ROLLBACK')",
    ),
    ("HL1D", "con.execute('PRAGMA synchronous=NORMAL')"),
    ("HL1D", "con.execute('PRAGMA synchronous=1')"),
    ("HL1D", "con.execute('PRAGMA synchronous')"),
    ("HL1D", "con.execute('PRAGMA foreign_keys=OFF; PRAGMA synchronous=FULL')"),
    ("HL1D", "TEXT = 'the sqlite docs say synchronous=OFF'"),
    ("HL1D", "def f():\n  'PRAGMA synchronous=OFF is not what this does.'"),
    ("HLS3", "def f():\n  for attempt in range(3): con.commit()"),
    ("HLS3", "def f(migrations):\n  for m in migrations: con.commit()"),
    ("HLS3", "def f(rows):\n  for row in rows:\n    requests.get(row)\n    con.commit()"),
    (
        "HLS3",
        "def f(files):\n  for file in files:\n    with sqlite3.connect(file) as c: c.commit()",
    ),
    ("HLS3", "def f(x):\n  while x: con.commit()"),
    ("HL3E", "def f():\n  for row in con.execute('SELECT 1'): print(row)\n  for x in []: pass"),
    (
        "HL5B",
        "import aiosqlite\nasync def connect():\n  async with aiosqlite.connect('x.db'): pass\nasync def f():\n  async with lock: pass",
    ),
    ("HL5D", "def f(): threading.Thread(target=print).start()"),
    (
        "HL5D",
        "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/x')\ndef f(): threading.Thread(target=print).start()",
    ),
    ("HL4A", "def f():\n  con.commit()\n  open('x', mode='w')\n  open('y')"),
    (
        "HL4C",
        "def f():\n  open('x', 'a')\n  con.execute('SELECT 1')\n  open('y', encoding='utf-8')",
    ),
    ("HL6B", "from flask import Flask\napp = Flask('x')\n@app.get('/x')\ndef status(): return 1"),
    ("HLS5", "from alembic import context\ncontext.configure(**{})"),
    ("HL7C", "import os\ndef f(p):\n  for s in ('', '-wal'): os.unlink(p + s)"),
    ("HLS7", "import shutil\ndef f(x): shutil.copy('notes.txt', 'y'); shutil.copy(x, 'y')"),
    (
        "HL3C",
        "class S:\n  def __init__(self): self.c = sqlite3.connect('x.db', isolation_level=None)\n  def f(self): self.c.execute('INSERT INTO t VALUES (1)')",
    ),
    ("HL1B", "def f(): con.execute('PRAGMA journal_mode=WAL')"),
]


def rules_in(code: str, folder: Path) -> set[str]:
    (folder / "app.py").write_text(START + textwrap.dedent(code) + "\n", encoding="utf-8")
    return {finding.rule for finding in audit([folder]).findings}


@pytest.mark.parametrize(("rule", "code"), FINDS)
def test_a_rule_finds(rule: str, code: str, tmp_path: Path) -> None:
    assert rule in rules_in(code, tmp_path)


@pytest.mark.parametrize(("rule", "code"), LEAVES)
def test_a_rule_leaves_alone(rule: str, code: str, tmp_path: Path) -> None:
    assert rule not in rules_in(code, tmp_path)
