"""Studies of which nothing is on its way any more, with real files."""

import os
from datetime import timedelta
from typing import Any

from pydicom import FileDataset
from sqlalchemy import text

from archive.database import Archive
from archive.files import RECEIVED, REPORTS
from archive.records import InstanceKey
from archive.repository.transactions import SECONDS_A_DAY
from archive.retention_records import RetentionRule
from archive.schema import UtcDateTime, metadata
from tests.builders.grey_scales import a_radiograph
from tests.web import report_radiograph

EVERYTHING = RetentionRule(older_than=timedelta(0), actor="test")


def image_of(number: int, **elements: Any) -> FileDataset:
    """An image of the study of this number."""
    return a_radiograph(study_uid=f"1.2.826.0.1.7.{100 + number}", **elements)


def a_finished_study(
    archive: Archive, number: int = 1, *, ds: FileDataset | None = None, **attributes: Any
) -> InstanceKey:
    """A study whose result was delivered; returns the key of its image."""
    key = report_radiograph(archive, ds or image_of(number), **attributes)
    deliver_everything(archive)
    return key


def deliver_everything(archive: Archive, destination: str = "pacs") -> None:
    claims = archive.repository.claim_deliveries("s", destination, limit=99, lease_seconds=60)
    for claim in claims:
        archive.repository.mark_delivered(claim, dicom_status=0)


def let_days_pass(archive: Archive, days: int) -> None:
    """Put back every time in an SQLite archive, and of its files, but not the audit trail's."""
    for folder in (RECEIVED, REPORTS):
        for file_key in archive.files.list_keys(folder):
            path = archive.files.path_of(file_key)
            earlier_ns = path.stat().st_mtime_ns - days * SECONDS_A_DAY * 10**9
            os.utime(path, ns=(earlier_ns, earlier_ns))
    with archive.repository._engine.begin() as connection:
        for table in metadata.sorted_tables:
            for column in table.columns:
                if isinstance(column.type, UtcDateTime) and table.name != "audit_events":
                    earlier = f"strftime('%Y-%m-%d %H:%M:%f000', {column.name}, '-{days} days')"
                    connection.execute(
                        text(f"UPDATE {table.name} SET {column.name} = {earlier}")  # noqa: S608  # our own names
                    )
