"""``hardlite migrate``: Alembic's commands, for environments that use `run_migrations`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hardlite.cli.exit_codes import ExitCode
from hardlite.cli.migration_steps import (
    check,
    current,
    downgrade,
    finished,
    init,
    upgrade,
)

__all__ = ["migrate"]

migrate = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Run Alembic's migrations on a SQLite file so that they lose nothing.

    The project's env.py must use hardlite.integrations.alembic.run_migrations; `init` writes one.
    Exit code: 0 done, 1 `check` found that rows would be lost, 2 something is wrong with the
    arguments or the environment, 3 it failed, and the file is as the message says.
    """,
)

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", metavar="FILE", help="The settings of Alembic.")
]
UrlOption = Annotated[
    str | None, typer.Option(metavar="URL", help="Migrate this database in place of theirs.")
]
INI = Path("alembic.ini")


@migrate.command("upgrade")
def upgrade_command(
    revision: Annotated[str, typer.Argument(metavar="[REVISION]")] = "head",
    *,
    config: ConfigOption = INI,
    url: UrlOption = None,
) -> None:
    """Upgrade to a revision, to the head if none is named."""
    _exit(lambda: upgrade(config, url, revision, Console(stderr=True)))


@migrate.command("downgrade")
def downgrade_command(
    revision: Annotated[str, typer.Argument(metavar="REVISION")],
    *,
    config: ConfigOption = INI,
    url: UrlOption = None,
) -> None:
    """Go back to a revision, such as -1 or base."""
    _exit(lambda: downgrade(config, url, revision, Console(stderr=True)))


@migrate.command("current")
def current_command(*, config: ConfigOption = INI, url: UrlOption = None) -> None:
    """Say which revision the database is at."""
    _exit(lambda: current(config, url))


@migrate.command("check")
def check_command(
    revision: Annotated[str, typer.Argument(metavar="[REVISION]")] = "head",
    *,
    config: ConfigOption = INI,
    url: UrlOption = None,
) -> None:
    """Upgrade a copy, and say what would be rebuilt and lost.

    The copy is made in the directory for temporary files and deleted. What migrations do elsewhere
    than in the database, they do.
    """
    _exit(lambda: check(config, url, revision))


@migrate.command("init")
def init_command(
    directory: Annotated[
        Path, typer.Argument(metavar="[DIRECTORY]", help="Where migrations go.")
    ] = Path("migrations"),
    *,
    config: ConfigOption = INI,
    url: Annotated[str, typer.Option(metavar="URL", help="The database.")] = "sqlite:///app.db",
) -> None:
    """Make an environment whose env.py uses hardlite."""
    _exit(lambda: init(config, url, directory))


def _exit(work: Callable[[], ExitCode]) -> None:
    raise typer.Exit(finished(work))
