"""Deliveries over JSON: page by page, one by one, and where they go."""

import re

import pytest

from archive.database import Archive
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
