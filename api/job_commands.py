"""The `hilum jobs show` command: one delivery, or all of a study, step by step."""

from typing import Annotated

import typer

from api.cursors import LARGEST_NUMBER
from api.delivering import explanation, steps_of
from archive.commands import archive_of_site
from archive.errors import ArchiveError, NotFound
from archive.records import Delivery, StudyDetail, StudyUid
from archive.repository import Repository
from archive.retention_records import Deletion
from config.command_line import ConfigOption, SecretsOption, fail
from dicom_node.statuses import words_for


def show(
    job: Annotated[str, typer.Argument(help="Number of a delivery, or a Study Instance UID.")],
    config: ConfigOption = None,
    secrets: SecretsOption = None,
) -> None:
    """Show a delivery step by step, or a study with all its deliveries."""
    repository = archive_of_site(config, secrets).repository
    try:
        if job.isdecimal() and int(job) <= LARGEST_NUMBER:
            lines = _delivery_lines(repository.delivery(int(job)))
        else:
            lines = _study_lines(StudyUid(job), repository)
    except NotFound:
        fail(f"{job}: there is no such delivery or study")
    except ArchiveError as error:
        fail(f"archive: {error}")
    for line in lines:
        typer.echo(line)


def _delivery_lines(delivery: Delivery) -> list[str]:
    lines = [
        f"delivery {delivery.delivery_id}: {delivery.state}",
        f"  {delivery.kind} to {delivery.destination}",
        f"  study {delivery.study_uid}",
        f"  object {delivery.sop_instance_uid}",
    ]
    for step in steps_of(delivery):
        at = f"{step.at:%Y-%m-%d %H:%M:%S} UTC" if step.at else ""
        lines.append(f"  {step.name:12} {at:23} {step.words}".rstrip())
    if delivery.dicom_status is not None:
        lines.append(f"  {explanation(delivery.dicom_status)}")
    return lines


def _study_lines(study_uid: StudyUid, repository: Repository) -> list[str]:
    """Return all of a study, and of the times that it was here before.

    Raises
    ------
    NotFound
        It is not here and never was.
    """
    gone = [_deleted(one) for one in repository.deletions_of(study_uid)]
    try:
        return _lines_of(repository.study(study_uid)) + gone
    except NotFound:
        if not gone:
            raise
        return [f"study {study_uid}: is no longer here", *gone]


def _deleted(one: Deletion) -> str:
    return (
        f"  deleted {one.deleted_at:%Y-%m-%d %H:%M:%S} UTC, its time was over: "
        f"{one.instance_count} images, received until "
        f"{one.last_received_at:%Y-%m-%d %H:%M:%S} UTC, {one.state}"
    )


def _lines_of(detail: StudyDetail) -> list[str]:
    study = detail.study
    lines = [
        f"study {study.study_uid}: {study.state}{f' ({study.refusal})' if study.refusal else ''}",
        f"  {study.instance_count} images, received {study.first_received_at:%Y-%m-%d %H:%M:%S} to "
        f"{study.last_received_at:%Y-%m-%d %H:%M:%S} UTC",
    ]
    if study.rule:
        lines.append(f"  rule: {study.rule}")
    if study.reason:
        lines.append(f"  reason: {study.reason}")
    lines += [_in_short(delivery) for delivery in detail.deliveries]
    return lines


def _in_short(delivery: Delivery) -> str:
    status = "" if delivery.dicom_status is None else f", {words_for(delivery.dicom_status)}"
    reason = f": {delivery.reason}" if delivery.reason else ""
    return (
        f"  delivery {delivery.delivery_id}: {delivery.kind} to {delivery.destination} "
        f"{delivery.state}, attempt {delivery.attempt}{status}{reason}"
    )
