"""Brings studies here from an archive: C-GET on its own association, or C-MOVE to our node.

What a C-GET brings is kept as a C-STORE to our port would be: durable before it is answered.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import cast

from pydicom.dataset import Dataset
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from pynetdicom import evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext, build_context, build_role
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # made at import
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from archive.database import Archive
from archive.errors import ArchiveUnavailable, StorageFull
from archive.records import Recorded, StudyUid
from dicom_node.errors import ObjectRefused, PeerUnavailable, QueryRefused
from dicom_node.incoming import Heading, IncomingDataSet, ReceivedFile
from dicom_node.intake import ACCEPTED_SOP_CLASSES, Command
from dicom_node.query import PENDING
from dicom_node.reception import Sender, keep
from dicom_node.sender import Peer, application_entity, associate
from dicom_node.statuses import StoreStatus, words_for
from dicom_node.transfers import Transfers

# What archives keep radiographs in; one context each, so that objects come as they are kept.
SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    JPEGLosslessSV1,
    JPEGLossless,
    JPEG2000Lossless,
    JPEG2000,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    HTJ2K,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
)
# PS3.4 C.4.2.1.5, C.4.3.1.4: all sub-operations are done; the second: some of them failed.
SUCCESS, SOME_FAILED = 0x0000, 0xB000

Check = Callable[[ReceivedFile], None]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A study, or some of its series."""

    study_uid: StudyUid
    series_uids: tuple[str, ...] = ()
    """Empty: all of them."""


@dataclass(frozen=True, kw_only=True)
class Retrieved:
    """What an archive says it has sent."""

    completed: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where retrieved objects are kept."""

    archive: Archive
    minimum_free_bytes: int
    calling_ae_title: str
    """Of the archive that sends them."""
    called_ae_title: str
    check: Check | None = None
    """Raises ObjectRefused for what shall not be kept."""


def get(
    peer: Peer, wanted: Wanted, place: Place, *, calling_ae_title: str, timeout_seconds: float
) -> Retrieved:
    """Retrieve by C-GET (PS3.4 C.4.3); safe to repeat.

    Raises
    ------
    PeerUnavailable
        There is no association, or it broke; what came before is kept.
    QueryRefused
        The archive does not serve this.
    ArchiveUnavailable
        The audit trail has no line of it; asking again makes one.
    """
    contexts = [build_context(StudyRootQueryRetrieveInformationModelGet)]
    contexts += [build_context(uid, one) for uid in ACCEPTED_SOP_CLASSES for one in SYNTAXES]
    roles = [build_role(uid, scp_role=True) for uid in ACCEPTED_SOP_CLASSES]

    transfers = Transfers()

    def store(event: Event) -> Dataset:
        return _keep(event, place, transfers)

    try:
        with _association(
            peer,
            contexts,
            calling_ae_title=calling_ae_title,
            timeout_seconds=timeout_seconds,
            handlers=[(evt.EVT_C_STORE, store)],
            roles=roles,
        ) as association:
            model = UID(StudyRootQueryRetrieveInformationModelGet)
            return _summed(
                _outcome(association.send_c_get(one, model)) for one in _identifiers(wanted)
            )
    finally:
        for entry in transfers.entries(
            sender=peer.ae_title, receiver=calling_ae_title, address=peer.host
        ):
            place.archive.repository.record_audit(entry)


def move(
    peer: Peer, wanted: Wanted, *, to: str, calling_ae_title: str, timeout_seconds: float
) -> Retrieved:
    """Have an archive send by C-MOVE (PS3.4 C.4.2) to an AE title that it knows.

    Raises
    ------
    PeerUnavailable
        There is no association, or it broke.
    QueryRefused
        The archive does not serve this, or does not know the title.
    """
    contexts = [build_context(StudyRootQueryRetrieveInformationModelMove)]
    with _association(
        peer, contexts, calling_ae_title=calling_ae_title, timeout_seconds=timeout_seconds
    ) as association:
        model = UID(StudyRootQueryRetrieveInformationModelMove)
        return _summed(
            _outcome(association.send_c_move(one, to, model)) for one in _identifiers(wanted)
        )


@contextlib.contextmanager
def _association(
    peer: Peer,
    contexts: list[PresentationContext],
    *,
    calling_ae_title: str,
    timeout_seconds: float,
    handlers: Sequence[evt.EventHandlerType] = (),
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation] = (),
) -> Iterator[Association]:
    ae = application_entity(calling_ae_title, timeout_seconds=timeout_seconds)
    association = associate(ae, peer, contexts, timeout_seconds, handlers, roles)
    try:
        yield association
    except (RuntimeError, OSError):
        raise PeerUnavailable("the association ended") from None
    except ValueError:
        raise QueryRefused("the peer does not serve this kind of retrieval") from None
    finally:
        if association.is_established:
            association.release()


def _identifiers(wanted: Wanted) -> Iterator[Dataset]:
    for series_uid in wanted.series_uids or ("",):
        identifier = Dataset()
        identifier.QueryRetrieveLevel = "SERIES" if series_uid else "STUDY"
        identifier.StudyInstanceUID = wanted.study_uid
        if series_uid:
            identifier.SeriesInstanceUID = series_uid
        yield identifier


def _outcome(answers: Iterator[tuple[Dataset, Dataset | None]]) -> Retrieved:
    for status, _ in answers:
        if "Status" not in status:
            raise PeerUnavailable("the association ended")
        code = int(status.Status)
        if code in PENDING:
            continue
        if code not in (SUCCESS, SOME_FAILED):
            raise QueryRefused(words_for(code))
        return Retrieved(
            completed=int(status.get("NumberOfCompletedSuboperations", 0) or 0),
            failed=int(status.get("NumberOfFailedSuboperations", 0) or 0),
        )
    raise PeerUnavailable("the association ended")


def _summed(parts: Iterator[Retrieved]) -> Retrieved:
    found = list(parts)
    return Retrieved(
        completed=sum(one.completed for one in found), failed=sum(one.failed for one in found)
    )


def _keep(event: Event, place: Place, transfers: Transfers) -> Dataset:
    """Answer a C-STORE that belongs to our C-GET; 0x0000 only once it is durable."""
    request = cast(C_STORE, event.request)
    command = Command(
        sop_class_uid=str(request.AffectedSOPClassUID),
        sop_instance_uid=str(request.AffectedSOPInstanceUID),
    )
    heading = Heading(command=command, transfer_syntax=event.context.transfer_syntax)
    incoming = IncomingDataSet(
        place.archive.files,
        minimum_free_bytes=place.minimum_free_bytes,
        heading=heading,
    )
    answer = Dataset()
    try:
        incoming.write(cast(BytesIO, request.DataSet).getvalue())
        file = incoming.finish()
        if place.check is not None:
            place.check(file)
        sender = Sender(
            calling_ae_title=place.calling_ae_title, called_ae_title=place.called_ae_title
        )
        kept = keep(file, sender, place.archive)
        is_other = kept.recorded is Recorded.CONFLICT
        if not is_other:
            transfers.add(
                kept.admission.key.study_uid,
                sop_class_uid=command.sop_class_uid,
                recorded=kept.recorded,
            )
        answer.Status = int(StoreStatus.DUPLICATE_INSTANCE if is_other else StoreStatus.SUCCESS)
    except ObjectRefused as refusal:
        answer.Status = int(refusal.status)
    except StorageFull:
        answer.Status = int(StoreStatus.OUT_OF_RESOURCES)
    except ArchiveUnavailable:
        answer.Status = int(StoreStatus.PROCESSING_FAILURE)
    finally:
        incoming.discard()
    return answer
