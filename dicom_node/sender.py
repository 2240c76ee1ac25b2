"""C-STORE SCU: one association with one destination, opened when needed and kept for the next."""

import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, cast

from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import (
    UID,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
    ImplicitVRLittleEndian,
    KeyObjectSelectionDocumentStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)
from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.events import Event
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext, build_context

from config.destinations import ClientTlsSettings
from dicom_node.answers import Answer, Consignment, answer_of
from dicom_node.errors import ContextRefused, PeerUnavailable, ReportUnreadable, TitleInvalid
from dicom_node.incoming import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_node.tls import Caller, client_context
from dicom_node.transport import acknowledge_at_once, tune_association

OFFERED_SOP_CLASSES = (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EnhancedSRStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
)
# Our reports hold only content items that all three classes permit (PS3.3 A.35.2, A.35.3,
# A.35.13), so an archive that does not know the newer class gets the same report as an older one.
FALLBACKS: dict[UID, tuple[UID, ...]] = {
    Comprehensive3DSRStorage: (ComprehensiveSRStorage, EnhancedSRStorage),
    ComprehensiveSRStorage: (EnhancedSRStorage,),
}
# PS3.8 9.3.2: at most 128 contexts in one request.
MOST_CONTEXTS = 128
LONGEST_PDU_BYTES = 131072
# A host that answers at all answers within this; a stop must not wait longer for one.
LONGEST_CONNECT_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A system to call."""

    ae_title: str
    host: str
    port: int
    tls: ClientTlsSettings | None = None


class StoreLink:
    """An association with one destination, used by one thread; `abort` may come from another.

    Parameters
    ----------
    peer
        Who is called.
    calling_ae_title
        Who we say that we are.
    timeout_seconds
        For the connection, for an answer, and for silence within one.
    """

    def __init__(
        self,
        peer: Peer,
        *,
        calling_ae_title: str,
        timeout_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._peer = peer
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._association: Association | None = None
        self._offered: tuple[tuple[UID, UID], ...] = ()
        self._used_at = clock()
        self._is_aborted = False
        self._ae = application_entity(calling_ae_title, timeout_seconds=timeout_seconds)

    @property
    def is_open(self) -> bool:
        """Whether an association stands, as far as is known."""
        return self._association is not None and self._association.is_established

    def send(self, consignment: Consignment) -> Answer:
        """Send one DICOM file and return the peer's answer; sending again is harmless.

        Raises
        ------
        PeerUnavailable
            There was no answer.
        ContextRefused
            The peer takes the object in no form that we can give it.
        ReportUnreadable
            It is no DICOM file.
        """
        ds = _parsed(consignment.content)
        was_kept = self.is_open
        try:
            return self._send(ds)
        except PeerUnavailable:
            if not was_kept:
                raise
            # A kept association may have been closed by the peer meanwhile: that says nothing.
            self._break()
            return self._send(ds)

    def close(self) -> None:
        """Release the association, if one stands (PS3.8 7.2)."""
        association, self._association = self._association, None
        if association is not None and association.is_established:
            association.release()

    def close_when_idle_for(self, seconds: float) -> None:
        """Release an association that was not used for some seconds."""
        if self._association is not None and self._clock() - self._used_at >= seconds:
            self.close()

    def abort(self) -> None:
        """Break the association for good; a `send` that waits for an answer then ends."""
        self._is_aborted = True
        self._break()

    def _break(self) -> None:
        association, self._association = self._association, None
        if association is not None and association.is_established:
            association.abort()

    def _send(self, ds: FileDataset) -> Answer:
        association = self._open(ds)
        own = UID(ds.SOPClassUID)
        form = _acceptable_form(ds, association)
        try:
            answer = association.send_c_store(form)
        except (RuntimeError, OSError):
            raise PeerUnavailable("the association ended") from None
        except ValueError:
            raise ContextRefused("no accepted transfer syntax fits the object") from None
        self._used_at = self._clock()
        if "Status" not in answer:
            raise PeerUnavailable("no answer to C-STORE")
        sent_as = None if form.SOPClassUID == own else str(form.SOPClassUID)
        return answer_of(int(answer.Status), sent_as=sent_as)

    def _open(self, ds: FileDataset) -> Association:
        wanted = (UID(ds.SOPClassUID), ds.file_meta.TransferSyntaxUID)
        association = self._association
        if association is not None and association.is_established and wanted in self._offered:
            return association
        self.close()
        if self._is_aborted:
            raise PeerUnavailable("the sender is stopping")
        offered = _offer(wanted)
        self._association = associate(self._ae, self._peer, offered, self._timeout_seconds)
        self._offered = tuple(
            (UID(context.abstract_syntax or ""), syntax)
            for context in offered
            for syntax in context.transfer_syntax
        )
        return self._association


def application_entity(ae_title: str, *, timeout_seconds: float) -> AE:
    """Return an AE for associations that we open.

    Raises
    ------
    TitleInvalid
        PS3.5 6.2 does not permit the title.
    """
    try:
        ae = AE(ae_title=ae_title)
    except ValueError:
        raise TitleInvalid(f"calling AE title {ae_title!r} is not valid") from None
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    ae.maximum_pdu_size = LONGEST_PDU_BYTES
    ae.connection_timeout = min(timeout_seconds, LONGEST_CONNECT_SECONDS)
    ae.acse_timeout = timeout_seconds
    ae.dimse_timeout = timeout_seconds
    # Kept associations are silent between reports; `StoreLink` closes them itself.
    ae.network_timeout = None
    return ae


def associate(
    ae: AE,
    peer: Peer,
    contexts: Sequence[PresentationContext],
    timeout_seconds: float,
    handlers: Sequence[evt.EventHandlerType] = (),
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation] = (),
) -> Association:
    """Open an association.

    Raises
    ------
    PeerUnavailable
        Nobody answers, or the answer is no; the message says which and why.
    TlsUnusable
        A certificate or key that the peer's settings name cannot be used.
    TitleInvalid
        PS3.5 6.2 does not permit the called title.
    """
    connected: list[bool] = []
    caller = None if peer.tls is None else Caller(client_context(peer.tls))

    def tune(event: Event) -> None:
        connected.append(True)
        _leave_answers_to_who_asked(event.assoc)
        tune_association(event.assoc, timeout_seconds=timeout_seconds)

    try:
        association = ae.associate(
            peer.host,
            peer.port,
            contexts=list(contexts),
            ae_title=peer.ae_title,
            max_pdu=LONGEST_PDU_BYTES,
            ext_neg=list(roles),
            evt_handlers=[
                (evt.EVT_CONN_OPEN, tune),
                (evt.EVT_DATA_SENT, lambda event: acknowledge_at_once(event.assoc)),
                *handlers,
            ],
            tls_args=None if caller is None else (cast(ssl.SSLContext, caller), peer.host),
        )
    except ValueError:
        raise TitleInvalid(f"called AE title {peer.ae_title!r} is not valid") from None
    except OSError as error:
        raise PeerUnavailable(f"the host is not known: {error.strerror}") from None
    if association.is_established:
        return association
    if connected:
        raise PeerUnavailable(_why_not(association))
    if caller is not None and caller.problem:
        raise PeerUnavailable(f"no agreement on TLS: {caller.problem}")
    raise PeerUnavailable("nobody answers at the port")


def _leave_answers_to_who_asked(association: Association) -> None:
    """Keep pynetdicom's idle loop from taking an answer that a request waits for.

    A request halts that loop first, but takes it for halted in the very moment in which it goes on,
    so under load it took the answer, as nobody's, and the request waited until its time-out.
    Nothing is lost to the loop: reports of storage commitment go past the queue it looks into, and
    an acceptor that was given no role sends no requests (PS3.7 D.3.3.4).
    """
    dimse = association.dimse
    take = dimse.get_msg

    def take_for_who_waits(block: bool = False) -> Any:  # pynetdicom's own tuple
        return take(block=True) if block else (None, None)

    dimse.get_msg = take_for_who_waits  # type: ignore[method-assign]  # it has no other place


def _why_not(association: Association) -> str:
    answer = association.acceptor.primitive
    if answer is None:
        return "the peer aborted the association, or did not answer the request"
    if association.is_rejected:
        return f"association rejected: {answer.reason_str}"
    return "the peer takes none of our presentation contexts"


def _offer(wanted: tuple[UID, UID]) -> list[PresentationContext]:
    """One context per class and transfer syntax, so that the peer may accept each of them.

    With several syntaxes in one context the peer would pick one, perhaps not the object's own.
    """
    sop_class, syntax = wanted
    pairs = [
        (uid, known)
        for uid in OFFERED_SOP_CLASSES
        for known in (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
    ]
    extra = [
        (uid, known)
        for uid in (sop_class, *FALLBACKS.get(sop_class, ()))
        for known in (syntax, ExplicitVRLittleEndian, ImplicitVRLittleEndian)
    ]
    distinct = list(dict.fromkeys(pairs + extra))[:MOST_CONTEXTS]
    return [build_context(uid, known) for uid, known in distinct]


def _acceptable_form(ds: FileDataset, association: Association) -> Dataset:
    """Return `ds` under the newest SOP class that the peer accepted, decompressed if it must be.

    Raises
    ------
    ContextRefused
        It accepted none.
    """
    accepted: dict[UID, set[UID]] = {}
    for context in association.accepted_contexts:
        syntaxes = accepted.setdefault(UID(context.abstract_syntax or ""), set())
        syntaxes.update(UID(syntax) for syntax in context.transfer_syntax)
    own = UID(ds.SOPClassUID)
    for sop_class in (own, *FALLBACKS.get(own, ())):
        if sop_class in accepted:
            ds.SOPClassUID = sop_class
            ds.file_meta.MediaStorageSOPClassUID = sop_class
            if ds.file_meta.TransferSyntaxUID not in accepted[sop_class]:
                _decompress(ds)
            return ds
    raise ContextRefused(f"the peer does not take {own.name}")


def _decompress(ds: FileDataset) -> None:
    """Make pixel data native; the object stays the same, for RLE (PS3.5 annex G) loses nothing."""
    if ds.file_meta.TransferSyntaxUID == RLELossless:
        ds.decompress(generate_instance_uid=False)


def _parsed(content: bytes) -> FileDataset:
    try:
        ds = dcmread(BytesIO(content))
    except (InvalidDicomError, EOFError, ValueError) as error:
        raise ReportUnreadable(type(error).__name__) from None
    if "SOPClassUID" not in ds or "TransferSyntaxUID" not in ds.file_meta:
        raise ReportUnreadable("SOP class or transfer syntax is missing")
    return ds
