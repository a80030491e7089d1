"""The turn and the queue as this process's own gate has them: by thread, not by process."""

from hardlite.turns.gate_registry import known_gate
from hardlite.turns.holder import Holder

__all__ = ["own_queue", "own_turn"]


def own_turn(file: str) -> Holder | None:
    """Say which thread of this process has the turn on ``file``."""
    gate = known_gate(file)
    return None if gate is None else gate.own_holder()


def own_queue(file: str) -> tuple[Holder, ...]:
    """Say which threads of this process wait for their turn on ``file``, in order."""
    gate = known_gate(file)
    return () if gate is None else gate.queue()
