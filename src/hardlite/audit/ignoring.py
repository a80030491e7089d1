"""Comments that tell the audit to leave a finding alone."""

import io
import re
import tokenize
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from hardlite.audit.choosing import in_full
from hardlite.audit.finding import Finding

__all__ = ["ignored_lines", "is_ignored"]

_MARKER: Final = b"hardlite: ignore["
_COMMENT: Final = re.compile(r"#\s*hardlite: ignore\[([\w\s,]+)\]")


def ignored_lines(source: bytes) -> Mapping[int, AbstractSet[str]]:
    """Return the lines whose findings are to be left alone, each with the rules that this is said of.

    A comment speaks of its own line; if nothing else stands there, of the next line with code.

    >>> ignored_lines(b"x = 1  # hardlite: ignore[5A] only at start-up")
    {1: {'HL5A'}}

    Args:
        source: of a file.
    """
    said: dict[int, set[str]] = {}
    if _MARKER not in source:
        return said
    waiting: set[str] = set()
    for token in _tokens(source):
        line = token.start[0]
        if token.type == tokenize.COMMENT:
            codes = _codes(token.string)
            if token.line.lstrip().startswith("#"):
                waiting |= codes
            else:
                said.setdefault(line, set()).update(codes)
        elif waiting and token.type not in {tokenize.NL, tokenize.INDENT, tokenize.DEDENT}:
            said.setdefault(line, set()).update(waiting)
            waiting = set()
    return said


def is_ignored(finding: Finding, lines: Mapping[int, AbstractSet[str]]) -> bool:
    """Say whether a comment speaks of a finding.

    Args:
        finding: of the file.
        lines: of `ignored_lines`.
    """
    every = range(finding.line, finding.end_line + 1)
    return any(finding.rule in lines.get(line, ()) for line in every)


def _tokens(source: bytes) -> Sequence[tokenize.TokenInfo]:
    try:
        return list(tokenize.tokenize(io.BytesIO(source).readline))
    except (SyntaxError, tokenize.TokenError):
        return ()  # It is no Python, and that is a finding of its own.


def _codes(comment: str) -> set[str]:
    found = _COMMENT.search(comment)
    return {in_full(code.strip()) for code in found[1].split(",")} if found else set()
