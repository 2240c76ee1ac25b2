from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import ExplicitVRLittleEndian

from archive.database import Archive
from archive.prior_records import ExpectedPrior, NamedPatient
from archive.records import FileKey, StudyUid
from config.sources import SourceSettings
from dicom_node.errors import ObjectRefused
from dicom_node.incoming import Heading, ReceivedFile
from dicom_node.intake import Command
from dicom_node.priors import Subject, is_all_of_patient, is_chest, is_same_patient, same_patient
from dicom_node.query import FoundSeries, is_exact
from dicom_node.statuses import StoreStatus
from tests.builders.dicom_files import radiograph, written


def source(issuer: str = "") -> SourceSettings:
    return SourceSettings(
        name="pacs", ae_title="PACS", host="127.0.0.1", port=104, issuer_of_patient_id=issuer
    )


def subject(issuer: str = "") -> Subject:
    return Subject(
        study_uid=StudyUid("1.2.3"),
        study_date="20260101",
        patient=named("P1", issuer),
    )


def named(patient_id: str, issuer: str) -> NamedPatient:
    return NamedPatient(patient_id=patient_id, issuer_of_patient_id=issuer)


@pytest.mark.parametrize(
    ("ours", "patient_id", "theirs", "setting", "is_same"),
    [
        ("", "P1", "", "", True),
        ("HERE", "P1", "HERE", "", True),
        ("", "P2", "", "", False),
        ("", "p1", "", "", False),
        ("HERE", "P1", "THERE", "", False),
        ("HERE", "P1", "", "", False),
        ("", "P1", "HERE", "", False),
        ("", "P1", "HERE", "HERE", True),
        ("HERE", "P1", "", "HERE", True),
        ("", "P1", "THERE", "HERE", False),
    ],
)
def test_a_patient_is_the_same_only_with_the_same_id_of_the_same_issuer(
    ours: str, patient_id: str, theirs: str, setting: str, is_same: bool
) -> None:
    found = is_same_patient(named("P1", ours), named(patient_id, theirs), default_issuer=setting)
    assert found is is_same


@pytest.mark.parametrize("value", ["", "P*", "P?1", "P1\\P2"])
def test_a_key_that_would_match_others_is_not_exact(value: str) -> None:
    assert not is_exact(value)
    assert is_exact("P1")


@pytest.mark.parametrize(
    ("modality", "body_part", "description", "is_wanted"),
    [
        ("CR", "CHEST", "", True),
        ("DX", "", "Thorax_AP", True),
        ("DX", "CHEST", "CHEST LATERAL", False),
        ("DX", "", "", False),
        ("CT", "CHEST", "", False),
        ("CR", "HAND", "CHEST", False),
    ],
)
def test_only_frontal_chest_radiographs_are_priors(
    modality: str, body_part: str, description: str, is_wanted: bool
) -> None:
    series = FoundSeries(
        series_uid="1.2.3.1", modality=modality, body_part=body_part, description=description
    )
    assert is_chest(series) is is_wanted


def received(path: Path) -> ReceivedFile:
    return ReceivedFile(
        path=path,
        heading=Heading(
            command=Command(sop_class_uid="1.2", sop_instance_uid="1.2.3"),
            transfer_syntax=ExplicitVRLittleEndian,
        ),
        data_set_offset=0,
        file_sha256="",
        byte_count=0,
        beginning=b"",
    )


def test_an_object_of_another_patient_is_refused_whatever_the_archive_said(
    tmp_path: Path,
) -> None:
    check = same_patient(subject(), source())
    check(received(written(radiograph(PatientID="P1"), tmp_path, "same.dcm")))
    with pytest.raises(ObjectRefused) as refused:
        check(received(written(radiograph(PatientID="P2"), tmp_path, "other.dcm")))
    assert refused.value.status is StoreStatus.DATA_SET_MISMATCH
    with pytest.raises(ObjectRefused):
        check(received(tmp_path / "none.dcm"))


@pytest.mark.parametrize(
    ("theirs", "is_same"),
    [
        ([{}], True),
        ([{}, {"PatientID": "P2"}], False),
        ([{"IssuerOfPatientID": "THERE"}], False),
        ([{"PatientID": None}], False),
    ],
)
def test_what_came_is_the_patients_only_if_every_object_is(
    archive: Archive, theirs: list[dict[str, Any]], is_same: bool
) -> None:
    expected = ExpectedPrior(source="pacs", patient=named("P1", ""))
    keys = []
    for number, changes in enumerate(theirs):
        ds = radiograph(**({"PatientID": "P1", "IssuerOfPatientID": "HERE"} | changes))
        keys.append(FileKey(f"{number}.dcm"))
        written(ds, archive.files.path_of(keys[-1]).parent, keys[-1])
    assert is_all_of_patient(keys, expected, [source("HERE")], archive) is is_same
    assert not is_all_of_patient([FileKey("none.dcm")], expected, [source("HERE")], archive)
