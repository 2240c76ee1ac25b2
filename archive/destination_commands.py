"""The `hilum destinations` command: where results go, how that stands, and holding it up."""

from typing import Annotated

import typer

from archive.account_records import COMMAND_LINE, AuditAction, AuditEntry
from archive.commands import opened_archive
from archive.database import Archive
from archive.errors import ArchiveError
from archive.operation_records import DestinationStanding
from config.command_line import ConfigOption, SecretsOption, fail, site_settings
from config.settings import Settings

app = typer.Typer(help="Where results go: list, pause and resume destinations.")

DestinationName = Annotated[str, typer.Argument(help="Name of a destination of the settings.")]
REMOVED = "no longer in the settings"


@app.callback(invoke_without_command=True)
def list_destinations(
    context: typer.Context, config: ConfigOption = None, secrets: SecretsOption = None
) -> None:
    """List every destination: whether it is paused, what waits, and the last failure."""
    if context.invoked_subcommand is not None:
        if config or secrets:
            fail(f"--config and --secrets stand behind {context.invoked_subcommand}")
        return
    settings = site_settings(config, secrets)
    repository = opened_archive(settings.archive).repository
    try:
        named = {one.name: f"{one.kind} {one.address}" for one in settings.destinations}
        removed = {name for name, _ in repository.delivery_counts()} - named.keys()
        where = named | dict.fromkeys(sorted(removed), REMOVED)
        for standing in repository.destination_standings(list(where)):
            for line in _lines_of(standing, where[standing.destination]):
                typer.echo(line)
    except ArchiveError as error:
        fail(f"archive: {error}")


@app.command("pause")
def pause(
    name: DestinationName, config: ConfigOption = None, secrets: SecretsOption = None
) -> None:
    """Send nothing there until it is resumed; what is to be sent waits, and nothing is lost."""
    archive = _archive_with(name, site_settings(config, secrets))
    _do(archive, AuditAction.PAUSE, name)
    typer.echo(f"{name}: paused")


@app.command("resume")
def resume(
    name: DestinationName, config: ConfigOption = None, secrets: SecretsOption = None
) -> None:
    """Send there again."""
    archive = _archive_with(name, site_settings(config, secrets))
    _do(archive, AuditAction.RESUME, name)
    typer.echo(f"{name}: resumed")


def _do(archive: Archive, action: AuditAction, name: str) -> None:
    repository = archive.repository
    try:
        if action is AuditAction.PAUSE:
            repository.pause_destination(name, paused_by=COMMAND_LINE)
        else:
            repository.resume_destination(name)
        repository.record_audit(
            AuditEntry(actor=COMMAND_LINE, action=action, details={"destination": name})
        )
    except ArchiveError as error:
        fail(f"archive: {error}")


def _archive_with(name: str, settings: Settings) -> Archive:
    known = [one.name for one in settings.destinations]
    if name not in known:
        fail(f"{name}: no destination of the settings, which name {', '.join(known) or 'none'}")
    return opened_archive(settings.archive)


def _lines_of(standing: DestinationStanding, where: str) -> list[str]:
    state = f"paused by {standing.paused_by}" if standing.is_paused else _state_of(standing)
    waiting = f"{standing.waiting} waiting"
    if standing.waiting:
        waiting += f" (oldest {standing.oldest_waiting_seconds:.0f} s)"
    counts = (
        f"{waiting}, {standing.gave_up} given up, {standing.delivered} delivered, "
        f"{standing.committed} committed"
    )
    last = standing.last_delivered_at
    lines = [f"{standing.destination}: {state}  {where}", f"  {counts}"]
    lines.append(f"  last delivery: {f'{last:%Y-%m-%d %H:%M:%S} UTC' if last else 'never'}")
    if standing.last_failure:
        lines.append(f"  last failure: {standing.last_failure}")
    return lines


def _state_of(standing: DestinationStanding) -> str:
    return "failing" if standing.waiting and standing.last_failure else "open"
