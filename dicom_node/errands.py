"""Runs what administrators ask senders to try: an echo, or a test object to a destination.

Whoever claims one first answers for it; where a sender dies its lease runs out and another runs it
again, which does no harm: a test object is a new one each time and belongs to no patient.
"""

import io
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from archive.database import Archive
from archive.errors import ArchiveUnavailable, LeaseLost
from archive.files import sha256_of
from archive.operation_records import ClaimedErrand, ErrandKind
from archive.records import ClaimedDelivery, FileKey, ReportKind, SopInstanceUid, StudyUid
from config.destinations import Destination
from config.settings import Settings
from dicom_node.answers import Consignment
from dicom_node.errors import DicomNodeError
from dicom_node.incoming import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_node.links import link_to, try_destination
from dicom_node.statuses import DeliveryVerdict

POLL_SECONDS = 0.5
LEASE_SECONDS = 120.0
AT_ONCE = 4
# Says in every list of studies what it is; no person has this name.
TEST_PATIENT_ID, TEST_PATIENT_NAME = "HILUM-TEST", "Hilum^Test"
SIDE = 64
ARRIVED = (DeliveryVerdict.DELIVERED, DeliveryVerdict.DELIVERED_WITH_WARNING)

_log = structlog.get_logger()


class Errands:
    """Runs errands one after the other; `step` belongs to one thread.

    Parameters
    ----------
    settings
        Name the destinations.
    archive
        Where errands are asked for.
    claimant
        Under which they are claimed; no other process may use it.
    clock
        Seconds that only grow.
    """

    def __init__(
        self,
        settings: Settings,
        archive: Archive,
        *,
        claimant: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._archive = archive
        self._claimant = claimant
        self._clock = clock
        self._destinations = {one.name: one for one in settings.destinations}

    def run(self, stop: threading.Event) -> None:
        """Run what is asked for until `stop`; the loop of a thread."""
        while not stop.is_set():
            try:
                self.step()
            except ArchiveUnavailable as error:
                _log.error("the archive does not answer", error=str(error))
            stop.wait(POLL_SECONDS)

    def step(self) -> None:
        """Run what is asked for now.

        Raises
        ------
        ArchiveUnavailable
            What was claimed is run again once its lease has ended.
        """
        for claim in self._archive.repository.claim_errands(
            self._claimant, limit=AT_ONCE, lease_seconds=LEASE_SECONDS
        ):
            began_at = self._clock()
            is_ok, words = self._try(claim)
            try:
                self._archive.repository.finish_errand(
                    claim, is_ok=is_ok, words=words, seconds=self._clock() - began_at
                )
            except LeaseLost:
                _log.warning("an errand went to another sender", destination=claim.destination)

    def _try(self, claim: ClaimedErrand) -> tuple[bool, str]:
        """Return whether it went well, and what there is to say of it."""
        destination = self._destinations.get(claim.destination)
        if destination is None:
            return False, "the sender's settings name no such destination"
        try:
            if claim.kind is ErrandKind.ECHO:
                try_destination(destination, self._settings)
                return True, "answered"
            return self._send_test(destination)
        except DicomNodeError as error:
            return False, f"{type(error).__name__}: {error}"
        except Exception as error:  # noqa: BLE001  # the loop of this thread
            _log.error(
                "an errand stumbled", destination=claim.destination, error=type(error).__name__
            )
            return False, f"failed here ({type(error).__name__}), see the log"

    def _send_test(self, destination: Destination) -> tuple[bool, str]:
        if not destination.takes(ReportKind.HEAT_MAP):
            return False, "is told of reports only and takes no images; echo it instead"
        link = link_to(destination, self._settings)
        try:
            answer = link.send(_consignment(destination.name))
        finally:
            link.close()
        has_arrived = answer.verdict in ARRIVED
        return has_arrived, answer.reason or ("stored" if has_arrived else "not stored")


def a_test_file() -> bytes:
    """Return the test object as a file (PS3.10)."""
    return _file_of(_test_object())


def _test_object() -> Dataset:
    """Return a grey square as Secondary Capture (PS3.3 A.8.1), new each time."""
    now = datetime.now(UTC)
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = SecondaryCaptureImageStorage, generate_uid(prefix=None)
    ds.StudyInstanceUID = generate_uid(prefix=None)
    ds.SeriesInstanceUID = generate_uid(prefix=None)
    ds.PatientName, ds.PatientID = TEST_PATIENT_NAME, TEST_PATIENT_ID
    ds.PatientBirthDate = ds.PatientSex = ds.AccessionNumber = ds.ReferringPhysicianName = ""
    ds.StudyDate, ds.StudyTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    ds.StudyID, ds.StudyDescription = "", "Test of a destination"
    ds.Modality, ds.ConversionType, ds.Laterality = "OT", "SYN", ""
    ds.SeriesNumber, ds.InstanceNumber, ds.PatientOrientation = 1, 1, ""
    ds.TimezoneOffsetFromUTC = "+0000"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows = ds.Columns = SIDE
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    ds.PixelData = bytes(column * 4 for _ in range(SIDE) for column in range(SIDE))
    return ds


def _consignment(destination: str) -> Consignment:
    ds = _test_object()
    content = _file_of(ds)
    return Consignment(
        content=content,
        claim=ClaimedDelivery(
            delivery_id=0,
            claimed_by="",
            destination=destination,
            attempt=1,
            created_at=datetime.now(UTC),
            study_uid=StudyUid(ds.StudyInstanceUID),
            sop_instance_uid=SopInstanceUid(ds.SOPInstanceUID),
            sop_class_uid=ds.SOPClassUID,
            kind=ReportKind.HEAT_MAP,
            file_key=FileKey(""),
            file_sha256=sha256_of(content),
        ),
    )


def _file_of(ds: Dataset) -> bytes:
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = UID(ds.SOPClassUID)
    ds.file_meta.MediaStorageSOPInstanceUID = UID(ds.SOPInstanceUID)
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    ds.file_meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()
