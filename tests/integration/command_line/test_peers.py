"""SIGHUP to a running installation takes the peers that its settings name now."""

import signal
from pathlib import Path

import yaml

from dicom_node.echo import echo_peer
from dicom_node.errors import PeerUnavailable
from dicom_node.sender import Peer
from tests.processes import wait_until
from tests.serving import Serving, Site

OLD = {"ae_title": "CR1", "host": "127.0.0.1"}
NEW = {"ae_title": "CR2", "host": "127.0.0.1"}


def is_welcome(site: Site, title: str) -> bool:
    peer = Peer(ae_title="HILUM", host="127.0.0.1", port=site.dicom_port)
    try:
        echo_peer(peer, calling_ae_title=title)
    except PeerUnavailable:
        return False
    return True


def wait_until_taken(site: Site, times: int) -> None:
    """Wait for the node's own word: to ask it again and again would fill its connections."""
    wait_until(
        lambda: site.log_file.read_text().count("peers in force") == times,
        within_seconds=20,
        what="the new peers",
    )


def name_peers(site: Site, serving: Serving, *peers: dict[str, str]) -> None:
    settings = yaml.safe_load(site.settings_file.read_text())
    site.settings_file.write_text(yaml.safe_dump(settings | {"peers": list(peers)}))
    serving.process.send_signal(signal.SIGHUP)


def test_a_hangup_lets_new_peers_in_and_turns_old_ones_away(tmp_path: Path) -> None:
    site = Site(folder=tmp_path / "site", peers=[OLD])
    with site.serving(only="node,sender") as serving:
        repository = site.open_archive().repository
        wait_until(lambda: repository.rule_standings(), within_seconds=20, what="a first beat")
        assert (is_welcome(site, "CR1"), is_welcome(site, "CR2")) == (True, False)

        name_peers(site, serving, NEW)
        wait_until_taken(site, 1)
        assert (is_welcome(site, "CR1"), is_welcome(site, "CR2")) == (False, True)

        name_peers(site, serving, OLD, {"ae_title": "CR3"})
        wait_until(lambda: repository.rule_standings()[0].fault, within_seconds=20, what="a fault")
        assert f"{site.settings_file}: peers.1.host" in repository.rule_standings()[0].fault
        assert (is_welcome(site, "CR1"), is_welcome(site, "CR2")) == (False, True)

        name_peers(site, serving, OLD, NEW)
        wait_until_taken(site, 2)
        assert (is_welcome(site, "CR1"), is_welcome(site, "CR2")) == (True, True)
        assert repository.rule_standings()[0].fault == ""
        repository.dispose()
