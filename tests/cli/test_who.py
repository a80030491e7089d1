"""`hardlite who`."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import text

from hardlite.cli.exit_codes import ExitCode
from hardlite.cli.who_command import run_who
from tests.fixtures.databases import EngineFactory
from tests.fixtures.lock_keepers import GATE, keeper, needs_proc

pytestmark = needs_proc

Command = Callable[..., Any]

WRITES = """
c = connect("wal")
c.execute("CREATE TABLE IF NOT EXISTS note (words TEXT)")
c.execute("BEGIN IMMEDIATE")
"""
HAS_ALL = GATE + WRITES + "gate = lock('-gate'); note(gate); hold()"


class Looks:
    """A clock that ends a watch after some looks, as Ctrl-C does."""

    def __init__(self, number: int, then: Callable[[], None] = lambda: None) -> None:
        self._left = number
        self._then = then

    def now(self) -> float:
        return 0.0

    def wall(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        assert seconds == 1
        self._then()
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=200, color_system=None)


def paper() -> Console:
    return Console(file=io.StringIO(), force_terminal=False, width=20)


def shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_it_says_who_has_the_turn_and_the_lock_in_another_process(
    run_process: Command, db_path: Path
) -> None:
    with keeper(db_path, HAS_ALL) as child:
        busy = run_process("who", db_path)
        by_url = run_process("who", f"sqlite:///{db_path}?plugin=hardlite")
    free = run_process("who", db_path)

    assert (busy.code, by_url.code, free.code) == (1, 1, 0)
    path, turn, writer = busy.out.splitlines()
    assert path == f"{db_path}:"
    assert turn.startswith(f"turn: thread 'w' of process {child.pid} (")
    assert turn.endswith("begun at app.py:7 in save, working on 'orders'")
    assert writer.startswith(f"write lock: process {child.pid} (")
    assert free.out == f"{db_path}: nobody holds a lock.\n"
    assert (busy.err, free.err) == ("", "")


def test_it_works_in_the_process_that_writes(
    hardlite: Command, make_engine: EngineFactory, db_path: Path
) -> None:
    with make_engine().begin() as connection:
        connection.execute(text("CREATE TABLE note (words TEXT)"))
        ran = hardlite("who", db_path)

    assert ran.code == 1
    assert "turn: thread 'MainThread' of process" in ran.out


def test_json_is_one_object_with_all_of_it(hardlite: Command, db_path: Path) -> None:
    with keeper(db_path, HAS_ALL) as child:
        told = json.loads(hardlite("who", db_path, "--json").out)

    assert told["schema"] == "hardlite.holders/1"
    assert told["path"] == str(db_path)
    assert told["turn"]["site"] == {"file": "app.py", "line": 7, "function": "save"}
    assert told["writer"]["pid"] == child.pid
    assert (told["next_in_line"], told["checkpointer"]) == (None, None)
    assert (told["queue"], told["readers"], told["notes"]) == ([], [], [])


def test_a_terminal_gets_a_table(db_path: Path) -> None:
    console = terminal()

    with keeper(db_path, HAS_ALL) as child:
        code = run_who(str(db_path), watch=False, as_json=False, out=console, clock=Looks(0))

    assert code is ExitCode.SOMEBODY_HOLDS
    lines = [line.split() for line in shown(console).splitlines() if str(child.pid) in line]
    assert [line[0] for line in lines] == ["turn", "write"]
    assert "thread 'w', orders, app.py:7 in save" in shown(console)


def test_a_stopped_holder_stands_out_in_the_table(db_path: Path) -> None:
    console = Console(
        file=io.StringIO(), force_terminal=True, width=200, color_system="standard", no_color=False
    )

    with keeper(db_path, WRITES + "hold()") as child:
        child.stop()
        run_who(str(db_path), watch=False, as_json=False, out=console, clock=Looks(0))
        child.go_on()

    assert "\x1b[1;31mstopped" in shown(console)


def test_watching_looks_again_until_an_interrupt(db_path: Path) -> None:
    console = paper()
    db_path.touch()

    with keeper(db_path, HAS_ALL) as child:
        code = run_who(
            str(db_path), watch=True, as_json=True, out=console, clock=Looks(3, child.end)
        )

    first, *rest = [json.loads(line) for line in shown(console).splitlines()]
    assert first["turn"]["pid"] == child.pid
    assert [look["turn"] for look in rest] == [None, None]
    assert code is ExitCode.DONE


def test_watching_on_a_terminal_draws_the_table_anew(db_path: Path) -> None:
    console = terminal()

    with keeper(db_path, HAS_ALL) as child:
        code = run_who(
            str(db_path), watch=True, as_json=False, out=console, clock=Looks(2, child.end)
        )

    assert code is ExitCode.DONE
    assert str(child.pid) in shown(console)
    assert f"{db_path}: nobody holds a lock." in shown(console)


def test_a_holder_that_is_not_seen_is_a_line_of_its_own(db_path: Path) -> None:
    """Nothing that is unknown is left looking as if there were nobody."""
    from hardlite.cli.who_view import who_view
    from hardlite.lock_holders import LockHolders
    from hardlite.turns.holder import Holder

    console = terminal()
    console.print(
        who_view(LockHolders(path=str(db_path), turn=Holder(pid=None), notes=("look elsewhere",)))
    )

    assert "not seen" in shown(console)
    assert "note: look elsewhere" in shown(console)


@pytest.mark.parametrize("target", ["{}/none.db", "{}", ":memory:", "postgresql://host/app"])
def test_what_is_no_database_file_is_misuse(hardlite: Command, tmp_path: Path, target: str) -> None:
    ran = hardlite("who", target.format(tmp_path))

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("hardlite: ")
    assert ran.err.count("\n") == 1


def test_a_path_that_cannot_be_followed_could_not_be_looked_at(
    hardlite: Command, tmp_path: Path
) -> None:
    loop = tmp_path / "app.db"
    loop.symlink_to(loop)

    assert hardlite("who", loop).code == 3
