"""The node process: opens the port, queues complete studies, and stops without losing an object."""

import contextlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import cast

import structlog
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]  # made at import

from archive.database import Archive
from archive.errors import ArchiveUnavailable
from archive.records import ProcessKind
from config.rules import RuleBook
from config.rules_file import load_rules
from config.settings import NodeSettings, Settings, SettingsInvalid
from config.watchdog import expect_no_more, expect_within
from dicom_node.access import GuestList
from dicom_node.call_events import call_handlers, counting_refusals
from dicom_node.call_log import CallLog
from dicom_node.commitment import commitment_context
from dicom_node.completeness import QUEUE_SECONDS, Completeness, OpenStudies
from dicom_node.errors import ListenerFailed
from dicom_node.handlers import (
    Reception,
    handle_accepted,
    handle_closed,
    handle_echo,
    handle_ended,
    handle_report,
    handle_requested,
    handle_sent,
    handle_store,
    handle_turned_away,
)
from dicom_node.incoming import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    Heading,
    IncomingDataSet,
)
from dicom_node.intake import ACCEPTED_SOP_CLASSES
from dicom_node.leftovers import remove_leftovers
from dicom_node.priors import PriorFetcher
from dicom_node.rejections import Rejections
from dicom_node.ruling import Ruling
from dicom_node.tls import ServerTls
from dicom_node.traffic import Traffic
from dicom_node.transport import drop_connection
from dicom_node.upper_layer import Server, StoringProvider, prepare_pynetdicom

_log = structlog.get_logger()

BEAT_SECONDS = 1.0
NO_ROOM = "no room left, objects are refused"
# Many studies that become complete at once, each held against the rules, may take minutes.
LONGEST_ROUND_SECONDS = 600.0
# A stop finishes what is being received for this long; then the sender has to repeat it.
STOP_SECONDS = 8.0
_LONGEST_ARTIM_SECONDS = 30.0
_STOP_POLL_SECONDS = 0.05
_ACCEPT_POLL_SECONDS = 0.1
# Connections that are not (yet) associations: rejected ones that linger, or silent ones.
_CONNECTIONS_PER_ASSOCIATION = 2
_SPARE_CONNECTIONS = 16


def supported_contexts() -> list[PresentationContext]:
    """Return what the node accepts: C-ECHO, its image classes, reports of storage commitment."""
    contexts = [build_context(Verification), commitment_context()]
    contexts += [build_context(uid, ALL_TRANSFER_SYNTAXES) for uid in ACCEPTED_SOP_CLASSES]
    return contexts


class Listener:
    """An open port.

    Parameters
    ----------
    settings
        Of the whole installation.
    archive
        Where objects are kept.
    reread
        Reads the settings of the installation again; of them the peers are taken, and which
        destinations rules may name.

    Raises
    ------
    ListenerFailed
        The port cannot be opened.
    RulesInvalid
        The rules of the site cannot be used.
    TlsUnusable
        The certificate of `node.tls`, its key or the authorities cannot be used.
    """

    def __init__(
        self, settings: Settings, archive: Archive, reread: Callable[[], Settings] | None = None
    ) -> None:
        node = settings.node
        self._settings = settings
        self._reread = reread or (lambda: settings)
        self._tls = None if node.tls is None else ServerTls(node.tls)
        self._archive = archive
        self._node = node
        self._open_studies = OpenStudies()
        self._traffic = Traffic()
        self._rejections = Rejections()
        self._calls = CallLog(is_tls=node.tls is not None, keep=node.associations_kept)
        self._had_room = True
        self._ruling = Ruling(
            archive,
            node=f"{node.ae_title}@{node.host}:{node.port}",
            load=self._read_rules,
            sources=settings.sources,
        )
        self._completeness = Completeness(
            archive.repository,
            self._open_studies,
            quiet_period_seconds=node.quiet_period_seconds,
            cap_seconds=node.study_cap_seconds,
            decide=self._ruling.decide,
        )
        self._guests = GuestList(
            ae_titles=(node.ae_title, *node.further_ae_titles),
            peers=settings.peers,
            accept_unknown_peers=node.accept_unknown_peers,
        )
        reception = Reception(
            archive=archive,
            guests=self._guests,
            open_studies=self._open_studies,
            traffic=self._traffic,
            rejections=self._rejections,
            calls=self._calls,
            maximum_associations=node.maximum_associations,
        )
        self._server = self._open(_application_entity(node), reception)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_ACCEPT_POLL_SECONDS,), daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        """The port that was opened."""
        return int(self._server.server_address[1])

    def tick(self) -> None:
        """Queue what is complete and forget associations that died without a word.

        Raises
        ------
        ArchiveUnavailable
            The next tick tries again.
        """
        alive = {id(association) for association in self._server.active_associations}
        self._traffic.keep_only(alive)
        self._open_studies.keep_only(alive)
        self._calls.keep_only(alive)
        queued = self._completeness.tick()
        if queued:
            _log.info("studies complete", count=queued)

    def beat(self) -> None:
        """Say how the node is; take renewed rules, peers and TLS files, write down who called.

        All are taken as soon as somebody asks (SIGHUP), TLS files also when they change.

        Raises
        ------
        ArchiveUnavailable
            The database or the file store does not answer.
        """
        was_asked = self._ruling.tick()
        if was_asked:
            self._take_peers()
        if self._tls is not None:
            if was_asked:
                self._tls.reload()
            else:
                self._tls.refresh()
        free_bytes = self._archive.files.free_bytes()
        has_room = free_bytes >= self._node.minimum_free_bytes
        if has_room != self._had_room:
            say = _log.info if has_room else _log.warning
            say("room again" if has_room else NO_ROOM, free_bytes=free_bytes)
            self._had_room = has_room
        self._rejections.write_down(self._archive.repository)
        self._calls.write_down(self._archive.repository)
        self._archive.repository.beat(
            ProcessKind.NODE,
            f"{self._node.ae_title}@{self._node.host}:{self.port}",
            "" if has_room else NO_ROOM,
        )

    def _read_rules(self) -> RuleBook:
        """Read the rules, which may name destinations that the settings have only now."""
        destinations = self._settings.destinations
        with contextlib.suppress(SettingsInvalid):  # `_take_peers` says so
            destinations = self._reread().destinations
        return load_rules(self._settings.model_copy(update={"destinations": destinations}))

    def _take_peers(self) -> None:
        try:
            peers = self._reread().peers
        except SettingsInvalid as error:
            _log.error("new settings are wrong, the old peers stay", error=str(error))
            self._ruling.say_wrong(str(error))
            return
        self._guests.invite(peers)
        _log.info("peers in force", count=len(peers))

    def close(self, *, within_seconds: float = STOP_SECONDS) -> None:
        """Close the port, finish what is being received, then abort what is still open."""
        self._traffic.stop()
        self._server.stop_listening()
        deadline = time.monotonic() + within_seconds
        with ThreadPoolExecutor(max_workers=8) as pool:
            is_late = False
            while (associations := self._associations()) and not is_late:
                is_late = time.monotonic() >= deadline
                pool.map(Association.abort, [a for a in associations if is_late or self._idle(a)])
                time.sleep(_STOP_POLL_SECONDS)
        for connection in self._server.active_associations:
            drop_connection(connection)
        self._thread.join()
        self._calls.end_all()
        with contextlib.suppress(ArchiveUnavailable):
            self._calls.write_down(self._archive.repository, everything=True)

    def _associations(self) -> list[Association]:
        """Return the open associations, without connections that are none (yet)."""
        found = self._server.active_associations
        return [one for one in found if self._traffic.is_open(id(one))]

    def _idle(self, association: Association) -> bool:
        owes = self._traffic.owes_answer(id(association))
        provider = association.dimse
        is_receiving = isinstance(provider, StoringProvider) and provider.is_receiving
        return not owes and not is_receiving

    def _open(self, ae: AE, reception: Reception) -> Server:
        try:
            server = ae.make_server(
                (self._node.host, self._node.port),
                evt_handlers=[
                    *_handlers(reception),
                    *call_handlers(self._calls, lambda: self._traffic.is_stopping),
                ],
                contexts=supported_contexts(),
                server_class=Server,
                open_data_set=self._open_data_set,
                serve_store=counting_refusals(
                    partial(handle_store, reception=reception), self._calls
                ),
                timeout_seconds=self._node.network_timeout_seconds,
                tls=self._tls,
                on_turned_away=partial(handle_turned_away, reception=reception),
                most_connections=(
                    _CONNECTIONS_PER_ASSOCIATION * self._node.maximum_associations
                    + _SPARE_CONNECTIONS
                ),
            )
        except OSError as error:
            raise ListenerFailed(
                f"{self._node.host}:{self._node.port} cannot be opened: {error.strerror}"
            ) from None
        return cast(Server, server)

    def _open_data_set(self, heading: Heading) -> IncomingDataSet:
        return IncomingDataSet(
            self._archive.files,
            minimum_free_bytes=self._node.minimum_free_bytes,
            heading=heading,
        )


def run(
    settings: Settings,
    archive: Archive,
    stop: threading.Event,
    on_ready: Callable[[], None] = lambda: None,
    reread: Callable[[], Settings] | None = None,
) -> None:
    """Receive until `stop` is set.

    Parameters
    ----------
    reread
        As of `Listener`.
    on_ready
        Called once the port listens.

    Raises
    ------
    ListenerFailed, TlsUnusable
        The port cannot be opened.
    """
    prepare_pynetdicom()
    left_over = remove_leftovers(archive.files)
    if left_over:
        _log.info("partial objects removed", count=left_over)
    listener = Listener(settings, archive, reread)
    _log.info(
        "listening", ae_title=settings.node.ae_title, host=settings.node.host, port=listener.port
    )
    expect_within(LONGEST_ROUND_SECONDS)
    _attempt(listener.beat, stop)
    fetcher = threading.Thread(
        target=PriorFetcher(settings, archive).run, args=(stop,), daemon=True
    )
    fetcher.start()
    on_ready()
    beat_at = time.monotonic()
    try:
        while not stop.wait(QUEUE_SECONDS):
            _attempt(listener.tick, stop)
            if time.monotonic() - beat_at >= BEAT_SECONDS:
                expect_within(LONGEST_ROUND_SECONDS)
                _attempt(listener.beat, stop)
                beat_at = time.monotonic()
    finally:
        expect_no_more()
        listener.close()
        _log.info("stopped listening", port=settings.node.port)


def _attempt(work: Callable[[], None], stop: threading.Event) -> None:
    """Do one piece of the loop; whatever goes wrong, the next is tried after a pause."""
    try:
        work()
    except ArchiveUnavailable as error:
        _log.error("the archive does not answer", error=str(error))
        stop.wait(BEAT_SECONDS)
    except Exception as error:  # noqa: BLE001  # the loop of this process
        _log.error("the node stumbled", error=type(error).__name__)
        stop.wait(BEAT_SECONDS)


def artim_seconds(node: NodeSettings) -> float:
    """Return how long a connection may stay without an association (PS3.8 9.1.5)."""
    return min(node.network_timeout_seconds, _LONGEST_ARTIM_SECONDS)


def _application_entity(node: NodeSettings) -> AE:
    ae = AE(ae_title=node.ae_title)
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    ae.maximum_pdu_size = node.maximum_pdu_bytes
    # `handle_requested` counts for itself and says why; pynetdicom would also count connections
    # that it has rejected and that linger.
    ae.maximum_associations = 1 << 16
    ae.network_timeout = node.network_timeout_seconds
    ae.acse_timeout = artim_seconds(node)
    ae.dimse_timeout = node.network_timeout_seconds
    return ae


def _handlers(reception: Reception) -> list[evt.EventHandlerType]:
    return [
        (evt.EVT_REQUESTED, partial(handle_requested, reception=reception)),
        (evt.EVT_ACCEPTED, handle_accepted),
        (evt.EVT_C_ECHO, handle_echo),
        (evt.EVT_N_EVENT_REPORT, partial(handle_report, reception=reception)),
        (evt.EVT_PDU_SENT, partial(handle_sent, reception=reception)),
        (evt.EVT_RELEASED, partial(handle_ended, how="released")),
        (evt.EVT_ABORTED, partial(handle_ended, how="aborted")),
        (evt.EVT_CONN_CLOSE, partial(handle_closed, reception=reception)),
    ]
