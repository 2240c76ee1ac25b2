"""`hilum destinations` and `hilum jobs` beside a running sender and dcmtk's receiver."""

from pathlib import Path

import pytest

from archive.account_records import AuditAction
from archive.records import DeliveryState
from tests.builders.reports_to_send import a_study_with_reports
from tests.integration.command_line.test_start_up import hilum
from tests.integration.dicom_node.test_delivering import storescp, wait_for
from tests.processes import free_port, wait_until
from tests.serving import Site

NAMES = ("pacs", "mirror")


def a_site(folder: Path, port: int) -> Site:
    ends = [
        {"name": name, "ae_title": name.upper(), "host": "127.0.0.1", "port": number}
        for name, number in (("pacs", port), ("mirror", free_port()))
    ]
    fast = {"first_retry_seconds": 0.2, "longest_retry_seconds": 0.5}
    site = Site(folder=folder / "site", destinations=ends, sections={"delivery": fast})
    site.write_settings()
    return site


@pytest.mark.peer("dcmtk")
def test_a_destination_is_paused_seen_and_resumed_beside_the_sender(tmp_path: Path) -> None:
    port = free_port()
    site = a_site(tmp_path, port)
    config = ("--config", site.settings_file)
    archive = site.open_archive()
    with storescp(tmp_path / "received", port) as received, site.serving("sender"):
        assert hilum("destinations", "pause", "pacs", *config).stdout == "pacs: paused\n"
        a_study_with_reports(archive, reports=2, destinations=NAMES)
        failing = "last failure: nobody answers at the port"
        wait_until(
            lambda: failing in hilum("destinations", *config).stdout,
            within_seconds=60,
            what="the failure of the mirror",
        )
        listed = hilum("destinations", *config).stdout
        assert "pacs: paused by command-line" in listed
        assert "2 waiting" in listed
        assert "mirror: failing" in listed
        assert list(received.iterdir()) == []
        assert hilum("destinations", "resume", "pacs", *config).stdout == "pacs: resumed\n"
        wait_for(archive, DeliveryState.DELIVERED, 2)
    listed = hilum("destinations", *config).stdout
    assert "pacs: open" in listed
    assert "0 waiting, 0 given up, 2 delivered" in listed
    done = [event.entry for event in archive.repository.audit_events(limit=100)]
    by_hand = {one.action for one in done if one.actor == "command-line"}
    assert by_hand == {AuditAction.PAUSE, AuditAction.RESUME}


def test_what_was_given_up_is_told_step_by_step_and_sent_again(tmp_path: Path) -> None:
    site = a_site(tmp_path, free_port())
    config = ("--config", site.settings_file)
    repository = site.open_archive().repository
    [report] = a_study_with_reports(site.open_archive(), reports=1)
    [claim] = repository.claim_deliveries("s", "pacs", limit=1, lease_seconds=60)
    repository.give_up_delivery(claim, dicom_status=0xA900, reason="not what it says")
    shown = hilum("jobs", "show", str(claim.delivery_id), *config)
    assert shown.returncode == 0
    assert shown.stdout.splitlines()[0] == f"delivery {claim.delivery_id}: GAVE_UP"
    assert "0xA900 data set does not match SOP class" in shown.stdout
    assert "not what it says" in shown.stdout
    study = hilum("jobs", "show", report.key.study_uid, *config)
    assert f"delivery {claim.delivery_id}: AI_RESULT to pacs GAVE_UP" in study.stdout
    assert "Test" not in study.stdout
    assert hilum("jobs", "retry", *config).stdout == "1 due now\n"
    [line] = repository.audit_events(limit=10, action=AuditAction.REPLAY)
    assert (line.entry.actor, line.entry.details) == ("command-line", {"count": 1})


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("destinations", "pause", "nowhere"), "nowhere: no destination of the settings, which"),
        (("jobs", "show", "99"), "99: there is no such delivery or study"),
        (("jobs", "show", "9" * 30), "there is no such delivery or study"),
        (("jobs", "show", "1.2.3"), "1.2.3: there is no such delivery or study"),
    ],
)
def test_what_does_not_exist_is_named(tmp_path: Path, command: tuple[str, ...], words: str) -> None:
    site = a_site(tmp_path, free_port())
    refused = hilum(*command, "--config", site.settings_file)
    assert refused.returncode == 1
    assert words in refused.stderr


def test_settings_in_the_wrong_place_are_not_ignored(tmp_path: Path) -> None:
    site = a_site(tmp_path, free_port())
    refused = hilum("destinations", "--config", site.settings_file, "pause", "pacs")
    assert refused.returncode == 1
    assert "--config and --secrets stand behind pause" in refused.stderr
