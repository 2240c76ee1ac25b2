from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
)

from dicom_node.errors import ObjectRefused
from dicom_node.intake import HIGH, ROUTINE, STAT, Command, admit, check_command
from dicom_node.statuses import StoreStatus
from tests.builders.dicom_files import SERIES_UID, STUDY_UID, radiograph

CR = ComputedRadiographyImageStorage


def command_of(ds: Dataset) -> Command:
    return Command(sop_class_uid=CR, sop_instance_uid=ds.file_meta.MediaStorageSOPInstanceUID)


def refusal_of(ds: Dataset, command: Command | None = None) -> ObjectRefused:
    with pytest.raises(ObjectRefused) as caught:
        admit(ds, command or command_of(ds))
    return caught.value


def test_a_radiograph_is_admitted_with_its_keys_and_attributes() -> None:
    ds = radiograph()
    admission = admit(ds, command_of(ds))
    assert admission.key.study_uid == STUDY_UID
    assert admission.key.series_uid == SERIES_UID
    assert admission.key.sop_instance_uid == ds.SOPInstanceUID
    assert admission.modality == "CR"
    assert admission.attributes.patient_name == "Test^Drawn"
    assert admission.attributes.patient_birth_date == "20200101"
    assert admission.priority == ROUTINE
    assert admission.flaws == ()


@pytest.mark.parametrize("sop_class", [CR, DigitalXRayImageStorageForProcessing])
def test_a_command_for_our_classes_passes(sop_class: str) -> None:
    check_command(Command(sop_class_uid=sop_class, sop_instance_uid="1.2.3"))
    check_command(Command(sop_class_uid=SecondaryCaptureImageStorage, sop_instance_uid="2.25.1"))


@pytest.mark.parametrize(
    "uid", ["", "../../etc/passwd", "1.2.03", "1..2", ".1", "1.", "1.2/3", "1.2\n", "1" * 65, "a.b"]
)
def test_a_uid_against_the_rules_is_refused_before_anything_is_written(uid: str) -> None:
    with pytest.raises(ObjectRefused) as caught:
        check_command(Command(sop_class_uid=CR, sop_instance_uid=uid))
    assert caught.value.status is StoreStatus.INVALID_INSTANCE_UID
    assert caught.value.comment == "SOP Instance UID breaks the rules of PS3.5 9.1"


def test_a_class_that_was_not_offered_is_refused() -> None:
    with pytest.raises(ObjectRefused) as caught:
        check_command(Command(sop_class_uid=CTImageStorage, sop_instance_uid="1.2.3"))
    assert caught.value.status is StoreStatus.CLASS_NOT_SUPPORTED


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
def test_an_object_without_a_place_is_not_understood(keyword: str) -> None:
    absent: dict[str, Any] = {keyword: None}
    refusal = refusal_of(radiograph(**absent))
    assert refusal.status is StoreStatus.CANNOT_UNDERSTAND
    assert keyword in refusal.comment


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID"])
def test_a_study_uid_that_is_a_path_is_refused(keyword: str) -> None:
    ds = radiograph()
    ds[keyword]._value = "../1.2"
    assert refusal_of(ds).status is StoreStatus.INVALID_INSTANCE_UID


def test_an_instance_that_is_not_the_announced_one_is_refused() -> None:
    other = Command(sop_class_uid=CR, sop_instance_uid="1.2.3.4")
    assert refusal_of(radiograph(), other).status is StoreStatus.DATA_SET_MISMATCH


def test_a_class_that_is_not_the_announced_one_is_refused() -> None:
    ds = radiograph(SOPClassUID=SecondaryCaptureImageStorage)
    assert refusal_of(ds).status is StoreStatus.DATA_SET_MISMATCH


def test_an_error_comment_fits_its_element_and_holds_nothing_of_the_object() -> None:
    for ds in (radiograph(StudyInstanceUID=None), radiograph(SOPClassUID=CTImageStorage)):
        comment = refusal_of(ds).comment
        assert len(comment) <= 64
        assert "Drawn" not in comment
        assert ds.SOPInstanceUID not in comment


def test_missing_descriptive_attributes_are_tolerated() -> None:
    ds = radiograph(PatientName=None, PatientID=None, StudyDate=None, Modality=None)
    admission = admit(ds, command_of(ds))
    assert admission.attributes.patient_name == ""
    assert admission.flaws == ("Modality is missing",)


def test_the_wrong_modality_is_admitted_for_the_worker_to_judge() -> None:
    ds = radiograph(Modality="CT")
    assert admit(ds, command_of(ds)).modality == "CT"


@pytest.mark.parametrize(
    ("value", "priority"),
    [("STAT", STAT), ("stat", STAT), ("HIGH", HIGH), ("ROUTINE", ROUTINE), ("LOW", ROUTINE)],
)
def test_the_requested_procedure_priority_is_taken_over(value: str, priority: int) -> None:
    ds = radiograph(RequestedProcedurePriority=value)
    assert admit(ds, command_of(ds)).priority == priority


def test_the_priority_of_a_request_attributes_item_counts() -> None:
    item = Dataset()
    item.RequestedProcedurePriority = "STAT"
    ds = radiograph(RequestAttributesSequence=Sequence([item]))
    assert admit(ds, command_of(ds)).priority == STAT


def test_an_unknown_character_set_loses_nothing_but_is_noted_or_read() -> None:
    ds = radiograph(SpecificCharacterSet="ISO_IR 999")
    assert admit(ds, command_of(ds)).key.study_uid == STUDY_UID


def test_control_characters_never_reach_the_worklist() -> None:
    ds = radiograph(StudyDescription="chest\r\n\x1b[31mPA")
    admission = admit(ds, command_of(ds))
    assert admission.attributes.study_description == "chest[31mPA"
    assert "StudyDescription holds control characters" in admission.flaws
