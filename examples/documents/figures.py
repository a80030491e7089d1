"""How long writes took and how late the event loop was, noted in a file for each process.

Lines are appended once a second, so a process that is killed loses a second of them at most.
"""

import asyncio
import os
from pathlib import Path
from typing import Final

from hardlite.clock import system_clock

_TICK: Final = 0.01
_EVERY: Final = 100
"""Ticks between two times that lines are written out."""


class Figures:
    """What one process notes.

    Args:
        folder: where its file goes; None for nowhere.
    """

    def __init__(self, folder: Path | None) -> None:
        self._file = None if folder is None else folder / f"{os.getpid()}.txt"
        self._lines: list[str] = []

    def note(self, name: str, seconds: float) -> None:
        """Note that something took some seconds."""
        if self._file is not None:
            self._lines.append(f"{name} {seconds:.6f}\n")

    async def watch(self) -> None:
        """Note how late the loop is, until cancelled, and write everything to the file."""
        if self._file is None:
            return
        try:
            while True:
                for _ in range(_EVERY):
                    due = system_clock.now() + _TICK
                    await asyncio.sleep(_TICK)
                    self.note("loop", max(0.0, system_clock.now() - due))
                await asyncio.to_thread(self._write)
        finally:
            self._write()

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        if self._file is not None:
            with self._file.open("a", encoding="ascii") as file:
                file.writelines(lines)
