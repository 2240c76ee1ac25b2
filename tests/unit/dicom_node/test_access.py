from collections.abc import Collection

import pytest

from config.settings import PeerSettings
from dicom_node.access import NAMES_ARE_KEPT_SECONDS, GuestList
from dicom_node.statuses import CALLED_AE_UNKNOWN, CALLING_AE_UNKNOWN, Rejection


def guest_list(*peers: tuple[str, str], accept_unknown_peers: bool = False) -> GuestList:
    return GuestList(
        ae_titles=("HILUM",),
        peers=[PeerSettings(ae_title=title, host=host) for title, host in peers],
        accept_unknown_peers=accept_unknown_peers,
        resolve=lambda _host: (),
    )


def judged(guests: GuestList, calling: str = "CT1", address: str = "10.0.0.5") -> Rejection | None:
    return guests.judge(calling_ae=calling, called_ae="HILUM", address=address)


def test_a_known_title_from_its_address_is_welcome() -> None:
    assert judged(guest_list(("CT1", "10.0.0.5"))) is None


def test_a_known_title_from_another_address_is_rejected() -> None:
    rejection = judged(guest_list(("CT1", "10.0.0.6")))
    assert rejection is CALLING_AE_UNKNOWN
    assert rejection[:3] == (1, 1, 3)


def test_an_unknown_title_from_a_known_address_is_rejected() -> None:
    assert judged(guest_list(("CT2", "10.0.0.5"))) is CALLING_AE_UNKNOWN


def test_the_wrong_called_title_is_rejected_even_where_all_peers_are_welcome() -> None:
    guests = guest_list(accept_unknown_peers=True)
    rejection = guests.judge(calling_ae="CT1", called_ae="OTHER", address="10.0.0.5")
    assert rejection is CALLED_AE_UNKNOWN
    assert rejection[:3] == (1, 1, 7)


def test_titles_compare_with_case_and_without_padding() -> None:
    guests = guest_list(("CT1", "10.0.0.5"))
    assert judged(guests, calling="CT1   ") is None
    assert judged(guests, calling="ct1") is CALLING_AE_UNKNOWN


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3"])
def test_a_peer_may_be_a_network(address: str) -> None:
    assert judged(guest_list(("CT1", "10.1.0.0/16")), address=address) is None
    assert judged(guest_list(("CT1", "10.2.0.0/16")), address=address) is CALLING_AE_UNKNOWN


def test_an_unknown_peer_is_welcome_only_where_settings_say_so() -> None:
    assert judged(guest_list()) is CALLING_AE_UNKNOWN
    assert judged(guest_list(accept_unknown_peers=True)) is None


def test_a_name_is_asked_for_again_once_it_is_old() -> None:
    asked: list[str] = []
    addresses = ["10.0.0.4"]
    seconds = [0.0]

    def resolve(host: str) -> Collection[str]:
        asked.append(host)
        return list(addresses)

    guests = GuestList(
        ae_titles=("HILUM",),
        peers=[PeerSettings(ae_title="CT1", host="ct1.ward")],
        accept_unknown_peers=False,
        resolve=resolve,
        clock=lambda: seconds[0],
    )
    assert judged(guests) is CALLING_AE_UNKNOWN
    addresses.append("10.0.0.5")
    assert judged(guests) is CALLING_AE_UNKNOWN
    seconds[0] = NAMES_ARE_KEPT_SECONDS + 1
    assert judged(guests) is None
    assert asked == ["ct1.ward", "ct1.ward"]
