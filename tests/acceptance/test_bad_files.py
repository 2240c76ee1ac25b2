"""Mutilated, truncated, wrong or empty objects: a clear answer each, and the queue goes on."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, MRImageStorage

from archive.errors import NotFound
from archive.records import Refusal, StudyState, StudyUid
from tests.builders.radiographs import a_chest_file, file_bytes
from tests.processes import wait_until
from tests.serving import Site

MARK = "Unmistakable^Name"


def truncated(ds: Dataset) -> None:
    ds.PixelData = ds.PixelData[: len(ds.PixelData) // 2]


def without_pixels(ds: Dataset) -> None:
    del ds.PixelData


def wrong_modality(ds: Dataset) -> None:
    ds.Modality = "US"


def broken_codestream(ds: Dataset) -> None:
    ds.file_meta.TransferSyntaxUID = JPEG2000Lossless
    ds.PixelData = encapsulate([b"\xff\x4f\xff\x51" + b"\x00" * 200])


def one_grey(ds: Dataset) -> None:
    ds.PixelData = b"\x10\x00" * (ds.Rows * ds.Columns)


def another_class(ds: Dataset) -> None:
    ds.SOPClassUID = MRImageStorage
    ds.file_meta.MediaStorageSOPClassUID = MRImageStorage


STORED: list[tuple[Callable[[Dataset], None], Refusal]] = [
    (truncated, Refusal.PIXELS_UNREADABLE),
    (without_pixels, Refusal.PIXELS_UNREADABLE),
    (wrong_modality, Refusal.WRONG_MODALITY),
    (broken_codestream, Refusal.PIXELS_UNREADABLE),
    (one_grey, Refusal.NO_CONTRAST),
]


def spoilt(folder: Path, spoil: Callable[[Dataset], None]) -> tuple[Path, StudyUid]:
    file, study = a_chest_file(folder / f"{spoil.__name__}.dcm")
    ds = dcmread(file)
    ds.PatientName = MARK
    spoil(ds)
    file.write_bytes(file_bytes(ds))
    return file, StudyUid(study)


def storescu(site: Site, file: Path) -> int:
    """Send one file as it is; 0 only if the node answered success."""
    return subprocess.run(
        ["storescu", "-xv", "-aet", "STORESCU", "-aec", "HILUM",
         "127.0.0.1", str(site.dicom_port), str(file)]
        if "broken" in file.name
        else ["storescu", "-aet", "STORESCU", "-aec", "HILUM",
              "127.0.0.1", str(site.dicom_port), str(file)],
        capture_output=True, check=False, timeout=60,
    ).returncode  # fmt: skip


@pytest.mark.peer("dcmtk")
def test_every_bad_object_gets_a_clear_answer_and_the_queue_goes_on(tmp_path: Path) -> None:
    site = Site(folder=tmp_path / "site")
    with site.serving():
        archive = site.open_archive()
        made = [(spoilt(tmp_path, spoil), refusal) for spoil, refusal in STORED]
        for (file, _), _ in made:
            assert storescu(site, file) == 0, file.name
        refused_file, refused_study = spoilt(tmp_path, another_class)
        assert storescu(site, refused_file) != 0
        good_file, good_study = a_chest_file(tmp_path / "good.dcm")
        assert storescu(site, good_file) == 0

        def state(study: StudyUid) -> StudyState:
            return archive.repository.study(study).study.state

        wait_until(
            lambda: state(StudyUid(good_study)) is StudyState.REPORTED,
            within_seconds=60,
            what="the good study behind the bad ones",
        )
        for (file, study), refusal in made:
            wait_until(
                lambda study=study: state(study) is StudyState.NOT_ANALYSED,  # type: ignore[misc]
                within_seconds=30,
                what=file.name,
            )
            assert archive.repository.study(study).study.refusal is refusal, file.name
        with pytest.raises(NotFound):
            archive.repository.study(refused_study)
        archive.repository.dispose()
    logged = site.log_file.read_text()
    assert "Unmistakable" not in logged
