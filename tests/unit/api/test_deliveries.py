"""Deliveries over JSON: page by page, one by one, and where they go."""

import re

import pytest

from archive.database import Archive
from archive.operation_records import FailureQuery
from tests.unit.api.test_operation import give_up, settings
from tests.web import a_client, report_study


def test_pages_of_deliveries_follow_the_link_header_to_the_end(archive: Archive) -> None:
    numbers = [give_up(archive, study) for study in range(1, 6)]
    report_study(archive, 6)
    client = a_client(archive)
    seen: list[int] = []
    address: str | None = "/api/v1/deliveries?limit=2&state=GAVE_UP&destination=pacs"
    while address:
        response = client.get(address)
        assert response.status_code == 200
        seen += [one["delivery_id"] for one in response.json()["deliveries"]]
        link = re.fullmatch(r'<(.+)>; rel="next"', response.headers.get("link", ""))
        address = link.group(1) if link else None
        assert (response.json()["next_cursor"] is None) == (address is None)
    assert seen == numbers[::-1]


@pytest.mark.parametrize("cursor", ["nonsense", "MTI", "I3gx", "Iy0x", "Izk5OTk5OTk5OTk5", "é"])
def test_a_cursor_of_somebody_else_is_not_found(archive: Archive, cursor: str) -> None:
    response = a_client(archive).get("/api/v1/deliveries", params={"cursor": cursor})
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_one_delivery_says_its_status_in_words(archive: Archive) -> None:
    number = give_up(archive)
    body = a_client(archive).get(f"/api/v1/deliveries/{number}").json()
    assert (body["state"], body["dicom_status"], body["attempt"]) == ("GAVE_UP", "A700", 1)
    assert body["status_words"] == "0xA700 out of resources"
    assert a_client(archive).get("/api/v1/deliveries/999").status_code == 404


def test_every_destination_of_the_settings_is_listed(archive: Archive) -> None:
    give_up(archive)
    client = a_client(archive, settings())
    [pacs] = client.get("/api/v1/destinations").json()["destinations"]
    assert (pacs["name"], pacs["gave_up"]) == ("pacs", 1)
    assert [pacs] == client.get("/api/v1/operation").json()["destinations"]
    assert a_client(archive).get("/api/v1/destinations").json() == {"destinations": []}


def test_the_page_of_a_delivery_tells_its_steps_and_offers_what_its_state_permits(
    archive: Archive,
) -> None:
    number = give_up(archive)
    client = a_client(archive, settings())
    address = f"/ops/deliveries/{number}"
    assert f'href="{address}"' in client.get("/ops").text
    given_up = client.get(address).text
    assert "0xA700 out of resources. The destination is full" in given_up
    assert "refused for good" in given_up
    assert "Doe" not in given_up
    assert (">Replay<" in given_up, ">Give up<" in given_up) == (True, False)
    assert client.post(f"{address}/give-up").status_code == 404

    replayed = client.post(f"{address}/replay")
    assert (replayed.status_code, replayed.headers["location"]) == (303, address)
    waiting = client.get(address).text
    assert (">Replay<" in waiting, ">Give up<" in waiting) == (True, True)
    assert "attempt 1" in waiting

    assert client.post(f"{address}/give-up").status_code == 303
    assert archive.repository.delivery(number).reason == "given up by ann"
    actions = [event.entry.action for event in archive.repository.audit_events(limit=2)]
    assert actions == ["GIVE_UP", "REPLAY"]


def test_a_delivery_on_its_way_is_left_alone(archive: Archive) -> None:
    report_study(archive)
    [claim] = archive.repository.claim_deliveries("s", "pacs", limit=1, lease_seconds=60)
    client = a_client(archive, settings())
    text = client.get(f"/ops/deliveries/{claim.delivery_id}").text
    assert "being sent" in text
    assert (">Replay<" in text, ">Give up<" in text) == (False, False)
    assert client.post(f"/ops/deliveries/{claim.delivery_id}/replay").status_code == 409
    assert client.get("/ops/deliveries/999").status_code == 404


def test_failures_are_shown_however_many_others_wait(archive: Archive) -> None:
    number = give_up(archive)
    archive.repository.replay_deliveries([number])
    [claim] = archive.repository.claim_deliveries("s", "pacs", limit=1, lease_seconds=60)
    archive.repository.retry_delivery(
        claim, delay_seconds=60, dicom_status=None, reason="no answer"
    )
    report_study(archive, 2)
    [failing] = archive.repository.failures(FailureQuery(), limit=1)
    assert failing.delivery_id == number
