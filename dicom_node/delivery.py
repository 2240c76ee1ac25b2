"""The sender process: a courier per destination claims reports, sends them, records the answer.

Where a destination is to confirm that it keeps them, a clerk asks it to (storage commitment). The
audit trail goes to the hospital's audit server from here too.

Every step is safe to repeat: a courier that dies leaves claims whose lease runs out, and the
object that is then sent again has the same UID. DELIVERED is written only after the destination's
own answer. A destination that does not answer costs one probe per back-off, however much waits
for it, and nothing of it reaches the other couriers.
"""

import socket
import threading
import time
import uuid
from collections.abc import Callable
from functools import partial

import structlog

from archive.database import Archive
from archive.errors import ArchiveUnavailable
from archive.records import ProcessKind
from config.destinations import Destination, DimseDestination, WebhookDestination
from config.settings import DeliverySettings, Settings
from config.watchdog import expect_no_more, expect_within
from dicom_node.audit_export import AuditFeed
from dicom_node.audit_message import AuditSource
from dicom_node.backoff import BackOff
from dicom_node.commitment import Clerk
from dicom_node.courier import Courier
from dicom_node.errands import Errands
from dicom_node.follower import Feed, Follower
from dicom_node.give_up_feed import GiveUpFeed
from dicom_node.links import link_to, peer_of
from dicom_node.receipts import receipt
from dicom_node.standing import Standing
from dicom_node.syslog import SyslogServer
from dicom_node.upper_layer import prepare_pynetdicom
from dicom_node.webhook import WebhookLink

_log = structlog.get_logger()

BEAT_SECONDS = 1.0
# Couriers wait for slow peers in threads of their own; the loop that beats has nothing to wait for.
LONGEST_ROUND_SECONDS = 600.0
# Leases are extended this many times before they would end.
_EXTENSIONS_PER_LEASE = 3
_STOP_SECONDS = 5.0

OneWhoSends = Courier | Clerk | Follower


def run(
    settings: Settings,
    archive: Archive,
    stop: threading.Event,
    on_ready: Callable[[], None] = lambda: None,
) -> None:
    """Deliver until `stop` is set; what is being sent then is finished or given back.

    Parameters
    ----------
    on_ready
        Called once every destination has its courier.
    """
    prepare_pynetdicom()
    couriers: list[OneWhoSends] = [
        *_couriers(settings, archive),
        *_clerks(settings, archive),
        *_followers(settings, archive),
    ]
    threads = [
        threading.Thread(target=_work, args=(courier, stop), name=courier.destination, daemon=True)
        for courier in couriers
    ]
    errands = Errands(settings, archive, claimant=f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}")
    # Not joined: one that waits for a slow answer loses only its lease.
    threading.Thread(target=errands.run, args=(stop,), name="errands", daemon=True).start()
    for thread in threads:
        thread.start()
    expect_within(LONGEST_ROUND_SECONDS)
    on_ready()
    try:
        _watch(couriers, settings, archive, stop)
    finally:
        expect_no_more()
        _finish(couriers, threads)


def _couriers(settings: Settings, archive: Archive) -> list[Courier]:
    # Containers all have process number 1, and hosts may share a name.
    claimant = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
    couriers = []
    for destination in settings.destinations:
        standing = _standing(destination, settings.delivery)
        couriers += [
            Courier(
                destination.name,
                archive,
                link_to(destination, settings),
                settings.delivery,
                claimant=f"{claimant}-{destination.name}-{number}",
                standing=standing,
                receipt=partial(receipt, destination),
            )
            for number in range(destination.connections)
        ]
    return couriers


def _standing(destination: Destination, settings: DeliverySettings) -> Standing:
    return Standing(_back_off(settings), objects_per_second=destination.objects_per_second)


def _clerks(settings: Settings, archive: Archive) -> list[Clerk]:
    """Return who asks the destinations for storage commitment that are to be asked."""
    return [
        Clerk(
            destination.name,
            peer_of(destination),
            archive,
            settings.delivery,
            calling_ae_title=settings.node.ae_title,
        )
        for destination in settings.destinations
        if isinstance(destination, DimseDestination) and destination.storage_commitment
    ]


def _followers(settings: Settings, archive: Archive) -> list[Follower]:
    """Return who tells webhooks of what was given up, and the audit server of the trail."""
    feeds = [*_give_up_feeds(settings, archive), *_audit_feeds(settings, archive)]
    return [Follower(feed, back_off=_back_off(settings.delivery)) for feed in feeds]


def _give_up_feeds(settings: Settings, archive: Archive) -> list[Feed]:
    return [
        GiveUpFeed(
            destination.name,
            archive,
            WebhookLink(destination, timeout_seconds=settings.delivery.timeout_seconds),
        )
        for destination in settings.destinations
        if isinstance(destination, WebhookDestination) and destination.gave_up
    ]


def _audit_feeds(settings: Settings, archive: Archive) -> list[Feed]:
    if not settings.syslog.is_on:
        return []
    host = socket.gethostname()
    return [
        AuditFeed(
            archive,
            SyslogServer(
                settings.syslog, host=host, timeout_seconds=settings.delivery.timeout_seconds
            ),
            AuditSource(
                ae_title=settings.node.ae_title,
                host=host,
                enterprise_site=settings.syslog.enterprise_site,
                names_patients=settings.syslog.patient_ids,
            ),
            claimant=f"{host}-{uuid.uuid4().hex[:8]}",
        )
    ]


def _back_off(settings: DeliverySettings) -> BackOff:
    return BackOff(
        first_seconds=settings.first_retry_seconds,
        longest_seconds=settings.longest_retry_seconds,
    )


def _work(courier: OneWhoSends, stop: threading.Event) -> None:
    """Let one courier work until `stop`; the loop of this process."""
    while not stop.is_set():
        try:
            pause_seconds = courier.step(stop)
        except ArchiveUnavailable as error:
            _log.error(
                "the archive does not answer", destination=courier.destination, error=str(error)
            )
            pause_seconds = BEAT_SECONDS
        except Exception as error:  # noqa: BLE001  # the loop of this process
            _log.error(
                "a courier stumbled", destination=courier.destination, error=type(error).__name__
            )
            pause_seconds = BEAT_SECONDS
        stop.wait(pause_seconds)
    courier.close()


def _watch(
    couriers: list[OneWhoSends], settings: Settings, archive: Archive, stop: threading.Event
) -> None:
    """Beat, and keep the leases of what is being sent."""
    every_seconds = settings.delivery.lease_seconds / _EXTENSIONS_PER_LEASE
    extended_at = time.monotonic()
    while True:
        try:
            away = sorted({courier.destination for courier in couriers if courier.is_waiting})
            detail = f"not reachable: {', '.join(away)}" if away else ""
            archive.repository.beat(ProcessKind.SENDER, socket.gethostname(), detail)
            expect_within(LONGEST_ROUND_SECONDS)
            if time.monotonic() - extended_at >= every_seconds:
                _extend_leases(couriers, settings, archive)
                extended_at = time.monotonic()
        except ArchiveUnavailable as error:
            _log.error("the archive does not answer", error=str(error))
        if stop.wait(BEAT_SECONDS):
            return


def _extend_leases(couriers: list[OneWhoSends], settings: Settings, archive: Archive) -> None:
    for courier in couriers:
        if courier.holds_claims:
            archive.repository.extend_delivery_leases(
                courier.claimant, lease_seconds=settings.delivery.lease_seconds
            )


def _finish(couriers: list[OneWhoSends], threads: list[threading.Thread]) -> None:
    """Wait for the couriers; one that waits for a slow peer's answer loses its association."""
    deadline = time.monotonic() + _STOP_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    for courier, thread in zip(couriers, threads, strict=True):
        if thread.is_alive():
            courier.abort()
    for thread in threads:
        thread.join(_STOP_SECONDS / 2)
    _log.info("stopped delivering")
