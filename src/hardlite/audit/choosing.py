"""Which rules an audit goes by."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from hardlite.audit.code import RULES
from hardlite.errors import ConfigurationError

__all__ = ["chosen", "in_full"]


def chosen(select: Sequence[str], ignore: Sequence[str]) -> AbstractSet[str]:
    """Return the codes of the rules that an audit goes by.

    >>> sorted(chosen(["7"], ["HL7C"]))
    ['HL7A', 'HL7B']

    Args:
        select: beginnings of codes, with or without ``HL``; all rules if there are none.
        ignore: beginnings of codes to leave out.

    Raises:
        ConfigurationError: no rule begins like that.
    """
    wanted = _beginning(select) if select else RULES.keys()
    return wanted - _beginning(ignore)


def in_full(code: str) -> str:
    """Return a code with its ``HL``, in capitals."""
    return f"HL{code.upper().removeprefix('HL')}"


def _beginning(prefixes: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for prefix in prefixes:
        these = {code for code in RULES if code.startswith(in_full(prefix))}
        if not these:
            raise ConfigurationError(
                f"no rule of the audit begins with {prefix!r}",
                f"The rules are {', '.join(RULES)}.",
            )
        found |= these
    return found
