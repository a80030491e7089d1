"""What the exit code of every command says."""

import enum

__all__ = ["ExitCode"]


class ExitCode(enum.IntEnum):
    """The exit code of a command; the same for all of them."""

    DONE = 0
    """Everything was done."""

    SOME_REJECTED = 1
    """It went through, and some rows were left out."""

    SOMEBODY_HOLDS = 1
    """Somebody holds a lock or waits for one."""

    WOULD_LOSE = 1
    """Migrations would lose rows."""

    SOMETHING_WRONG = 1
    """What was looked at is not as it should be."""

    SOMETHING_TO_DO = 1
    """There is something to be mended."""

    FINDINGS = 1
    """The audit found something."""

    MISUSE = 2
    """An option, a file or a column is wrong; nothing was written."""

    COULD_NOT_FINISH = 3
    """Something else stopped it; what was committed before stays."""
