"""The commands, gathered."""

from typing import Annotated

import typer

from hardlite.cli.audit_command import audit_command
from hardlite.cli.backup_command import backup_command
from hardlite.cli.checkpoint_command import checkpoint_command
from hardlite.cli.demo_command import demo_command
from hardlite.cli.doctor_command import doctor_command
from hardlite.cli.import_command import import_command
from hardlite.cli.migrate_command import migrate
from hardlite.cli.restore_command import restore_command
from hardlite.cli.status_command import status_command
from hardlite.cli.upkeep_commands import optimize_command, vacuum_command
from hardlite.cli.verify_command import verify_command
from hardlite.cli.versions import versions
from hardlite.cli.who_command import who_command

__all__ = ["app"]

app = typer.Typer(
    name="hardlite",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("import")(import_command)
app.command("demo")(demo_command)
app.command("doctor")(doctor_command)
app.command("who")(who_command)
app.add_typer(migrate, name="migrate")
app.command("backup")(backup_command)
app.command("restore")(restore_command)
app.command("verify")(verify_command)
app.command("checkpoint")(checkpoint_command)
app.command("optimize")(optimize_command)
app.command("vacuum")(vacuum_command)
app.command("status")(status_command)
app.command("audit")(audit_command)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - Typer calls it with one argument
    if wanted:
        typer.echo(", ".join(f"{name} {version}" for name, version in versions().items()))
        raise typer.Exit


@app.callback()
def hardlite(
    *,
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print versions and exit."
        ),
    ] = False,
) -> None:
    """Work with SQLite files without "database is locked"."""
