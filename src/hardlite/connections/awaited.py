"""The connection of aiosqlite, with turns that are awaited and cancellation that is heard in order.

aiosqlite keeps each connection in a thread of its own, and a task awaits what that thread does.
Left alone, the thread would wait for the turn, for ever so long after its task was cancelled. So a
statement that needs the turn comes back from the thread, the task awaits the turn in its loop, and
then sends the statement once more, with the turn.

A task that is cancelled while the thread is at something gets its cancellation when the thread has
returned: then it is known what became of the statement, or of COMMIT. Until then SQLite is asked to
stop (sqlite.org, "Interrupt A Long-Running Query"), unless it is about to end the transaction.
"""

import asyncio
import contextvars
import functools
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast

from sqlalchemy.util.concurrency import await_only

from hardlite.turns.gate import Gate, TurnTimeoutError
from hardlite.turns.turn import Turn

if TYPE_CHECKING:
    import aiosqlite

    from hardlite.connections.connection import AnyHardenedConnection

    AnyAiosqlite = aiosqlite.Connection
else:
    # hardlite's class is mixed in front of aiosqlite's once that is needed.
    AnyAiosqlite = object

__all__ = ["AnyGate", "AwaitedConnection", "gate_of", "on_driver", "open_awaited"]

P = ParamSpec("P")
T = TypeVar("T")

_NOT_STOPPED: Final = {"begin_writing", "close", "commit", "rollback"}
"""What SQLite is not asked to leave half done: it is short, or leaves the connection in doubt."""


class TurnWantedError(Exception):
    """The statement has to come back with a turn, which is to be awaited first."""

    def __init__(self, gate: "AwaitedGate", take: Callable[..., Awaitable[Turn]]) -> None:
        super().__init__(gate, take)
        self.gate = gate
        self.take = take


class AwaitedGate:
    """The gate as a connection sees it whose thread must not wait.

    Args:
        gate: the gate.

    Attributes:
        figures: those of the gate.
    """

    def __init__(self, gate: Gate) -> None:
        self.figures = gate.figures
        self._gate = gate
        self._answer: Turn | TurnTimeoutError | None = None

    def take(self, timeout: float, *, label: str, warn_wait: float, warn_hold: float) -> Turn:
        """Return the turn that has been awaited, or say that there is one to be awaited.

        Raises:
            TurnTimeoutError: it was awaited in vain.
            TurnWantedError: it has not been awaited yet.
        """
        answer, self._answer = self._answer, None
        if answer is None:
            raise TurnWantedError(
                self,
                functools.partial(
                    self._gate.take_awaited,
                    timeout,
                    label=label,
                    warn_wait=warn_wait,
                    warn_hold=warn_hold,
                ),
            )
        if isinstance(answer, TurnTimeoutError):
            raise answer
        return answer

    def answered(self, answer: Turn | TurnTimeoutError, function: Callable[[], T]) -> T:
        """Call ``function`` with the answer at hand; a turn that it does not take is given back."""
        self._answer = answer
        try:
            return function()
        finally:
            left, self._answer = self._answer, None
            if isinstance(left, Turn):
                left.release()


AnyGate = Gate | AwaitedGate


class _Operation(asyncio.Future[Any]):
    """What the thread is at: whoever awaits it awaits its end, also when cancelled.

    A future that refuses to be cancelled makes its task wait, and be cancelled after that (asyncio,
    "Task.cancel").
    """

    stop: Callable[[], None] = staticmethod(lambda: None)
    is_given_up = False

    def cancel(self, msg: object = None) -> bool:  # noqa: ARG002 - asyncio's own signature
        """Ask for an early end, and say that this is none."""
        if not self.done():
            self.is_given_up = True
            self.stop()
        return False


class AwaitedConnection(AnyAiosqlite):
    """A connection of aiosqlite to a hardened connection; `open_awaited` makes one."""

    async def _connect(self) -> "AwaitedConnection":
        opening = self._send(self._connector, may_stop=False)
        try:
            self._connection = await opening
        except BaseException:
            if opening.done() and opening.exception() is None:
                # Cancelled, and open all the same.
                self._connection = opening.result()
                await self.close()
            else:
                # aiosqlite 0.21 has another name for it, and nothing to await.
                stop = getattr(self, "stop", None) or getattr(self, "_stop_running", None)
                for stopped in filter(None, [stop and stop()]):
                    await stopped
            raise
        return self

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        function = functools.partial(fn, *args, **kwargs)
        may_stop = getattr(fn, "__name__", "") not in _NOT_STOPPED
        send = functools.partial(self._send_if_open, may_stop=may_stop)
        sent = send(function)
        while True:
            try:
                return await self._returned(sent, fn)
            except TurnWantedError as error:
                # Without what leads to it, which would lead back here: that is for the collector.
                wanted = error.with_traceback(None)
            answer = await self._answer_to(wanted)
            try:
                sent = send(functools.partial(wanted.gate.answered, answer, function))
            except ValueError:
                # Somebody closed the connection meanwhile.
                wanted.gate.answered(answer, lambda: None)
                raise

    async def _answer_to(self, wanted: TurnWantedError) -> Turn | TurnTimeoutError:
        try:
            return await wanted.take(aside=self._aside)
        except TurnTimeoutError as error:
            # Raised where it was asked for, which is where it is told in full.
            return error

    async def _aside(self, function: Callable[[], None]) -> None:
        await self._send_if_open(function, may_stop=False)

    async def _returned(self, operation: _Operation, fn: Callable[..., Any]) -> Any:
        try:
            return await operation
        except asyncio.CancelledError as cancellation:
            # Looked at, or asyncio would complain that nobody has.
            failure = operation.exception()
            if getattr(fn, "__name__", "") == "commit":
                became = "it is committed" if failure is None else f"it failed: {failure}"
                cancellation.add_note(f"hardlite: COMMIT was under way and has returned: {became}")
            raise

    def _send_if_open(self, function: Callable[[], Any], *, may_stop: bool) -> _Operation:
        if not self._running or not self._connection:
            msg = "Connection closed"
            raise ValueError(msg)
        return self._send(function, may_stop=may_stop)

    def _send(self, function: Callable[[], Any], *, may_stop: bool) -> _Operation:
        """Let the thread call ``function`` in the context of this task."""
        operation = _Operation(loop=asyncio.get_running_loop())
        connection = cast("AnyHardenedConnection | None", self._connection)
        if connection is not None:
            connection.begin_operation(lambda: operation.is_given_up)
            # A connection in memory may be shared, and be at another task's statement.
            if may_stop and connection.file:
                operation.stop = connection.interrupt
        call = functools.partial(contextvars.copy_context().run, function)
        self._tx.put_nowait((operation, call))
        return operation


def open_awaited(database: str, **options: Any) -> "aiosqlite.Connection":
    """Return what `aiosqlite.connect` returns, as an `AwaitedConnection`.

    It is SQLAlchemy's ``async_creator_fn``.
    """
    import aiosqlite

    connection = aiosqlite.connect(database, **options)
    connection.__class__ = _class_for(aiosqlite.Connection)
    # As SQLAlchemy has it: a connection that nobody closed keeps no program from ending.
    thread = connection if isinstance(connection, threading.Thread) else connection._thread  # noqa: SLF001
    thread.daemon = True
    return connection


def gate_of(dbapi_connection: object, gate: Gate | None) -> AnyGate | None:
    """Return the gate as a connection of SQLAlchemy's pool has to see it."""
    if gate is not None and _awaited(dbapi_connection) is not None:
        return AwaitedGate(gate)
    return gate


def on_driver(
    dbapi_connection: object, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Call what works on the driver's own connection, in the thread where that lives."""
    connection = _awaited(dbapi_connection)
    if connection is None:
        return function(*args, **kwargs)
    done = connection._execute(function, *args, **kwargs)  # noqa: SLF001 - of this module
    return cast("T", await_only(done))


def _awaited(dbapi_connection: object) -> AwaitedConnection | None:
    connection = getattr(dbapi_connection, "driver_connection", dbapi_connection)
    return connection if isinstance(connection, AwaitedConnection) else None


@functools.cache
def _class_for(aiosqlites: type["aiosqlite.Connection"]) -> type[AwaitedConnection]:
    namespace = {"__doc__": AwaitedConnection.__doc__}
    return type("AwaitedConnection", (AwaitedConnection, aiosqlites), namespace)
