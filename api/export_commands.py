"""The `hilum export` command: reviews and studies as tables to take away."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api.exports import as_csv, as_parquet
from archive.account_records import COMMAND_LINE, AuditAction, AuditEntry
from archive.commands import archive_of_site
from archive.errors import ArchiveError
from archive.operation_records import ListedStudy
from archive.repository import Repository
from archive.review_records import JudgedResult
from config.command_line import ConfigOption, SecretsOption, fail

CSV, PARQUET = ".csv", ".parquet"


class Subject(StrEnum):
    """What is exported."""

    REVIEWS = "reviews"
    STUDIES = "studies"


def export(
    what: Subject,
    output: Annotated[
        Path | None, typer.Option(help="A .csv or .parquet file; else CSV goes to the screen.")
    ] = None,
    config: ConfigOption = None,
    secrets: SecretsOption = None,
) -> None:
    """Write a table of all reviews or studies; it names no patient and no reviewer."""
    form = CSV if output is None else output.suffix
    if form not in (CSV, PARQUET):
        fail(f"{output}: the name of the file ends in {CSV} or {PARQUET}")
    repository = archive_of_site(config, secrets).repository
    try:
        content = _table(repository, what, form)
        details = {"form": form.removeprefix("."), "what": what.value}
        repository.record_audit(
            AuditEntry(actor=COMMAND_LINE, action=AuditAction.EXPORT, details=details)
        )
    except ArchiveError as error:
        fail(f"archive: {error}")
    _write(content, output)


def _table(repository: Repository, what: Subject, form: str) -> bytes:
    if what is Subject.REVIEWS:
        reviews = repository.judged_results()
        if form == CSV:
            return as_csv(reviews, JudgedResult)
        return as_parquet(reviews, JudgedResult)
    studies = repository.listed_studies()
    return as_csv(studies, ListedStudy) if form == CSV else as_parquet(studies, ListedStudy)


def _write(content: bytes, output: Path | None) -> None:
    if output is None:
        sys.stdout.buffer.write(content)
        return
    try:
        output.write_bytes(content)
    except OSError as error:
        fail(f"{output}: {error.strerror}")
