"""Findings in lines that have changed since a revision."""

import dataclasses
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from hardlite.audit.auditing import Audited
from hardlite.audit.finding import Finding
from hardlite.errors import ConfigurationError

__all__ = ["only_since"]

_HUNK: Final = re.compile(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_ALL: Final = range(1, 2**31)


def only_since(audited: Audited, revision: str, folder: Path) -> Audited:
    """Return an audit with the findings in lines that git says have changed, or are new.

    The whole program was audited before that: a changed line is judged by all that it calls.

    Args:
        audited: what was found, by paths as seen from the folder.
        revision: what git knows as one, such as ``main``.
        folder: in a work tree.

    Raises:
        ConfigurationError: git knows no such revision, or the folder is in no work tree.
        OSError: git cannot be run.
    """
    changed = _changed(revision, folder)
    kept = [finding for finding in audited.findings if _is_in(finding, changed)]
    return dataclasses.replace(audited, findings=kept)


def _is_in(finding: Finding, changed: Mapping[str, Sequence[range]]) -> bool:
    return any(
        each.start <= finding.end_line and finding.line < each.stop
        for each in changed.get(finding.path, ())
    )


def _changed(revision: str, folder: Path) -> Mapping[str, Sequence[range]]:
    asked = ("diff", "--unified=0", "--no-color", "--no-ext-diff", "--no-prefix", "--relative")
    differs = _git(folder, *asked, "--end-of-options", revision, "--", ".")
    changed: dict[str, list[range]] = {}
    for path, lines in _hunks(differs.splitlines()):
        changed.setdefault(path, []).append(lines)
    for path in _git(folder, "ls-files", "--others", "--exclude-standard", "-z").split("\0"):
        changed[path] = [_ALL]
    return changed


def _hunks(lines: Sequence[str]) -> Iterator[tuple[str, range]]:
    """Yield each group of lines that are new or changed, with its file."""
    path, left = "", 0
    for line in lines:
        if left and line[:1] in "+-":
            left -= 1
        elif line.startswith("+++ "):
            path = line.removeprefix("+++ ").rstrip("\t")
        elif (found := _HUNK.match(line)) is not None:
            removed, start, added = (int(each or "1") for each in found.groups())
            left = removed + added
            yield path, range(start, start + added)


def _git(folder: Path, *asked: str) -> str:
    command = ["git", "-C", str(folder), "-c", "core.quotePath=false", *asked]
    ran = subprocess.run(  # noqa: S603 - git, which the user asked for
        command, capture_output=True, check=False, encoding="utf-8", errors="replace"
    )
    if ran.returncode:
        raise ConfigurationError(
            f"git cannot say what changed: {ran.stderr.strip()}",
            "Name a revision of the work tree that the audit runs in.",
        )
    return ran.stdout
