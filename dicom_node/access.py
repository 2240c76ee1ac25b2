"""Who may open an association: AE titles and addresses of the known peers (PS3.8 7.1.1.4)."""

import ipaddress
import socket
import time
from collections.abc import Callable, Collection, Sequence

from config.settings import PeerSettings
from dicom_node.statuses import CALLED_AE_UNKNOWN, CALLING_AE_UNKNOWN, Rejection

# A peer's name may be given another address (containers restart); ask again after this long.
NAMES_ARE_KEPT_SECONDS = 30.0

Resolve = Callable[[str], Collection[str]]


def resolve(host: str) -> Collection[str]:
    """Return the addresses of a host, none when its name is not known."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return {str(entry[4][0]) for entry in found}


class GuestList:
    """Decides on association requests.

    Parameters
    ----------
    ae_titles
        Titles under which this node answers.
    peers
        Systems that may open associations; a peer's host is a name, an address or a network
        such as ``10.1.0.0/16``.
    accept_unknown_peers
        Whether everybody may.
    resolve
        How names become addresses.
    clock
        Seconds that only grow.
    """

    def __init__(
        self,
        *,
        ae_titles: Collection[str],
        peers: Sequence[PeerSettings],
        accept_unknown_peers: bool,
        resolve: Resolve = resolve,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ae_titles = frozenset(ae_titles)
        self._peers = tuple(peers)
        self._accept_unknown_peers = accept_unknown_peers
        self._resolve = resolve
        self._clock = clock
        self._names: dict[str, tuple[float, frozenset[str]]] = {}

    def invite(self, peers: Sequence[PeerSettings]) -> None:
        """Welcome these from now on, and nobody else; associations that stand go on."""
        self._peers = tuple(peers)

    def judge(self, *, calling_ae: str, called_ae: str, address: str) -> Rejection | None:
        """Say why an association is rejected, or None where it is welcome."""
        if called_ae.strip() not in self._ae_titles:
            return CALLED_AE_UNKNOWN
        if self._accept_unknown_peers:
            return None
        caller = calling_ae.strip()
        known = (peer for peer in self._peers if peer.ae_title == caller)
        if any(self._lives_at(peer.host, address) for peer in known):
            return None
        return CALLING_AE_UNKNOWN

    def _lives_at(self, host: str, address: str) -> bool:
        caller = _address(address)
        try:
            return caller in ipaddress.ip_network(host, strict=False)
        except ValueError:
            return any(_address(found) == caller for found in self._addresses_of(host))

    def _addresses_of(self, host: str) -> frozenset[str]:
        now = self._clock()
        known = self._names.get(host)
        if known is None or now - known[0] > NAMES_ARE_KEPT_SECONDS:
            known = self._names[host] = (now, frozenset(self._resolve(host)))
        return known[1]


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    # A zone (fe80::1%eth0) says which card, not who.
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
