"""The `hilum archive` and `hilum backup` commands: is all of it there, and a copy of it."""

from pathlib import Path
from typing import Annotated

import typer

from archive.account_records import COMMAND_LINE, AuditAction, AuditEntry
from archive.backing_up import BackupDone, back_up
from archive.checking import ArchiveCheck
from archive.commands import archive_of_site
from archive.errors import ArchiveError
from config.command_line import ConfigOption, SecretsOption, fail

archive = typer.Typer(help="Rows and files as a whole.", no_args_is_help=True)

PG_DUMP = (
    "the database is a server and not in this backup: take it before the files, with "
    "pg_dump --format=custom --file=FOLDER/hilum.dump"
)


@archive.callback()
def _only_a_group() -> None:
    """Rows and files as a whole."""


@archive.command("check")
def check(
    digests: Annotated[
        bool, typer.Option(help="Read and hash every file; without, compare lengths only.")
    ] = True,
    config: ConfigOption = None,
    secrets: SecretsOption = None,
) -> None:
    """Compare rows and files: ends with 0 only if every file is there and as it was recorded.

    Files that no row names are listed; they harm nothing.
    """
    opened = archive_of_site(config, secrets)
    looked = ArchiveCheck(opened, with_digests=digests)
    faults = 0
    try:
        for words in opened.repository.faults_of_database():
            faults += 1
            typer.echo(f"database: {words}")
        for one in looked.damaged():
            faults += 1
            typer.echo(f"{one.damage}: {one.file_key}")
        orphans = 0
        for file_key in looked.orphans():
            orphans += 1
            typer.echo(f"no row names it: {file_key}")
    except ArchiveError as error:
        fail(f"archive: {error}")
    how = "length and SHA-256" if digests else "length"
    size = f"{looked.byte_count / (1 << 30):.1f} GiB"
    typer.echo(f"{looked.file_count} files, {size}, compared by {how}: {faults} faults")
    typer.echo(f"{orphans} files that no row names")
    if left := opened.repository.files_to_delete_count():
        typer.echo(f"{left} files of deleted studies are still to go: run hilum retention again")
    if faults:
        raise typer.Exit(1)


def backup(
    folder: Annotated[Path, typer.Argument(help="Made if missing; may hold earlier backups.")],
    hard_links: Annotated[
        bool, typer.Option("--hard-links", help="Second names instead of copies; same disk only.")
    ] = False,
    config: ConfigOption = None,
    secrets: SecretsOption = None,
) -> None:
    """Copy database and files while everything runs; what is in FOLDER already is not copied again.

    Ends with 0 only if every file was copied as it was recorded.
    """
    opened = archive_of_site(config, secrets)
    try:
        done = back_up(opened, folder, hard_links=hard_links)
        details = {"file_count": done.file_count, "copied": done.copied}
        opened.repository.record_audit(
            AuditEntry(actor=COMMAND_LINE, action=AuditAction.BACKUP, details=details)
        )
    except ArchiveError as error:
        fail(str(error))
    _say(done)


def _say(done: BackupDone) -> None:
    if done.database is None:
        typer.echo(PG_DUMP, err=True)
    else:
        typer.echo(f"database: {done.database}")
    typer.echo(f"{done.file_count} files, {done.copied} of them copied now")
    for fault in done.faults:
        typer.echo(f"not in the backup: {fault}", err=True)
    if done.faults:
        raise typer.Exit(1)
