"""How a transaction begins: what happens before a statement runs. Deciding only, no doing."""

import dataclasses
import functools

from hardlite.connections.statements import Kind
from hardlite.errors import ReadOnlySessionError
from hardlite.profile import TransactionMode

__all__ = ["Plan", "State", "known_plan", "plan_for", "refusal", "writes"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A connection at the moment before a statement.

    Attributes:
        mode: the transaction mode in force.
        managed: hardlite begins transactions; False under AUTOCOMMIT.
        reader: the session promised not to write.
        writable: the file can be written at all.
        in_transaction: a transaction is open.
        snapshot: and it is a read transaction that hardlite began.
        writing: and it is a writing one.
    """

    mode: TransactionMode = "relaxed"
    managed: bool = True
    reader: bool = False
    writable: bool = True
    in_transaction: bool = False
    snapshot: bool = False
    writing: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a connection does before a statement; the default is nothing.

    Attributes:
        refuse: the statement must not reach the file.
        end_snapshot: end the read transaction that hardlite itself began.
        take_turn: take the turn.
        begin: the statement that begins the transaction, if one is to begin.
        upgrade: turn the open read transaction into a writing one.
    """

    refuse: bool = False
    end_snapshot: bool = False
    take_turn: bool = False
    begin: str | None = None
    upgrade: bool = False


_NOTHING = Plan()
_SNAPSHOT = Plan(begin="BEGIN")
_WRITE = Plan(take_turn=True, begin="BEGIN IMMEDIATE")

_CHANGES = {Kind.WRITE, Kind.REBUILD, Kind.INTENT}
_NEEDS_TURN = _CHANGES | {Kind.BEGIN_WRITE, Kind.MAINTENANCE}
_OUTSIDE = {Kind.BEGIN, Kind.BEGIN_WRITE, Kind.SETTING, Kind.ATTACH, Kind.MAINTENANCE}


def writes(kind: Kind) -> bool:
    """Say whether a statement of this kind needs the turn wherever it runs."""
    return kind in _NEEDS_TURN


def plan_for(kind: Kind, state: State) -> Plan:
    """Say what to do before a statement of ``kind`` on a connection in ``state``.

    >>> plan_for(Kind.WRITE, State())
    Plan(refuse=False, end_snapshot=False, take_turn=True, begin='BEGIN IMMEDIATE', upgrade=False)
    """
    if state.reader and kind in _NEEDS_TURN:
        return Plan(refuse=True)
    if kind is Kind.INTENT and not state.writable:
        kind = Kind.READ
    if kind in {Kind.READ, Kind.SAVEPOINT}:
        return _before_read(kind, state)
    if kind in _CHANGES:
        return _before_change(state)
    if kind in _OUTSIDE:
        return Plan(
            end_snapshot=state.snapshot and not state.writing,
            take_turn=kind in _NEEDS_TURN and not state.writing,
        )
    return _NOTHING


@functools.lru_cache(maxsize=4096)
def known_plan(kind: Kind, mode: TransactionMode, *facts: bool) -> Plan:
    """Return `plan_for` of a state given by its other fields in their order.

    It is asked for at every first write: to find it by plain values takes a fifth of the time
    that a `State` takes to be made and compared.
    """
    managed, reader, writable, in_transaction, snapshot, writing = facts
    state = State(
        mode=mode,
        managed=managed,
        reader=reader,
        writable=writable,
        in_transaction=in_transaction,
        snapshot=snapshot,
        writing=writing,
    )
    return plan_for(kind, state)


def _before_change(state: State) -> Plan:
    if state.writing:
        return _NOTHING
    if state.in_transaction:
        return Plan(take_turn=True, upgrade=True)
    return _WRITE if state.managed else Plan(take_turn=True)


def _before_read(kind: Kind, state: State) -> Plan:
    if state.in_transaction or not state.managed:
        return _NOTHING
    if state.mode == "snapshot" or state.reader:
        return _SNAPSHOT
    if kind is Kind.SAVEPOINT and not state.writable:
        return _SNAPSHOT
    if state.mode == "immediate" or kind is Kind.SAVEPOINT:
        # A SAVEPOINT outside of a transaction begins one that its RELEASE commits
        # (sqlite.org, "Savepoints"); so the transaction has to be there first.
        return _WRITE
    return _NOTHING


def refusal() -> ReadOnlySessionError:
    """Make the error for a plan that refuses."""
    return ReadOnlySessionError(
        "A reader session was asked to write",
        "Open the session with Session.writer() or Session.begin(), or take the write out of it; "
        "SELECT ... FOR UPDATE counts as a write.",
    )
