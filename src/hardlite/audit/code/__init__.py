"""The rules, one module each."""

from hardlite.audit.code import (
    hl1a,
    hl1b,
    hl1c,
    hl1d,
    hl2a,
    hl2c,
    hl3a,
    hl3b,
    hl3c,
    hl3e,
    hl4a,
    hl4c,
    hl5a,
    hl5b,
    hl5d,
    hl6b,
    hl7a,
    hl7b,
    hl7c,
    hle0,
    hls1,
    hls3,
    hls4,
    hls5,
    hls6,
    hls7,
)
from hardlite.audit.rule import Rule

__all__ = ["RULES"]

_MODULES = (
    hl1a,
    hl1b,
    hl1c,
    hl1d,
    hl2a,
    hl2c,
    hl3a,
    hl3b,
    hl3c,
    hl3e,
    hl4a,
    hl4c,
    hl5a,
    hl5b,
    hl5d,
    hl6b,
    hl7a,
    hl7b,
    hl7c,
    hle0,
    hls1,
    hls3,
    hls4,
    hls5,
    hls6,
    hls7,
)
RULES: dict[str, Rule] = {module.RULE.code: module.RULE for module in _MODULES}
"""Every rule, by its code."""
