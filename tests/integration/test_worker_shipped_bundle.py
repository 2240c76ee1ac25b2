"""The bundle that ships, on one archive with everything at once: encodings, dirt, and nonsense.

One worker analyses all of it together; the tests then look at what came of their part.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless, generate_uid

from archive.database import Archive, open_archive
from archive.records import Refusal, StudyDetail, StudyState, StudyUid
from config.settings import ArchiveSettings, load_settings
from inference.worker import make_bench, work_once
from tests.builders.dirty_headers import DIRT, Dirt
from tests.builders.radiographs import ROWS, file_bytes, radiograph
from tests.builders.studies import as_dataset, queue_everything, receive_bytes, report_of
from tests.integration.dicom_node.peers import dcmtk

COMPRESSED = (RLELossless, JPEGLSLossless, JPEG2000Lossless)
DCMTK_ENCODERS = {
    "implicit": ("dcmconv", "+ti"),
    "big endian": ("dcmconv", "+tb"),
    "deflated": ("dcmconv", "+td"),
    "JPEG lossless": ("dcmcjpeg", "+e1"),
}
NAMES = {
    "Japanese": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "Korean": "Hong^Gildong=洪^吉洞=홍^길동",
}
CLOSE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Analysed:
    """What one worker made of everything."""

    archive: Archive
    studies: dict[str, StudyUid]

    def __getitem__(self, name: str) -> StudyDetail:
        return self.archive.repository.study(self.studies[name])

    def probability(self, name: str) -> float:
        (finding,) = self[name].results[0].outcome.findings
        return finding.probability


def fresh(ds: Dataset) -> Dataset:
    """The same object as a study of its own."""
    ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    return ds


def encodings(folder: Path) -> dict[str, bytes]:
    """One chest radiograph in every lossless encoding, each as a study of its own."""
    made = {"plain": file_bytes(fresh(radiograph()))}
    for name, command in DCMTK_ENCODERS.items():
        plain, encoded = folder / f"{name} plain.dcm", folder / f"{name}.dcm"
        plain.write_bytes(file_bytes(fresh(radiograph())))
        assert dcmtk(*command, plain, encoded).returncode == 0
        made[name] = encoded.read_bytes()
    for syntax in COMPRESSED:
        ds = as_dataset(file_bytes(fresh(radiograph())))
        ds.compress(syntax, generate_instance_uid=False)
        made[syntax.name] = file_bytes(ds)
    return made


def nonsense() -> dict[str, Dataset]:
    """Objects whose headers say chest, frontal, and whose pixels do not."""
    shape = (ROWS, ROWS)
    noise = np.random.default_rng(5).integers(0, 4096, shape).astype(np.uint16)
    slope = np.tile(np.linspace(0, 4095, ROWS).astype(np.uint16), (ROWS, 1))
    return {"noise": radiograph(pixels=noise), "slope": radiograph(pixels=slope)}


@pytest.fixture(scope="module")
def analysed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Analysed]:
    folder = tmp_path_factory.mktemp("shipped")
    archive = open_archive(
        ArchiveSettings(root=folder / "files", database_url=f"sqlite:///{folder / 'hilum.db'}")
    )
    contents = encodings(folder)
    contents |= {f"dirty: {one.name}": file_bytes(fresh(one.make())) for one in DIRT}
    contents |= {name: file_bytes(fresh(ds)) for name, ds in nonsense().items()}
    studies = {}
    for name, content in contents.items():
        studies[name] = receive_bytes(archive, dcmread(io.BytesIO(content)), content).study_uid
    queue_everything(archive)
    bench = make_bench(load_settings(), archive)
    while work_once(bench):
        pass
    yield Analysed(archive=archive, studies=studies)
    archive.repository.dispose()


@pytest.mark.peer("dcmtk")
def test_every_lossless_encoding_gives_the_same_probability(analysed: Analysed) -> None:
    names = [name for name in analysed.studies if not name.startswith(("dirty", "noise", "slope"))]
    assert len(names) == 1 + len(DCMTK_ENCODERS) + len(COMPRESSED)
    expected = analysed.probability("plain")
    assert [analysed.probability(name) for name in names] == pytest.approx(
        [expected] * len(names), abs=CLOSE, rel=0
    )


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("dirt", DIRT, ids=lambda dirt: dirt.name)
def test_no_dirt_stops_the_queue(analysed: Analysed, dirt: Dirt) -> None:
    name = f"dirty: {dirt.name}"
    expected = StudyState.REPORTED if dirt.is_eligible else StudyState.NOT_ANALYSED
    assert analysed[name].study.state is expected
    report = as_dataset(report_of(analysed.archive, analysed.studies[name]))
    assert report.StudyInstanceUID == analysed.studies[name]
    assert report.CompletionFlag == "COMPLETE"


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize(("name", "written"), NAMES.items())
def test_names_come_through_the_whole_worker_byte_correct(
    analysed: Analysed, name: str, written: str
) -> None:
    content = report_of(analysed.archive, analysed.studies[f"dirty: {name}"])
    assert written.encode("utf-8") in content


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("name", ["noise", "slope"])
def test_what_is_no_chest_is_reported_as_not_analysed_with_its_reason(
    analysed: Analysed, name: str
) -> None:
    detail = analysed[name]
    assert detail.study.state is StudyState.NOT_ANALYSED
    assert detail.study.refusal is Refusal.NOT_A_CHEST_RADIOGRAPH
    (result,) = detail.results
    assert result.outcome.findings == ()
    assert "does not look like a chest radiograph" in detail.study.reason
    assert [one.kind for one in result.outcome.reports] == ["AI_RESULT"]
    report = report_of(analysed.archive, detail.study.study_uid)
    assert b"does not look like a chest radiograph" in report
