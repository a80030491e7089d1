"""What `diagnose` found: findings, a score, and what to do first."""

import dataclasses
from typing import Final, TypedDict

from hardlite.doctor.finding import Finding, FindingDict, Severity
from hardlite.turns.holder import printable

__all__ = ["Diagnosis", "DiagnosisDict"]

_FIRST: Final = 3
_PLAN: Final = {
    Severity.CRITICAL: "fix now",
    Severity.HIGH: "fix now",
    Severity.MEDIUM: "fix soon",
    Severity.MONITOR: "monitor",
}


class DiagnosisDict(TypedDict):
    """A `Diagnosis` as plain values."""

    schema: str
    path: str
    score: int
    ok: bool
    facts: dict[str, str]
    findings: list[FindingDict]
    first: list[str]
    notes: list[str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What is wrong with a database, the worst first.

    Attributes:
        path: the real path of the file.
        facts: what was looked at, as pairs of a name and a text.
        findings: what is wrong, or may go wrong.
        notes: what could not be seen, and why.
    """

    path: str
    facts: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether there is nothing to do: what there is, is to be watched at most."""
        return all(finding.severity is Severity.MONITOR for finding in self.findings)

    @property
    def score(self) -> int:
        """How ready it is for many users at once, from 1 to 10.

        9 and 10 have nothing to do; 7 and 8 little; 5 and 6 will see "database is locked" under
        moderate load; 3 and 4 are not usable as they are; 1 and 2 fail at once.
        """
        counts = dict.fromkeys(Severity, 0)
        for finding in self.findings:
            counts[finding.severity] += 1
        critical, high = counts[Severity.CRITICAL], counts[Severity.HIGH]
        if critical:
            return max(1, 5 - critical - (high > 0))
        if high:
            no_wal = any(finding.name == "not-wal" for finding in self.findings)
            return max(5, (6 if no_wal else 7) - (high > 1))
        if counts[Severity.MEDIUM]:
            return 8
        return 9 if self.findings else 10

    @property
    def first(self) -> tuple[Finding, ...]:
        """The three findings to begin with."""
        return self.findings[:_FIRST]

    def plan(self) -> tuple[tuple[str, tuple[Finding, ...]], ...]:
        """Return what to fix now, what to fix soon and what to monitor, if there is any of it."""
        steps = dict.fromkeys(_PLAN.values())
        sorted_in = [
            (step, tuple(each for each in self.findings if _PLAN[each.severity] == step))
            for step in steps
        ]
        return tuple((step, findings) for step, findings in sorted_in if findings)

    def summary(self) -> str:
        """Return it as text."""
        lines = [f"{self.path}: {self.verdict()}"]
        lines += [f"  {name}: {told}" for name, told in self.facts]
        for finding in self.findings:
            lines += ["", f"[{finding.severity.value}] {finding.name} ({finding.category})"]
            lines += [f"  {heading}: {told}" for heading, told in finding.parts()]
        if self.findings:
            lines += ["", f"First: {', '.join(finding.name for finding in self.first)}"]
            for step, findings in self.plan():
                names = dict.fromkeys(finding.name for finding in findings)
                lines.append(f"{step.capitalize()}: {', '.join(names)}")
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(map(printable, lines))

    def verdict(self) -> str:
        """Return the score and the number of findings, as a sentence."""
        count = len(self.findings)
        told = "no findings" if not count else "1 finding" if count == 1 else f"{count} findings"
        return f"readiness {self.score} of 10, {told}."

    def to_dict(self) -> DiagnosisDict:
        """Return plain values, ready for `json.dumps`."""
        return {
            "schema": "hardlite.doctor/1",
            "path": self.path,
            "score": self.score,
            "ok": self.ok,
            "facts": dict(self.facts),
            "findings": [finding.to_dict() for finding in self.findings],
            "first": [finding.name for finding in self.first],
            "notes": list(self.notes),
        }
