"""C-ECHO for administrators: tells whether somebody is there and knows us."""

import time

from pynetdicom.presentation import build_context
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at import

from dicom_node.errors import EchoRefused, PeerUnavailable
from dicom_node.sender import Peer, application_entity, associate
from dicom_node.statuses import StoreStatus, words_for
from dicom_node.upper_layer import prepare_pynetdicom

TIMEOUT_SECONDS = 10.0


def echo_peer(
    peer: Peer,
    *,
    calling_ae_title: str,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> float:
    """Send one C-ECHO (PS3.4 annex A).

    Returns
    -------
    float
        Seconds from the first packet of the association to the answer.

    Raises
    ------
    PeerUnavailable
        No association, or no answer; the message says which and why.
    EchoRefused
        The answer was not success.
    TitleInvalid
        One of the titles is none.
    """
    prepare_pynetdicom()
    began_at = time.monotonic()
    ae = application_entity(calling_ae_title, timeout_seconds=timeout_seconds)
    association = associate(ae, peer, [build_context(Verification)], timeout_seconds)
    try:
        answer = association.send_c_echo()
        seconds = time.monotonic() - began_at
    finally:
        if association.is_established:
            association.release()
    if "Status" not in answer:
        raise PeerUnavailable("no answer to C-ECHO")
    if int(answer.Status) != StoreStatus.SUCCESS:
        raise EchoRefused(words_for(int(answer.Status)))
    return seconds
