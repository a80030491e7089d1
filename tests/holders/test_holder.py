"""The one description of a holder."""

import json
import pickle

import pytest

from hardlite.call_sites import CallSite
from hardlite.turns.holder import Holder, printable

SITE = CallSite("/app/orders.py", 12, "save")
WHOLE = Holder(
    pid=12,
    thread="thread 'x'",
    held=0.3,
    site=SITE,
    label="orders",
    command="python worker.py",
    user="ann",
    state="sleeping",
)


@pytest.mark.parametrize(
    ("holder", "told"),
    [
        (
            Holder(pid=12, thread="thread 'x'", held=0.3, site=SITE),
            "thread 'x' of process 12 for 0.300 s, begun at /app/orders.py:12 in save",
        ),
        (
            WHOLE,
            (
                "thread 'x' of process 12 (python worker.py, user ann) for 0.300 s, "
                "begun at /app/orders.py:12 in save, working on 'orders'"
            ),
        ),
        (Holder(pid=12, user="ann"), "process 12 (user ann)"),
        (Holder(pid=None), "a process that cannot be seen from here"),
    ],
)
def test_it_is_told_in_one_line_as_far_as_it_is_known(holder: Holder, told: str) -> None:
    assert str(holder) == told


@pytest.mark.parametrize("state", ["stopped", "stopped by a debugger"])
def test_a_stopped_process_is_told_loudly_with_what_to_do(state: str) -> None:
    holder = Holder(pid=12, state=state)

    assert holder.stopped
    assert f"THIS PROCESS IS {state.upper()}" in str(holder)
    assert "kill -CONT 12" in str(holder)
    assert not WHOLE.stopped


def test_a_long_command_is_cut_where_it_is_shown_and_kept_where_it_is_not() -> None:
    holder = Holder(pid=12, command="python " + "x" * 100)

    assert holder.short_command() == "python " + "x" * 50 + "..."
    assert holder.short_command() in str(holder)
    assert holder.to_dict()["command"] == holder.command


def test_what_others_chose_cannot_reach_a_terminal_as_a_control_sequence() -> None:
    holder = Holder(
        pid=12,
        thread="thread 'a\nb'",
        site=CallSite("/app/\x1b[31m.py", 1, "f\udcff"),
        label="\x1b[2J",
        command="\x1b]0;title\x07",
    )

    assert str(holder).isprintable()
    assert printable("a\tb\u202e") == "a?b?"


def test_plain_values_are_json() -> None:
    plain = WHOLE.to_dict()

    assert json.loads(json.dumps(plain)) == plain
    assert plain["site"] == {"file": "/app/orders.py", "line": 12, "function": "save"}
    assert Holder(pid=1).to_dict()["site"] is None


def test_it_goes_through_pickle_with_the_errors_that_carry_it() -> None:
    assert pickle.loads(pickle.dumps(WHOLE)) == WHOLE  # noqa: S301 - our own
