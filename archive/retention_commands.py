"""The `hilum retention` command: deletes studies whose time is over."""

from datetime import timedelta
from typing import Annotated

import typer

from archive.account_records import COMMAND_LINE
from archive.commands import opened_archive
from archive.errors import ArchiveError, FilesInUse
from archive.retaining import delete_finished, finished
from archive.retention_records import Hold, RetentionDone, RetentionRule
from config.command_line import ConfigOption, SecretsOption, fail, site_settings
from config.settings import Settings

retention = typer.Typer(help="How long studies stay here.", no_args_is_help=True)

_WHY = {
    Hold.UNSENT: "an object waits to be sent",
    Hold.GAVE_UP: "an object was given up (hilum jobs list)",
    Hold.UNCOMMITTED: "a destination has not committed to keep an object",
    Hold.UNDECIDED: "a decision has not become a report",
    Hold.IN_READING: "somebody has it open or has put it off",
    Hold.UNTOLD_FAILURE: "failed without a report that says so",
    Hold.CHANGED: "something happens to it now, or one of its files was written since",
}
_ROW = "{:>8}  {}"


@retention.callback()
def _only_a_group() -> None:
    """How long studies stay here."""


@retention.command("run")
def run(
    older_than: Annotated[
        int | None,
        typer.Option(min=1, help="Days since the last thing happened; not archive.retention_days."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go; delete nothing.")
    ] = False,
    config: ConfigOption = None,
    secrets: SecretsOption = None,
) -> None:
    """Delete finished studies, images and results, that are older than the limit.

    Never one with something unsent, given up or undecided. May run beside everything, and be
    killed at any moment; without a limit in the settings or here, everything is kept.
    """
    settings = site_settings(config, secrets)
    days = older_than or settings.archive.retention_days
    if not days:
        typer.echo("archive.retention_days is 0: everything is kept")
        return
    rule = _rule(settings, days)
    archive = opened_archive(settings.archive)
    try:
        done = finished(archive, rule) if dry_run else delete_finished(archive, rule)
    except FilesInUse as error:
        fail(f"retention: {error}; run it again afterwards")
    except ArchiveError as error:
        fail(f"archive: {error}")
    _say(done, days, "would go" if dry_run else "deleted")


def _rule(settings: Settings, days: int) -> RetentionRule:
    return RetentionRule(
        older_than=timedelta(days=days),
        committing=frozenset(one.name for one in settings.destinations if one.asks_for_commitment),
        is_patient_named=settings.syslog.is_on and settings.syslog.patient_ids,
        actor=COMMAND_LINE,
    )


def _say(done: RetentionDone, days: int, word: str) -> None:
    size = f"{done.file_count} files, {done.byte_count / (1 << 30):.1f} GiB"
    typer.echo(f"nothing happened to them for {days} days:")
    typer.echo(_ROW.format(done.study_count, f"studies {word}: {size}"))
    for hold, count in sorted(done.held.items()):
        typer.echo(_ROW.format(count, f"studies stay: {_WHY[hold]}"))
