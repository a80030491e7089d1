"""One thing that is wrong: what it is, what comes of it, how to see it, how to mend it."""

import dataclasses
import enum
from typing import Final, Literal, TypedDict

__all__ = ["Category", "Confidence", "Finding", "FindingDict", "Severity"]

Category = Literal["Access", "WAL Config", "Checkpoint", "Write Contention", "Connection", "Data"]
Confidence = Literal["High", "Medium", "Low"]


class Severity(enum.StrEnum):
    """How bad it is, the worst first."""

    CRITICAL = "CRITICAL"
    """Data is lost or the database cannot be used, now or in normal use."""

    HIGH = "HIGH"
    """Errors, lost order or long waits are likely under moderate load."""

    MEDIUM = "MEDIUM"
    """It is slower than it need be, or goes wrong in special cases."""

    MONITOR = "MONITOR"
    """Good enough now; look again when it grows."""

    @property
    def rank(self) -> int:
        """Return its place, 0 for the worst."""
        return _ORDER.index(self)


_ORDER: Final = tuple(Severity)


class FindingDict(TypedDict):
    """A `Finding` as plain values."""

    name: str
    severity: str
    category: str
    location: str
    problem: str
    impact: str
    confidence: str
    verify: str
    fix: str
    trade_off: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong with a database, or may go wrong.

    Attributes:
        name: what it is called, for scripts; it does not change.
        severity: how bad it is.
        category: what kind of thing it is.
        location: the file, the table or the process it is about.
        problem: what is so, and why that is bad.
        impact: what comes of it.
        confidence: how sure the impact is.
        verify: a command or a query that shows it.
        fix: what to do.
        trade_off: what the fix costs.
    """

    name: str
    severity: Severity
    category: Category
    location: str
    problem: str
    impact: str
    confidence: Confidence
    verify: str
    fix: str
    trade_off: str

    def parts(self) -> tuple[tuple[str, str], ...]:
        """Return what it says as pairs of a heading and a text, in order."""
        return (
            ("Location", self.location),
            ("The problem", self.problem),
            ("Impact", f"{self.impact} Confidence: {self.confidence}."),
            ("How to verify", self.verify),
            ("The fix", self.fix),
            ("Trade-off", self.trade_off),
        )

    def to_dict(self) -> FindingDict:
        """Return plain values, ready for `json.dumps`."""
        return {
            "name": self.name,
            "severity": self.severity.value,
            "category": self.category,
            "location": self.location,
            "problem": self.problem,
            "impact": self.impact,
            "confidence": self.confidence,
            "verify": self.verify,
            "fix": self.fix,
            "trade_off": self.trade_off,
        }
