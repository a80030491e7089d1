"""The auditor: it reads the code of a program, and finds what will lock its database."""

from hardlite.audit.auditing import Audited, audit
from hardlite.audit.finding import Confidence, Finding, Severity, Step

__all__ = ["Audited", "Confidence", "Finding", "Severity", "Step", "audit"]
