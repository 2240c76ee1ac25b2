"""The log of associations over JSON and on the page."""

import re
from dataclasses import replace
from html import unescape

import pytest

from api.calls import CALLS_ON_PAGE
from archive.account_records import Role, Scope
from archive.association_records import AssociationOutcome
from archive.database import Archive
from tests.builders.calls import A_CALL, REJECTED
from tests.web import a_client, a_stranger, token_of

ADDRESS = "/api/v1/associations"
MR = replace(A_CALL, calling_ae_title="MR1", address="10.0.0.8")


@pytest.fixture
def called(archive: Archive) -> Archive:
    """One association of each of two peers, and a rejected caller."""
    archive.repository.record_associations([A_CALL, MR, REJECTED], keep=100)
    return archive


def test_associations_are_told_page_by_page(called: Archive) -> None:
    client = a_client(called)
    first = client.get(f"{ADDRESS}?limit=2")
    rejected, mr = first.json()["associations"]
    assert (rejected["outcome"], rejected["count"]) == ("REJECTED", 7)
    assert "source 1, reason 3" in rejected["words"]
    assert (mr["calling_ae_title"], mr["stored"], mr["byte_count"]) == ("MR1", 2, 5_000_000_000)
    link = re.fullmatch(r'<(.+)>; rel="next"', first.headers["link"])
    assert link is not None
    last = client.get(link.group(1))
    assert [one["calling_ae_title"] for one in last.json()["associations"]] == ["CT1"]
    assert (last.json()["next_cursor"], "link" in last.headers) == (None, False)


@pytest.mark.parametrize(
    ("wanted", "titles"),
    [
        ({"peer": "mr1"}, ["MR1"]),
        ({"peer": "10.0.0.8"}, ["MR1"]),
        ({"outcome": "REJECTED"}, ["CT1"]),
        ({"peer": "ct1", "outcome": "RELEASED"}, ["CT1"]),
        ({"peer": "nobody"}, []),
    ],
)
def test_associations_are_found_by_peer_and_outcome(
    called: Archive, wanted: dict[str, str], titles: list[str]
) -> None:
    client = a_client(called)
    found = client.get(ADDRESS, params=wanted).json()["associations"]
    assert [one["calling_ae_title"] for one in found] == titles
    page = client.get("/ops/associations", params=wanted).text
    assert len(re.findall(r"2026-03-14 15:09:26", page)) == len(titles)


def test_programs_that_operate_may_look_and_others_may_not(called: Archive) -> None:
    stranger = a_stranger(called)
    for scope, status in ((Scope.OPERATE, 200), (Scope.READ, 403)):
        bearer = {"Authorization": f"Bearer {token_of(called, scope)}"}
        assert stranger.get(ADDRESS, headers=bearer).status_code == status
    reader = a_client(called, login="ito", roles=[Role.RADIOLOGIST])
    assert reader.get("/ops/associations").status_code == 403
    assert a_client(called).get(f"{ADDRESS}?cursor=nonsense").status_code == 404


def test_the_page_of_operation_shows_the_last_and_leads_to_all(archive: Archive) -> None:
    client = a_client(archive)
    assert "Nobody called at the DICOM port yet." in client.get("/ops").text
    many = [replace(A_CALL, calling_ae_title=f"CT{number}") for number in range(1, 13)]
    archive.repository.record_associations(many, keep=100)
    text = client.get("/ops").text
    assert re.findall(r"<td>(CT\d+)</td>", text) == [f"CT{number}" for number in range(12, 2, -1)]
    assert 'href="/ops/associations"' in text


def test_older_associations_stand_on_further_pages(archive: Archive) -> None:
    lost = replace(A_CALL, outcome=AssociationOutcome.LOST, words="the connection ended")
    archive.repository.record_associations([lost] * (CALLS_ON_PAGE + 1), keep=1000)
    client = a_client(archive)
    first = client.get("/ops/associations", params={"outcome": "LOST"}).text
    [older] = re.findall(r'href="([^"]+)">Older<', first)
    second = client.get(unescape(older)).text
    assert second.count("the connection ended") == 1
    assert ">Newest<" in second
    assert ">Older<" not in second
