"""What ``hardlite migrate`` does, thin over Alembic's own commands."""

import io
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer
from rich.console import Console
from sqlalchemy.exc import DBAPIError

from hardlite.cli.exit_codes import ExitCode
from hardlite.cli.failures import complain, message_of
from hardlite.cli.migration_view import migration_view
from hardlite.cli.rehearsal_view import rehearsal_lines
from hardlite.errors import ConfigurationError, HardliteError, MissingExtraError
from hardlite.integrations.alembic.orders import ATTRIBUTE, Orders
from hardlite.integrations.alembic.rehearsal import Rehearsal

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["check", "current", "downgrade", "finished", "init", "upgrade"]

_ENV: Final = '''"""Runs the migrations; hardlite keeps them from losing anything."""

from alembic import context

from hardlite.integrations.alembic import run_migrations

# For `alembic revision --autogenerate`: from myapp.models import Base, then Base.metadata.
run_migrations(context, None)
'''


def finished(work: Callable[[], ExitCode]) -> ExitCode:
    """Do ``work``, and turn what stops it into one message and an exit code."""
    try:
        from alembic.util import CommandError
    except ModuleNotFoundError:
        complain(message_of(MissingExtraError("alembic", "hardlite migrate")))
        return ExitCode.COULD_NOT_FINISH
    try:
        return work()
    except (ConfigurationError, CommandError) as error:
        complain(message_of(error))
        return ExitCode.MISUSE
    except (HardliteError, DBAPIError, OSError, KeyboardInterrupt) as error:
        complain(message_of(error))
        return ExitCode.COULD_NOT_FINISH


def upgrade(ini: Path, url: str | None, revision: str, console: Console) -> ExitCode:
    """Upgrade to a revision, and show how far it is."""
    from alembic import command

    with migration_view(console) as tell:
        command.upgrade(_config(ini, url, Orders(tell=tell)), revision)
    return ExitCode.DONE


def downgrade(ini: Path, url: str | None, revision: str, console: Console) -> ExitCode:
    """Go back to a revision, and show how far it is."""
    from alembic import command

    with migration_view(console) as tell:
        command.downgrade(_config(ini, url, Orders(tell=tell)), revision)
    return ExitCode.DONE


def current(ini: Path, url: str | None) -> ExitCode:
    """Print the revision of the database."""
    from alembic import command

    command.current(_config(ini, url, Orders()))
    return ExitCode.DONE


def check(ini: Path, url: str | None, revision: str) -> ExitCode:
    """Upgrade a copy, and print what became of it."""
    from alembic import command

    rehearsal = Rehearsal()
    command.upgrade(_config(ini, url, Orders(rehearsal=rehearsal)), revision)
    for line in rehearsal_lines(rehearsal):
        typer.echo(line)
    return ExitCode.WOULD_LOSE if rehearsal.lost() else ExitCode.DONE


def init(ini: Path, url: str, directory: Path) -> ExitCode:
    """Make an environment as Alembic does, with an ``env.py`` of hardlite's."""
    from alembic import command
    from alembic.config import Config

    if ini.exists():
        raise ConfigurationError(f"{ini} is there already", "Name another one with --config.")
    command.init(Config(ini), str(directory))
    (directory / "env.py").write_text(_ENV, encoding="utf-8")
    lines = ini.read_text(encoding="utf-8").splitlines()
    told = [f"sqlalchemy.url = {url}" if _is_url(line) else line for line in lines]
    ini.write_text("\n".join([*told, ""]), encoding="utf-8")
    return ExitCode.DONE


def _is_url(line: str) -> bool:
    return line.startswith("sqlalchemy.url")


def _config(ini: Path, url: str | None, orders: Orders) -> "Config":
    """Read the settings, and see to it that the environment will follow the orders.

    Raises:
        ConfigurationError: there are none, or the ``env.py`` would run without hardlite.
    """
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    if not ini.is_file():
        raise ConfigurationError(
            f"There is no {ini}", "Name it with --config, or make one: hardlite migrate init."
        )
    config = Config(
        ini, stdout=sys.stdout, output_buffer=io.StringIO(), attributes={ATTRIBUTE: orders}
    )
    if url is not None:
        config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    # Without a database, and whatever it writes is thrown away.
    with (
        suppress(ConfigurationError),
        EnvironmentContext(config, script, fn=lambda *_: (), as_sql=True),
    ):
        script.run_env()
    if not orders.were_read:
        raise ConfigurationError(
            f"The env.py in {script.dir} does not use hardlite, and would migrate without it",
            "Replace its body by run_migrations(context, target_metadata) from "
            "hardlite.integrations.alembic.",
        )
    return config
