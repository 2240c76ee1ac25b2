"""`hilum export`: tables that other programs read, without anybody's name."""

import csv
import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from archive.account_records import AuditAction
from archive.database import Archive
from tests.builders.people import a_radiologist, a_review
from tests.integration.command_line.test_start_up import hilum
from tests.serving import Site
from tests.web import report_study


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(folder=tmp_path / "site")
    made.write_settings()
    return made


@pytest.fixture
def filled(site: Site) -> Archive:
    """Three studies with results, one of them reviewed."""
    archive = site.open_archive()
    for study in (1, 2, 3):
        report_study(archive, study)
    archive.repository.add_review(a_review(archive, a_radiologist(archive), 2, held_seconds=0.0))
    return archive


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_every_study_is_a_line_without_a_name(site: Site, filled: Archive) -> None:
    exported = hilum("export", "studies", "--config", site.settings_file)
    assert exported.returncode == 0, exported.stderr
    lines = table(exported.stdout)
    assert [one["study_uid"] for one in lines] == ["1.2.3.1", "1.2.3.2", "1.2.3.3"]
    assert [one["is_read"] for one in lines] == ["False", "True", "False"]
    study = filled.repository.studies(limit=10)[0][0]
    assert lines[0]["state"] == study.state == "REPORTED"
    for name in (study.attributes.patient_name, study.attributes.patient_id):
        assert name
        assert name not in exported.stdout


@pytest.mark.parametrize(("what", "count"), [("studies", 3), ("reviews", 1)])
def test_a_parquet_file_holds_the_same_lines(
    site: Site, filled: Archive, tmp_path: Path, what: str, count: int
) -> None:
    file = tmp_path / f"{what}.parquet"
    written = hilum("export", what, "--output", file, "--config", site.settings_file)
    assert written.returncode == 0, written.stderr
    read = pq.read_table(file).to_pylist()
    as_text = table(hilum("export", what, "--config", site.settings_file).stdout)
    assert [one["study_uid"] for one in read] == [one["study_uid"] for one in as_text]
    assert len(read) == count
    noted = filled.repository.audit_events(limit=10, action=AuditAction.EXPORT)
    assert [one.entry.details["form"] for one in noted] == ["csv", "parquet"]
    assert {one.entry.details["what"] for one in noted} == {what}


def test_a_file_of_another_kind_is_refused_before_anything_is_read(
    site: Site, tmp_path: Path
) -> None:
    refused = hilum(
        "export", "studies", "--output", tmp_path / "studies.xlsx", "--config", site.settings_file
    )
    assert refused.returncode == 1
    assert "ends in .csv or .parquet" in refused.stderr
