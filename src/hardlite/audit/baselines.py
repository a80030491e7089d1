"""Baselines: findings that were there before, so that only new ones are told."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from hardlite.audit.auditing import Audited
from hardlite.audit.finding import Finding
from hardlite.errors import ConfigurationError

__all__ = ["without_baseline", "write_baseline"]

_SCHEMA: Final = "hardlite.audit-baseline/1"


def write_baseline(file: Path, findings: Sequence[Finding]) -> None:
    """Write findings to a baseline.

    Args:
        file: where to; what is there is written over.
        findings: of an audit.

    Raises:
        OSError: it cannot be written.
    """
    kept = [
        {"fingerprint": f.fingerprint, "rule": f.rule, "path": f.path, "symbol": f.symbol}
        for f in findings
    ]
    text = json.dumps({"schema": _SCHEMA, "findings": kept}, indent=2)
    file.write_text(f"{text}\n", encoding="utf-8")


def without_baseline(audited: Audited, file: Path) -> Audited:
    """Return an audit without the findings that a baseline has.

    Args:
        audited: what was found.
        file: that `write_baseline` wrote.

    Raises:
        ConfigurationError: the file is none of these.
        OSError: it cannot be read.
    """
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        known = _fingerprints(told["schema"], told["findings"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(
            f"{file} is no baseline of an audit", "Make one with: hardlite audit --write-baseline."
        ) from error
    new = [finding for finding in audited.findings if finding.fingerprint not in known]
    return dataclasses.replace(audited, findings=new)


def _fingerprints(schema: object, findings: Sequence[Mapping[str, str]]) -> set[str]:
    if schema != _SCHEMA:
        raise ValueError(schema)
    return {each["fingerprint"] for each in findings}
