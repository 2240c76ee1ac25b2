import dataclasses
from pathlib import Path

import pytest
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian
from sqlalchemy import update

from archive.database import Archive
from archive.errors import ArchiveUnavailable
from archive.files import sha256_of
from archive.records import Arrival, FileKey, Outcome, Recorded, RecordedFile, StudyState
from archive.repository import Repository
from archive.schema import instances
from dicom_node.errors import ObjectRefused
from dicom_node.incoming import Heading, IncomingDataSet, ReceivedFile
from dicom_node.intake import Command
from dicom_node.reception import Sender, keep
from dicom_node.statuses import StoreStatus
from tests.builders.arrivals import A_MODEL
from tests.builders.dicom_files import file_bytes, radiograph
from tests.builders.finished import EVERYTHING
from tests.builders.studies import claim_everything

SENDER = Sender(calling_ae_title="CT1", called_ae_title="HILUM")


def received(archive: Archive, content: bytes, uid: str, syntax: str) -> ReceivedFile:
    command = Command(sop_class_uid=UID("1.2.840.10008.5.1.4.1.1.1"), sop_instance_uid=uid)
    incoming = IncomingDataSet(
        archive.files,
        minimum_free_bytes=0,
        heading=Heading(command=command, transfer_syntax=UID(syntax)),
    )
    incoming.write(content)
    return incoming.finish()


def data_set_of(ds: object) -> bytes:
    """What travels: the file without preamble and file meta."""
    content = file_bytes(ds)  # type: ignore[arg-type]  # a FileDataset
    length = int.from_bytes(content[140:144], "little")
    return content[144 + length :]


def arrive(archive: Archive, ds: object, content: bytes | None = None) -> ReceivedFile:
    meta = ds.file_meta  # type: ignore[attr-defined]  # a FileDataset
    return received(
        archive,
        data_set_of(ds) if content is None else content,
        str(meta.MediaStorageSOPInstanceUID),
        str(meta.TransferSyntaxUID),
    )


def test_a_radiograph_is_durable_and_recorded(archive: Archive) -> None:
    ds = radiograph()
    file = arrive(archive, ds)
    kept = keep(file, SENDER, archive)
    assert kept.recorded is Recorded.NEW
    (instance,) = archive.repository.study(kept.admission.key.study_uid).instances
    stored = archive.files.read(instance.file_key, sha256=instance.file_sha256)
    assert stored.endswith(data_set_of(ds))
    assert not file.path.exists()


@pytest.mark.parametrize("syntax", [DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_a_header_is_read_in_every_encoding(archive: Archive, syntax: str) -> None:
    ds = radiograph(transfer_syntax_uid=syntax, PatientID="E1")
    kept = keep(arrive(archive, ds), SENDER, archive)
    assert kept.admission.attributes.patient_id == "E1"


def test_the_same_object_again_is_a_duplicate_and_changes_nothing(archive: Archive) -> None:
    ds = radiograph()
    first = keep(arrive(archive, ds), SENDER, archive)
    again = keep(arrive(archive, ds), dataclasses.replace(SENDER, calling_ae_title="X"), archive)
    assert again.recorded is Recorded.DUPLICATE
    study = archive.repository.study(first.admission.key.study_uid)
    assert [one.calling_ae_title for one in study.instances] == ["CT1"]
    (instance,) = study.instances
    assert archive.files.read(instance.file_key, sha256=instance.file_sha256)


def test_an_object_that_came_again_stays_as_long_as_one_that_came_first(archive: Archive) -> None:
    """Its sender heard success a second time."""
    ds = radiograph()
    key = keep(arrive(archive, ds), SENDER, archive).admission.key
    give_up_on_everything(archive)
    limit_at = archive.repository.retention_limit(EVERYTHING)
    assert keep(arrive(archive, ds), SENDER, archive).recorded is Recorded.DUPLICATE
    gone = archive.repository.delete_study(
        key.study_uid, EVERYTHING, limit_at, stamp_of=lambda _: None
    )
    assert gone is None
    assert len(archive.repository.study(key.study_uid).instances) == 1


class ForgettingRepository(Repository):
    """Deletes the study of an object right after saying that it is here."""

    def recorded_file(self, sop_instance_uid: str) -> RecordedFile | None:
        found = super().recorded_file(sop_instance_uid)
        (study,), _ = self.studies(limit=1)
        limit_at = self.retention_limit(EVERYTHING)
        assert self.delete_study(study.study_uid, EVERYTHING, limit_at, stamp_of=lambda _: None)
        return found


def test_no_success_is_answered_for_an_object_whose_study_went_meanwhile(
    archive: Archive,
) -> None:
    ds = radiograph()
    keep(arrive(archive, ds), SENDER, archive)
    give_up_on_everything(archive)
    forgetting = Archive(
        repository=ForgettingRepository(archive.repository._engine), files=archive.files
    )
    with pytest.raises(ArchiveUnavailable, match="just deleted"):
        keep(arrive(archive, ds), SENDER, forgetting)
    assert keep(arrive(archive, ds), SENDER, archive).recorded is Recorded.NEW


def give_up_on_everything(archive: Archive) -> None:
    """Finish every study, with nothing to send."""
    for claim in claim_everything(archive):
        outcome = Outcome(state=StudyState.NOT_ANALYSED, model=A_MODEL, reason="a test")
        archive.repository.finish_study(claim, outcome, destinations=[])


def test_another_object_under_a_known_uid_is_kept_apart(archive: Archive) -> None:
    ds = radiograph()
    first = keep(arrive(archive, ds), SENDER, archive)
    ds.PatientID = "SOMEBODY-ELSE"
    second = keep(arrive(archive, ds), SENDER, archive)
    assert second.recorded is Recorded.CONFLICT
    study = archive.repository.study(first.admission.key.study_uid)
    (instance,) = study.instances
    stored = archive.files.read(instance.file_key, sha256=instance.file_sha256)
    assert b"SOMEBODY-ELSE" not in stored
    (apart,) = archive.files.list_keys("conflicts")
    assert archive.files.read(apart).endswith(data_set_of(ds))


def test_an_object_received_before_at_another_place_stays_there_alone(archive: Archive) -> None:
    ds = radiograph()
    first = keep(arrive(archive, ds), SENDER, archive)
    (instance,) = archive.repository.study(first.admission.key.study_uid).instances
    # As earlier versions named it: by the digest of the data set.
    earlier = FileKey(f"{instance.file_key.rpartition('-')[0]}-0123456789abcdef.dcm")
    archive.files.path_of(instance.file_key).rename(archive.files.path_of(earlier))
    with archive.repository._writing() as connection:
        connection.execute(update(instances).values(file_key=earlier))
    assert keep(arrive(archive, ds), SENDER, archive).recorded is Recorded.DUPLICATE
    assert list(archive.files.list_keys("received")) == [earlier]


class RacedRepository(Repository):
    """Sees nothing under any UID until it is asked to record: another association was faster."""

    def recorded_file(self, sop_instance_uid: str) -> None:  # noqa: ARG002
        return None


def test_the_slower_of_two_different_objects_with_one_uid_is_kept_apart(archive: Archive) -> None:
    ds = radiograph()
    keep(arrive(archive, ds), SENDER, archive)
    raced = Archive(repository=RacedRepository(archive.repository._engine), files=archive.files)
    ds.PatientID = "SOMEBODY-ELSE"
    kept = keep(arrive(archive, ds), SENDER, raced)
    assert kept.recorded is Recorded.CONFLICT
    assert len(list(archive.files.list_keys("received"))) == 1
    assert len(list(archive.files.list_keys("conflicts"))) == 1


class DeadRepository(Repository):
    """Answers questions and then dies before the row is written."""

    def record_instance(self, arrival: Arrival) -> Recorded:  # noqa: ARG002
        raise ArchiveUnavailable("database: gone")


def test_nothing_is_kept_without_its_row(archive: Archive) -> None:
    dead = Archive(repository=DeadRepository(archive.repository._engine), files=archive.files)
    ds = radiograph()
    with pytest.raises(ArchiveUnavailable):
        keep(arrive(archive, ds), SENDER, dead)
    assert keep(arrive(archive, ds), SENDER, archive).recorded is Recorded.NEW


def test_a_header_cut_anywhere_before_its_keys_is_never_kept(archive: Archive) -> None:
    ds = radiograph(StudyInstanceUID="1.2.3.4567890")
    whole = data_set_of(ds)
    end_of_keys = whole.index(ds.SeriesInstanceUID.encode()) + len(ds.SeriesInstanceUID)
    for length in range(1, end_of_keys):
        with pytest.raises(ObjectRefused) as caught:
            keep(arrive(archive, ds, whole[:length]), SENDER, archive)
        assert caught.value.status is StoreStatus.CANNOT_UNDERSTAND
    assert archive.repository.studies(limit=1) == ((), None)


def test_pixels_cut_short_are_stored_for_the_worker_to_judge(archive: Archive) -> None:
    ds = radiograph()
    content = data_set_of(ds)[:-500]
    kept = keep(arrive(archive, ds, content), SENDER, archive)
    assert kept.recorded is Recorded.NEW


@pytest.mark.parametrize(
    "content", [b"\0" * 400, b"\xff" * 400, bytes(range(256)) * 4, b"not DICOM at all " * 20]
)
def test_what_is_not_dicom_is_not_understood(archive: Archive, content: bytes) -> None:
    with pytest.raises(ObjectRefused) as caught:
        keep(arrive(archive, radiograph(), content), SENDER, archive)
    assert caught.value.status is StoreStatus.CANNOT_UNDERSTAND


def test_a_deflated_data_set_that_explodes_is_read_only_so_far(archive: Archive) -> None:
    import zlib

    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    bomb = packer.compress(bytes(200 << 20)) + packer.flush()
    ds = radiograph(transfer_syntax_uid=DeflatedExplicitVRLittleEndian)
    with pytest.raises(ObjectRefused):
        keep(arrive(archive, ds, bomb), SENDER, archive)


def test_a_file_in_place_is_what_was_hashed_on_the_way_in(archive: Archive) -> None:
    file = arrive(archive, radiograph())
    kept = keep(file, SENDER, archive)
    (instance,) = archive.repository.study(kept.admission.key.study_uid).instances
    path: Path = archive.files.path_of(instance.file_key)
    assert sha256_of(path.read_bytes()) == file.file_sha256
