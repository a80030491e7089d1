"""What a finding is known by while the lines around it come and go."""

import hashlib
from collections import Counter
from collections.abc import Sequence

from hardlite.audit.finding import Finding

__all__ = ["fingerprints"]


def fingerprints(findings: Sequence[Finding]) -> list[str]:
    """Return a fingerprint for each finding; no two of one audit are the same.

    A fingerprint is made of the rule, the file, the function and the text of the line. Findings that
    have all of that in common are counted. So it stays when lines above it are added or taken away,
    and when the message of a rule is worded anew.

    Args:
        findings: all those of an audit, in their order.
    """
    often: Counter[str] = Counter()
    made = []
    for finding in findings:
        told = f"{finding.rule}\0{finding.path}\0{finding.symbol}\0{finding.source}"
        made.append(hashlib.sha256(f"{told}\0{often[told]}".encode()).hexdigest()[:32])
        often[told] += 1
    return made
