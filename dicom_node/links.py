"""Which sender serves which kind of destination: one file each, named here and nowhere else."""

from typing import assert_never

from config.destinations import (
    Destination,
    DimseDestination,
    FhirDestination,
    Hl7v2Destination,
    StowDestination,
    WebhookDestination,
)
from config.settings import Settings
from dicom_node.courier import Link
from dicom_node.echo import echo_peer
from dicom_node.fhir_link import FhirLink
from dicom_node.mllp import MllpLink
from dicom_node.sender import Peer, StoreLink
from dicom_node.stow import StowLink
from dicom_node.webhook import WebhookLink


def link_to(destination: Destination, settings: Settings) -> Link:
    """Return the way to a destination; nothing is opened yet."""
    timeout_seconds = settings.delivery.timeout_seconds
    if isinstance(destination, DimseDestination):
        return StoreLink(
            peer_of(destination),
            calling_ae_title=settings.node.ae_title,
            timeout_seconds=timeout_seconds,
        )
    return _probing_link_to(destination, timeout_seconds)


def _probing_link_to(
    destination: StowDestination | FhirDestination | Hl7v2Destination | WebhookDestination,
    timeout_seconds: float,
) -> StowLink | FhirLink | MllpLink | WebhookLink:
    match destination:
        case StowDestination():
            return StowLink(destination, timeout_seconds=timeout_seconds)
        case FhirDestination():
            return FhirLink(destination, timeout_seconds=timeout_seconds)
        case Hl7v2Destination():
            return MllpLink(destination, timeout_seconds=timeout_seconds)
        case WebhookDestination():
            return WebhookLink(destination, timeout_seconds=timeout_seconds)
    assert_never(destination)


def try_destination(destination: Destination, settings: Settings) -> float:
    """Ask a destination whether it is there and knows us.

    Returns
    -------
    float
        Seconds until it answered.

    Raises
    ------
    DicomNodeError
        It did not, or not well; the message says which and why.
    """
    if isinstance(destination, DimseDestination):
        return echo_peer(peer_of(destination), calling_ae_title=settings.node.ae_title)
    return _probing_link_to(destination, settings.delivery.timeout_seconds).probe()


def peer_of(destination: DimseDestination) -> Peer:
    """Return whom we call."""
    return Peer(
        ae_title=destination.ae_title,
        host=destination.host,
        port=destination.port,
        tls=destination.tls,
    )
