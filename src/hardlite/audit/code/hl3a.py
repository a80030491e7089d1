"""HL3A: a busy timeout that is too short, or contradicted by another one."""

import ast
import re
from collections.abc import Iterator
from typing import Final

from hardlite.audit.finding import Finding, Severity
from hardlite.audit.rule import Rule, at
from hardlite.audit.unit import Unit

__all__ = ["RULE"]

_PRAGMA: Final = re.compile(r"busy_timeout\s*[=(]\s*(\d+)", re.IGNORECASE)
_OPTION: Final = re.compile(r"[?&]timeout=(\d+)")
_SHORTEST: Final = 1000


def _check(unit: Unit) -> Iterator[Finding]:
    asked = [int(m[1]) * 1000 for _, text in unit.module.texts for m in _OPTION.finditer(text)]
    for site in unit.linked.databases.sites:
        option = site.option("timeout")
        if (
            site.module is unit.module
            and isinstance(option, ast.Constant)
            and isinstance(option.value, int | float)
        ):
            asked.append(int(option.value * 1000))
            if option.value * 1000 < _SHORTEST:
                yield at(
                    "HL3A",
                    unit.function_of(site.scope),
                    site.call,
                    f"The timeout of {option.value} s is shorter than an ordinary write may take",
                    Severity.MONITOR,
                )
    for line, text in unit.module.texts:
        for match in _PRAGMA.finditer(text):
            set_to = int(match[1])
            longest = max(asked, default=0)
            if set_to < longest or 0 < set_to < _SHORTEST:  # 0 is there on purpose: to try.
                yield Finding(
                    rule="HL3A",
                    path=unit.module.path,
                    line=line,
                    end_line=line,
                    symbol="",
                    message=f"busy_timeout={set_to} ms is what holds"
                    + (
                        f", not the {longest} ms asked for elsewhere"
                        if set_to < longest
                        else ", and is short"
                    ),
                    severity=Severity.MEDIUM,
                )


RULE = Rule(code="HL3A", title="Short busy timeout", category="Write Contention", check=_check)
