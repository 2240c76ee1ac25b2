"""C-ECHO for administrators: tells whether somebody is there and knows us."""

import time
from dataclasses import dataclass

from pynetdicom.presentation import build_context
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at import

from config.settings import DestinationSettings
from dicom_node.errors import PeerUnavailable
from dicom_node.sender import application_entity, associate
from dicom_node.upper_layer import prepare_pynetdicom


@dataclass(frozen=True, kw_only=True)
class EchoAnswer:
    """What a peer answered to C-ECHO."""

    status: int
    seconds: float
    """From the first packet of the association to the answer."""


def echo(peer: DestinationSettings, *, calling_ae_title: str, timeout_seconds: float) -> EchoAnswer:
    """Send one C-ECHO (PS3.4 annex A).

    Raises
    ------
    PeerUnavailable
        No association, or no answer; the message says which and why.
    """
    prepare_pynetdicom()
    began_at = time.monotonic()
    ae = application_entity(calling_ae_title, timeout_seconds=timeout_seconds)
    association = associate(ae, peer, [build_context(Verification)], timeout_seconds)
    try:
        answer = association.send_c_echo()
    finally:
        if association.is_established:
            association.release()
    if "Status" not in answer:
        raise PeerUnavailable("no answer to C-ECHO")
    return EchoAnswer(status=int(answer.Status), seconds=time.monotonic() - began_at)


def peer_at(address: str, *, called_ae_title: str) -> DestinationSettings:
    """Return the peer at ``HOST:PORT``; an IPv6 host stands in brackets.

    Raises
    ------
    ValueError
        `address` or the title is not valid; the message says what is wrong.
    """
    host, separator, port = address.rpartition(":")
    if not separator or not host or not port.isdigit():
        raise ValueError(f"{address!r} is not HOST:PORT")
    return DestinationSettings(
        name="peer", ae_title=called_ae_title, host=host.strip("[]"), port=int(port)
    )
