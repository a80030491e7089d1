"""Engines and session factories: made once, or again and again."""

from pathlib import Path

import pytest

from hardlite.audit import audit

START = """\
import functools
from fastapi import Depends, FastAPI
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import sessionmaker
import sqlalchemy.orm as orm
URL = "sqlite:///app.db"
app = FastAPI()
shared = create_engine(URL)
cached = None
"""

ROUTE = "@app.get('/')\ndef f():\n"

AGAIN = {
    "a route": f"{ROUTE}  made = {{make}}\n  return made",
    "a route that uses it at once": f"{ROUTE}  return {{make}}",
    "a function that a route calls": f"def g():\n  return {{make}}\n{ROUTE}  return g()",
    "a function that a coroutine of a route calls": (
        "def g():\n  return {make}\n@app.post('/')\nasync def f():\n  return g()"
    ),
    "a route beside other dependencies": (
        f"Depends()\nDepends(dict)\nDepends(3)\n{ROUTE}  return {{make}}"
    ),
    "a function that calls itself": (
        f"def g(n):\n  g(n - 1)\n  return {{make}}\n{ROUTE}  return g(3)"
    ),
    "a dependency": "def g():\n  yield {make}\n@app.get('/')\ndef f(g=Depends(g)): pass",
    "a dependency of a class": "def g():\n  yield {make}\nclass A:\n  x = Depends(g)",
    "a loop": "def f(names):\n  for name in names:\n    made = {make}",
    "a loop that waits": "def f():\n  while True:\n    use({make})",
    "a name of its own in a typed assignment": f"{ROUTE}  made: object = {{make}}",
    "something else is kept": f"{ROUTE}  made = {{make}}\n  app.x = 1\n  app.y = app",
}

ONCE = {
    "a module": "made = {make}",
    "a function that nobody is seen to call": "def f(): return {make}",
    "a function that the module calls": "def f(): return {make}\nmade = f()",
    "start-up": "def init_db(): return {make}\n@app.get('/')\ndef f(): init_db()",
    "a constructor": "class A:\n  def __init__(self): self.x = {make}\n@app.get('/')\ndef f(): A()",
    "a cached function": f"@functools.cache\ndef g(): return {{make}}\n{ROUTE}  return g()",
    "a global name": f"{ROUTE}  global cached\n  cached = cached or {{make}}",
    "a name of the function around": (
        "def outer():\n  x = None\n  @app.get('/')\n  def f():\n    nonlocal x\n    x = {make}"
    ),
    "an attribute": f"{ROUTE}  app.state.made = {{make}}",
    "an attribute later": f"{ROUTE}  made = {{make}}\n  app.state.made = made",
    "a key": f"{ROUTE}  if (made := KEPT.get(1)) is None:\n    KEPT[1] = {{make}}",
    "a typed attribute": f"{ROUTE}  app.made: object = {{make}}",
    "another call": f"{ROUTE}  return dict()",
}

CASES = [("HLS6", "create_engine(URL)"), ("HLS1", "sessionmaker(shared)")]
OTHERS = [
    ("HLS6", "create_async_engine(URL)"),
    ("HLS6", "hardlite.create_hardened_engine(URL)"),
    ("HLS1", "orm.scoped_session(shared)"),
    ("HLS1", "async_sessionmaker(shared)"),
]


def found(code: str, folder: Path, name: str = "app.py") -> list[str]:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{START}{code}\n", encoding="utf-8")
    return [finding.rule for finding in audit([folder], select=["S1", "S6"]).findings]


@pytest.mark.parametrize(("rule", "make"), CASES)
@pytest.mark.parametrize("where", AGAIN)
def test_what_is_made_again_and_again_is_found(
    where: str, rule: str, make: str, tmp_path: Path
) -> None:
    assert found(AGAIN[where].format(make=make), tmp_path) == [rule]


@pytest.mark.parametrize(("rule", "make"), CASES)
@pytest.mark.parametrize("where", ONCE)
def test_what_is_made_once_is_fine(where: str, rule: str, make: str, tmp_path: Path) -> None:
    assert rule not in found(ONCE[where].format(make=make), tmp_path)


@pytest.mark.parametrize(("rule", "make"), OTHERS)
def test_all_makers_are_known(rule: str, make: str, tmp_path: Path) -> None:
    assert found(f"import hardlite\n{ROUTE}  return {make}", tmp_path) == [rule]


@pytest.mark.parametrize("url", ["postgresql://x/y", "sqlite://", "sqlite:///:memory:"])
def test_an_engine_of_another_database_is_none_of_ours(url: str, tmp_path: Path) -> None:
    assert not found(f"{ROUTE}  return create_engine({url!r})", tmp_path)


def test_without_sqlite_in_the_program_there_is_nothing_to_say(tmp_path: Path) -> None:
    code = f"{START}{ROUTE}  return sessionmaker(create_engine(URL))"
    (tmp_path / "app.py").write_text(code.replace("sqlite", "mysql"), encoding="utf-8")

    assert not audit([tmp_path], select=["S"]).findings


def test_a_script_may_make_what_it_likes(tmp_path: Path) -> None:
    assert not found(f"{ROUTE}  return create_engine(URL)", tmp_path, "scripts/load.py")
