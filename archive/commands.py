"""The `hilum jobs` and `hilum db` commands."""

from pathlib import Path
from typing import Annotated, Any

import typer

from archive.account_records import COMMAND_LINE, AuditAction, AuditEntry
from archive.database import Archive, open_archive
from archive.errors import ArchiveError, NotFound
from archive.records import DeliveryState, StudyUid
from archive.repository import Repository
from config.command_line import ConfigOption, SecretsOption, fail, site_settings
from config.settings import ArchiveSettings

jobs = typer.Typer(help="Look at the queues and put failed work back.", no_args_is_help=True)
database = typer.Typer(help="The database.", no_args_is_help=True)


def opened_archive(settings: ArchiveSettings) -> Archive:
    """Open the archive, or end the command saying why it cannot be."""
    try:
        return open_archive(settings)
    except ArchiveError as error:
        fail(f"archive: {error}")


def archive_of_site(config: Path | None, secrets: Path | None) -> Archive:
    """Open the archive of a site, or end the command saying why it cannot be."""
    return opened_archive(site_settings(config, secrets).archive)


@jobs.command("list")
def list_jobs(config: ConfigOption = None, secrets: SecretsOption = None) -> None:
    """Show how much waits at each stage and which deliveries were given up."""
    repository = archive_of_site(config, secrets).repository
    for depth in repository.queue_depths():
        typer.echo(f"{depth.stage:10} {depth.count:6}  oldest {depth.oldest_age_seconds:8.0f} s")
    for delivery in repository.deliveries(state=DeliveryState.GAVE_UP):
        typer.echo(
            f"delivery {delivery.delivery_id} to {delivery.destination}: gave up after "
            f"{delivery.attempt} attempts: {delivery.reason}"
        )


@jobs.command("retry")
def retry_jobs(
    deliveries: Annotated[
        list[int] | None, typer.Argument(help="Deliveries to send again.")
    ] = None,
    study: Annotated[str, typer.Option(help="Study Instance UID to analyse again.")] = "",
    config: ConfigOption = None,
    secrets: SecretsOption = None,
) -> None:
    """Send deliveries again (if none is named, all given up), or analyse a study again."""
    repository = archive_of_site(config, secrets).repository
    if study:
        try:
            repository.request_analysis(StudyUid(study))
        except NotFound as error:
            fail(str(error))
        _note_replay(repository, study_uid=study)
        typer.echo("queued")
        return
    wanted = deliveries or [
        one.delivery_id for one in repository.deliveries(state=DeliveryState.GAVE_UP)
    ]
    count = repository.replay_deliveries(wanted)
    _note_replay(repository, details={"count": count})
    typer.echo(f"{count} due now")


def _note_replay(repository: Repository, **entry: Any) -> None:
    repository.record_audit(AuditEntry(actor=COMMAND_LINE, action=AuditAction.REPLAY, **entry))


@database.command("upgrade")
def upgrade_database(config: ConfigOption = None, secrets: SecretsOption = None) -> None:
    """Bring the schema to this version's."""
    archive_of_site(config, secrets)
    typer.echo("the schema is up to date")
