"""Every report we make, before the validators of other projects: no error, no warning."""

import hashlib
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import highdicom
import numpy as np
import pytest
from pydicom.dataset import Dataset

from archive.records import Presence, Refusal, StudyState
from inference.report.decisions import ReviewDecision, Withdrawal
from inference.report.document import encode
from inference.report.evidence import reference_to
from inference.report.regions import outline, segmentation
from inference.report.rejection_note import rejection_note
from inference.report.words import Language
from inference.statements import Statement
from tests.builders.dirty_headers import DIRT
from tests.builders.radiographs import file_bytes, radiograph
from tests.builders.reports import (
    MADE_AT,
    a_decision,
    a_heat_map,
    a_refusal,
    a_review,
    an_ai_result,
    an_author,
)
from tests.builders.studies import as_dataset
from tests.unit.inference.report.tree import named
from tests.validators import dciodvfy, dsr_html, dsr_text, dsrdump, pixelmed

STATEMENTS = tuple(Statement)
BROKEN = "with a wrong relation"
OUT_OF_PLACE = "with an item that no template knows there"


def _reports() -> dict[str, Dataset]:
    made = {}
    for kind in ("CR", "DX", "SC"):
        source = radiograph(kind)
        first = reference_to(an_ai_result(source))
        for presence in Presence:
            made[f"{kind} {presence}"] = an_ai_result(source, presence, statements=STATEMENTS)
        made[f"{kind} with heat map"] = an_ai_result(source, heat_map=a_heat_map(source))
        ai_result = an_ai_result(source)
        made[f"{kind} accepted"] = a_review(ai_result)
        made[f"{kind} rejected"] = a_review(ai_result, a_decision(ReviewDecision.REJECTED))
        made[f"{kind} corrected"] = a_review(
            ai_result,
            a_decision(ReviewDecision.CORRECTED, Presence.UNDETERMINED, comment="Rotated."),
        )
        withdrawn = a_decision(
            ReviewDecision.WITHDRAWN,
            withdrawal=Withdrawal.WRONG_PATIENT,
            comment="WRONG_PATIENT_OR_STUDY.",
        )
        made[f"{kind} withdrawn"] = a_review(ai_result, withdrawn)
        made[f"{kind} superseding"] = an_ai_result(
            radiograph(kind), Presence.PRESENT, predecessor=first
        )
        made[f"{kind} not analysed"] = a_refusal(source, Refusal.NOT_FRONTAL)
        made[f"{kind} failed"] = a_refusal(
            source, Refusal.PROCESSING_FAILED, state=StudyState.FAILED, predecessor=first
        )
    spanish = an_author(Language.SPANISH)
    made["Spanish"] = an_ai_result(
        radiograph(), Presence.ABSENT, statements=STATEMENTS, author=spanish
    )
    alone = a_decision(ReviewDecision.CORRECTED, Presence.PRESENT)
    made["reviewed without result"] = a_review(a_refusal(radiograph()), alone)
    made["unreadable"] = a_review(an_ai_result(radiograph()), a_decision(ReviewDecision.UNREADABLE))
    made["Spanish rejected"] = a_review(
        an_ai_result(radiograph(), author=spanish), a_decision(ReviewDecision.REJECTED)
    )
    made["Spanish not analysed"] = a_refusal(radiograph(), author=spanish)
    for dirt in DIRT:
        source = as_dataset(file_bytes(dirt.make()))
        made[f"dirty: {dirt.name}"] = an_ai_result(source)
    return made


def _notes() -> dict[str, Dataset]:
    made = {}
    for kind in ("CR", "DX", "SC"):
        source = radiograph(kind)
        drawn = a_heat_map(source)
        sent = [an_ai_result(source, heat_map=drawn), drawn]
        for why in Withdrawal:
            made[f"{kind} {why}"] = rejection_note(sent, why, review_id="1", made_at=MADE_AT)
    return made


REPORTS = _reports()
NOTES = _notes()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    paths = {}
    for number, (name, report) in enumerate((REPORTS | NOTES).items()):
        paths[name] = folder / f"{number}.dcm"
        paths[name].write_bytes(encode(report))
    for name, make in (
        (BROKEN, _with_a_wrong_relation),
        (OUT_OF_PLACE, _with_an_item_out_of_place),
    ):
        paths[name] = folder / f"{make.__name__}.dcm"
        paths[name].write_bytes(encode(make()))
    return paths


def _with_a_wrong_relation() -> Dataset:
    report = an_ai_result(radiograph())
    (group,) = named(report, "Measurement Group")
    (finding,) = named(group, "Finding")
    finding.RelationshipType = "HAS PROPERTIES"
    return report


def _with_an_item_out_of_place() -> Dataset:
    report = an_ai_result(radiograph())
    (group,) = named(report, "Measurement Group")
    (identifier,) = named(group, "Tracking Identifier")
    report.ContentSequence.append(identifier)
    return report


@pytest.fixture(scope="module", autouse=True)
def pixelmed_at_work(files: dict[str, Path]) -> Iterator[Future[dict[Path, list[str]]]]:
    """PixelMed takes the longest, so it begins first and is asked last."""
    with ThreadPoolExecutor() as beside:
        # Broken ones first: nothing of them may be left over for those after them.
        names = [BROKEN, OUT_OF_PLACE, *REPORTS, *NOTES]
        yield beside.submit(pixelmed, [files[name] for name in names])


@pytest.fixture
def pixelmed_complaints(
    pixelmed_at_work: Future[dict[Path, list[str]]],
) -> dict[Path, list[str]]:
    return pixelmed_at_work.result()


@pytest.mark.peer("dicom3tools")
@pytest.mark.parametrize("name", REPORTS | NOTES)
def test_dicom3tools_has_nothing_to_complain_of(files: dict[str, Path], name: str) -> None:
    # What the received object lacks cannot be invented; a DICOMDIR would want it.
    complaints = [one for one in dciodvfy(files[name]) if "to build DICOMDIR" not in one]
    assert complaints == []


@pytest.mark.peer("dicom3tools")
@pytest.mark.parametrize("kind", ["CR", "DX", "SC"])
def test_dicom3tools_has_nothing_to_complain_of_a_heat_map(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "heat_map.dcm"
    path.write_bytes(encode(a_heat_map(radiograph(kind))))
    assert dciodvfy(path) == []


@pytest.mark.peer("dicom3tools")
@pytest.mark.parametrize("kind", ["CR", "DX", "SC"])
@pytest.mark.parametrize("make", [segmentation, outline])
def test_dicom3tools_has_nothing_to_complain_of_a_region(
    tmp_path: Path, kind: str, make: Callable[..., Dataset]
) -> None:
    path = tmp_path / "region.dcm"
    made = make(radiograph(kind), np.eye(7, dtype=np.float32), an_author(), made_at=MADE_AT)
    path.write_bytes(encode(made))
    assert dciodvfy(path) == []


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("name", REPORTS | NOTES)
def test_dcmtk_has_nothing_to_complain_of(files: dict[str, Path], name: str) -> None:
    assert dsrdump(files[name]) == []


@pytest.mark.peer("pixelmed")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", REPORTS | NOTES)
def test_pixelmed_has_nothing_to_complain_of(
    files: dict[str, Path], pixelmed_complaints: dict[Path, list[str]], name: str
) -> None:
    assert pixelmed_complaints[files[name]] == []


@pytest.mark.parametrize("name", REPORTS)
def test_highdicom_reads_it_back(files: dict[str, Path], name: str) -> None:
    report = highdicom.sr.srread(str(files[name]))
    assert report.SOPInstanceUID == REPORTS[name].SOPInstanceUID
    assert isinstance(report.content, highdicom.sr.MeasurementReport)


@pytest.mark.peer("dicom3tools", "dcmtk")
def test_the_validators_do_bite(tmp_path: Path) -> None:
    report = an_ai_result(radiograph())
    del report.CompletionFlag
    path = tmp_path / "bad.dcm"
    path.write_bytes(encode(report))
    assert dciodvfy(path)
    assert dsrdump(path)


@pytest.mark.peer("pixelmed")
@pytest.mark.timeout(900)
def test_pixelmed_bites_where_the_template_is_broken(
    files: dict[str, Path], pixelmed_complaints: dict[Path, list[str]]
) -> None:
    assert "Incorrect relationship" in pixelmed_complaints[files[BROKEN]][0]
    (complaint,) = pixelmed_complaints[files[OUT_OF_PLACE]]
    assert "Content Item not in template" in complaint


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("presence", [Presence.ABSENT, Presence.UNDETERMINED])
def test_a_report_that_is_not_positive_never_reads_as_positive(
    tmp_path: Path, presence: Presence
) -> None:
    path = tmp_path / "report.dcm"
    path.write_bytes(encode(an_ai_result(radiograph(), presence)))
    page = re.sub(r"<[^>]+>", "", dsr_html(path))
    lines = [line.strip() for line in page.splitlines() if line.strip()]
    told = [line for line in lines if "pneumonia" in line.lower()]
    assert told
    for line in told:
        assert re.search(r"pneumonia-test|NOT detected|UNDETERMINED", line), line
    assert "Finding" not in [line.rstrip(":") for line in lines]


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("name", [name for name in REPORTS if name.startswith("dirty")])
def test_a_dirty_header_ends_in_a_report_that_can_be_read(
    files: dict[str, Path], name: str
) -> None:
    assert "Imaging Measurement Report" in dsr_text(files[name])


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Japanese", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("Korean", "Hong^Gildong=洪^吉洞=홍^길동"),
        ("Latin-1", "Núñez^Zoë"),
        ("UTF-8", "王^小東"),
    ],
)
def test_names_of_every_character_set_are_byte_correct(
    files: dict[str, Path], name: str, written: str
) -> None:
    content = files[f"dirty: {name}"].read_bytes()
    assert written.encode("utf-8") in content
    assert as_dataset(content).PatientName == written


def test_there_are_32_kinds_of_dirt() -> None:
    assert len(DIRT) == 32
    assert len({dirt.name for dirt in DIRT}) == 32


def test_reporting_does_not_change_a_dirty_object() -> None:
    for dirt in DIRT:
        content = file_bytes(dirt.make())
        source = as_dataset(content)
        an_ai_result(source)
        assert hashlib.sha256(file_bytes(source)).digest() == hashlib.sha256(content).digest()
