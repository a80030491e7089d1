"""What a project says of its audit, in the table ``[tool.hardlite.audit]`` of its pyproject.toml."""

import dataclasses
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hardlite.errors import ConfigurationError

__all__ = ["AuditSettings", "settings_in"]

_TABLE: Final = ("tool", "hardlite", "audit")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """The settings of an audit.

    Attributes:
        paths: files and directories, as seen from where the audit runs.
        exclude: patterns of files to leave out.
        select: beginnings of the codes of rules; all rules if there are none.
        ignore: beginnings of the codes of rules to leave out.
    """

    paths: Sequence[str] = ()
    exclude: Sequence[str] = ()
    select: Sequence[str] = ()
    ignore: Sequence[str] = ()


def settings_in(file: Path) -> AuditSettings:
    """Return the settings that a file has; the defaults if there is no such file or table.

    Args:
        file: a ``pyproject.toml``.

    Raises:
        ConfigurationError: it is no TOML, or a setting is unknown or no list of texts.
    """
    try:
        table: object = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return AuditSettings()
    except ValueError as error:
        raise ConfigurationError(
            f"{file} cannot be read as TOML: {error}", "Mend it, or move it away."
        ) from error
    for name in _TABLE:
        table = table.get(name, {}) if isinstance(table, dict) else None
    if not isinstance(table, dict):
        raise ConfigurationError(
            f"[{'.'.join(_TABLE)}] of {file} is no table", "Write its settings as a table."
        )
    return AuditSettings(**{str(name): _texts(name, given) for name, given in table.items()})


def _texts(name: object, given: object) -> Sequence[str]:
    known = [field.name for field in dataclasses.fields(AuditSettings)]
    if name not in known:
        raise ConfigurationError(
            f"[{'.'.join(_TABLE)}] has no setting {name!r}", f"It has {', '.join(known)}."
        )
    texts = [each for each in given if isinstance(each, str)] if isinstance(given, list) else None
    if texts != given:
        raise ConfigurationError(
            f"{name} in [{'.'.join(_TABLE)}] is no list of texts", f'Write {name} = ["..."].'
        )
    return texts or []
