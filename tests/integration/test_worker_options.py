"""What a site sets under `report:` reaches every object that its worker makes."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from archive.database import Archive
from archive.records import Presence, Report, ReportKind, StudyUid
from archive.review_records import ReviewReason, Verdict
from config.destinations import DimseDestination
from config.settings import ProcedureCodeSettings, Settings, load_settings
from inference.report.document import encode
from inference.report.review import presence_in
from inference.worker import Bench, make_bench, work_once
from tests.builders.bundles import write_bundle
from tests.builders.radiographs import radiograph
from tests.builders.studies import as_dataset, queue_everything, receive
from tests.fakes.classifier import a_classifier
from tests.integration.test_worker_reviews import decided
from tests.unit.inference.report.tree import named, texts_of
from tests.validators import dciodvfy

PACS = DimseDestination(name="pacs", ae_title="PACS", host="127.0.0.1", port=104)
LOINC = ProcedureCodeSettings(value="36643-5", scheme="LN", meaning="XR Chest 2 Views")
LARGEST_KIND = 16  # characters of the column in archive/schema.py


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("bundle"))


def settings_of_site(bundle: Path, **report: object) -> Settings:
    defaults = load_settings()
    return defaults.model_copy(
        update={
            "destinations": (PACS,),
            "model": defaults.model.model_copy(update={"bundle": str(bundle)}),
            "report": defaults.report.model_copy(update=report),
        }
    )


def bench_of_site(archive: Archive, bundle: Path, probability: float, **report: object) -> Bench:
    """A worker put together from settings, whose network says one probability."""
    bench = make_bench(settings_of_site(bundle, **report), archive)
    pipeline = replace(bench.pipeline, classifier=a_classifier(probability))
    return replace(bench, pipeline=pipeline)


def analysed(archive: Archive, bench: Bench, source: Dataset | None = None) -> StudyUid:
    study_uid = receive(archive, source or radiograph())
    queue_everything(archive)
    assert work_once(bench)
    return study_uid


def reports(archive: Archive, study_uid: StudyUid) -> tuple[Report, ...]:
    return archive.repository.study(study_uid).reports


def made(archive: Archive, study_uid: StudyUid, kind: ReportKind) -> Dataset:
    (report,) = [one for one in reports(archive, study_uid) if one.kind is kind]
    return as_dataset(archive.files.read(report.file_key, sha256=report.file_sha256))


def procedure(report: Dataset) -> str:
    (item,) = named(report, "Procedure reported")
    return str(item.ConceptCodeSequence[0].CodeValue)


def test_language_institution_and_procedure_stand_in_results_and_reviews(
    archive: Archive, bundle: Path
) -> None:
    bench = bench_of_site(
        archive,
        bundle,
        0.9,
        language="es-ES",
        institution_name="Hospital General",
        procedure_code=LOINC,
    )
    study_uid = analysed(archive, bench)
    decided(archive, study_uid, Verdict.ACCEPT)
    assert work_once(bench)
    for kind, said in ((ReportKind.AI_RESULT, "IA: neumon"), (ReportKind.REVIEW, "Radiólogo: ")):
        report = made(archive, study_uid, kind)
        assert texts_of(report, "Summary")[0].startswith(said)
        assert report.InstitutionName == "Hospital General"
        assert procedure(report) == "36643-5"
        assert report.PerformedProcedureCodeSequence[0].CodeValue == "36643-5"
    assert made(archive, study_uid, ReportKind.HEAT_MAP).InstitutionName == "Hospital General"


def test_as_shipped_the_procedure_is_the_generic_one_and_no_institution_is_named(
    archive: Archive, bundle: Path
) -> None:
    study_uid = analysed(archive, bench_of_site(archive, bundle, 0.9))
    report = made(archive, study_uid, ReportKind.AI_RESULT)
    assert procedure(report) == "363679005"
    assert "InstitutionName" not in report
    kinds = [one.kind for one in reports(archive, study_uid)]
    assert sorted(kinds) == [ReportKind.AI_RESULT, ReportKind.HEAT_MAP]


def test_without_heat_map_none_is_sent_and_the_reading_page_keeps_its_own(
    archive: Archive, bundle: Path
) -> None:
    source = radiograph()
    study_uid = analysed(archive, bench_of_site(archive, bundle, 0.9, heat_map=False), source)
    assert [one.kind for one in reports(archive, study_uid)] == [ReportKind.AI_RESULT]
    assert not named(made(archive, study_uid, ReportKind.AI_RESULT), "Visual explanation")
    (instance,) = archive.repository.study(study_uid).instances
    assert archive.repository.heat_map(instance.key.sop_instance_uid) is not None


@pytest.mark.parametrize(
    ("probability", "count"), [pytest.param(0.9, 2, id="positive"), pytest.param(0.1, 0)]
)
def test_segmentation_and_presentation_state_come_with_what_is_not_negative(
    archive: Archive, bundle: Path, probability: float, count: int
) -> None:
    bench = bench_of_site(
        archive, bundle, probability, heat_map=False, segmentation=True, presentation_state=True
    )
    source = radiograph()
    study_uid = analysed(archive, bench, source)
    further = {ReportKind.SEGMENTATION, ReportKind.OUTLINE}
    found = [one for one in reports(archive, study_uid) if one.kind in further]
    assert len(found) == count
    for report in found:
        ds = as_dataset(archive.files.read(report.file_key, sha256=report.file_sha256))
        assert ds.StudyInstanceUID == source.StudyInstanceUID
        assert ds.SOPClassUID == report.sop_class_uid
    sent = {one.kind for one in archive.repository.study(study_uid).deliveries}
    assert sent == {ReportKind.AI_RESULT} | {one.kind for one in found}


def test_another_language_makes_another_object(archive: Archive, bundle: Path) -> None:
    study_uid = analysed(archive, bench_of_site(archive, bundle, 0.1))
    english = archive.repository.current_result(study_uid)
    archive.repository.request_analysis(study_uid)
    assert work_once(bench_of_site(archive, bundle, 0.1, language="es-ES"))
    spanish = archive.repository.current_result(study_uid)
    assert english is not None
    assert spanish is not None
    (before,), (after,) = english.outcome.reports, spanish.outcome.reports
    assert before.key.sop_instance_uid != after.key.sop_instance_uid
    words = texts_of(as_dataset(archive.files.read(after.file_key)), "Summary")[0]
    assert "NO detectada" in words


def test_every_kind_of_report_fits_its_column() -> None:
    assert max(len(kind) for kind in ReportKind) <= LARGEST_KIND


@pytest.mark.parametrize(
    ("is_on", "reason", "title"),
    [
        (True, ReviewReason.WRONG_PATIENT_OR_STUDY, "113037"),
        (True, ReviewReason.FAULTY_RUN, "113001"),
        (True, ReviewReason.READING_DIFFERS, None),
        (False, ReviewReason.WRONG_PATIENT_OR_STUDY, None),
        (False, ReviewReason.FAULTY_RUN, None),
    ],
)
@pytest.mark.peer("dicom3tools")
def test_what_should_never_have_been_is_withdrawn_where_the_site_asks_for_it(
    archive: Archive,
    bundle: Path,
    tmp_path: Path,
    is_on: bool,
    reason: ReviewReason,
    title: str | None,
) -> None:
    count = 0 if title is None else 1
    bench = bench_of_site(
        archive, bundle, 0.9, segmentation=True, presentation_state=True, rejection_note=is_on
    )
    study_uid = analysed(archive, bench)
    withdrawn = {str(one.key.sop_instance_uid) for one in reports(archive, study_uid)}
    decided(archive, study_uid, Verdict.REJECT, presence=Presence.ABSENT, reason=reason)
    assert work_once(bench)
    kinds = [one.kind for one in reports(archive, study_uid)]
    assert kinds.count(ReportKind.REVIEW) == 1
    assert kinds.count(ReportKind.REJECTION_NOTE) == count
    sent = [one.kind for one in archive.repository.study(study_uid).deliveries]
    assert sent.count(ReportKind.REJECTION_NOTE) == count
    if not count:
        return
    note = made(archive, study_uid, ReportKind.REJECTION_NOTE)
    assert note.ConceptNameCodeSequence[0].CodeValue == title
    named_objects = {
        str(item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
        for item in note.ContentSequence
        if "ReferencedSOPSequence" in item
    }
    assert named_objects == withdrawn
    path = tmp_path / "note.dcm"
    path.write_bytes(encode(note))
    assert dciodvfy(path) == []


@pytest.mark.parametrize(
    ("reason", "conclusion"),
    [(ReviewReason.WRONG_PATIENT_OR_STUDY, "113037"), (ReviewReason.FAULTY_RUN, "113001")],
    ids=str,
)
def test_who_withdraws_a_result_says_nothing_of_the_patient(
    archive: Archive, bundle: Path, reason: ReviewReason, conclusion: str
) -> None:
    bench = bench_of_site(archive, bundle, 0.9)
    study_uid = analysed(archive, bench)
    decided(archive, study_uid, Verdict.REJECT, presence=None, reason=reason)
    assert work_once(bench)
    review = made(archive, study_uid, ReportKind.REVIEW)
    assert presence_in(review) is Presence.UNDETERMINED
    assert "withdrawn and must not be used" in texts_of(review, "Summary")[0]
    assert not named(review, "Finding")
    (withdrawn,) = named(review, "Conclusion")
    assert withdrawn.ConceptCodeSequence[0].CodeValue == conclusion


def test_every_object_speaks_the_language_of_the_site(archive: Archive, bundle: Path) -> None:
    bench = bench_of_site(
        archive,
        bundle,
        0.9,
        language="es-ES",
        segmentation=True,
        presentation_state=True,
        rejection_note=True,
    )
    study_uid = analysed(archive, bench)
    decided(archive, study_uid, Verdict.REJECT, reason=ReviewReason.FAULTY_RUN)
    assert work_once(bench)
    heat_map = made(archive, study_uid, ReportKind.HEAT_MAP)
    assert heat_map.DerivationDescription.startswith("Mapa de activación")
    region = "Activación de clase de IA, no una segmentación"
    for kind in (ReportKind.SEGMENTATION, ReportKind.OUTLINE):
        ds = made(archive, study_uid, kind)
        assert ds.ContentDescription == ds.SeriesDescription == region
    segment = made(archive, study_uid, ReportKind.SEGMENTATION).SegmentSequence[0]
    assert segment.SegmentLabel == region
    note = made(archive, study_uid, ReportKind.REJECTION_NOTE)
    said = [item.TextValue for item in note.ContentSequence if item.ValueType == "TEXT"]
    assert said == ["Retirado por indicación de un radiólogo: el análisis de IA fue defectuoso."]
