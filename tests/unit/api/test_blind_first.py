"""Who reads blind first is not told by any list what the model says of an unread case."""

import re

import pytest
from fastapi.testclient import TestClient

from archive.account_records import Role
from archive.database import Archive
from archive.review_records import Verdict
from tests.builders.arrivals import an_outcome
from tests.builders.people import a_radiologist, a_review
from tests.web import a_client, report_study, web_settings

# As they arrive: the model suspects the second and the fourth.
PROBABILITIES = (0.12, 0.91, 0.23, 0.78)
# Every way in which the pages write a probability or a verdict of the model.
HINTS = re.compile(r"\b0\.(12|91|23|78)\b|pneumonia present|PNEUMONIA: |AI positive")


@pytest.fixture
def filled(archive: Archive) -> Archive:
    for study, probability in enumerate(PROBABILITIES, 1):
        report_study(archive, study, outcome=an_outcome(study, 900, probability))
    return archive


@pytest.fixture(params=["site", "person"])
def blind(filled: Archive, request: pytest.FixtureRequest) -> TestClient:
    """A radiologist who reads blind first, by the rule of the site or by their own wish."""
    settings = web_settings(review={"blind_first": request.param == "site"})
    client = a_client(filled, settings, roles=[Role.RADIOLOGIST])
    if request.param == "person":
        client.post("/me/preferences", data={"is_blind_first": "yes"})
    return client


def test_the_worklist_is_in_order_of_arrival_without_a_word_of_the_model(
    blind: TestClient,
) -> None:
    response = blind.get("/api/v1/worklist")
    body = response.json()
    assert body["is_blind_first"] is True
    uids = [entry["study"]["study_uid"] for entry in body["entries"]]
    assert uids == [f"1.2.3.{study}" for study in range(1, 5)]
    assert {entry["band"] for entry in body["entries"]} == {"ROUTINE"}
    assert {(entry["presence"], entry["probability"]) for entry in body["entries"]} == {
        (None, None)
    }
    assert body["counts"] == {"OVERDUE": 0, "POSITIVE": 0, "ROUTINE": 4, "DEFERRED": 0}
    assert blind.get("/api/v1/worklist?band=POSITIVE").json()["entries"] == []
    assert not HINTS.search(response.text)


def test_the_page_asks_first_for_the_case_that_came_first(blind: TestClient) -> None:
    assert 'href="/api/v1/studies/1.2.3.1"' in blind.get("/").text


def test_lists_and_timelines_cover_what_nobody_has_read(filled: Archive, blind: TestClient) -> None:
    shown = blind.get("/studies").text
    assert shown.count("covered until it is read") == 4
    assert not HINTS.search(shown)
    for address in ("/studies/1.2.3.2", "/api/v1/studies/1.2.3.2/timeline"):
        text = blind.get(address).text
        assert "covered until it is read, by model 1.0.0" in text
        assert not HINTS.search(text)
    user = a_radiologist(filled)
    filled.repository.add_review(a_review(filled, user, 2, verdict=Verdict.ACCEPT))
    assert blind.get("/studies").text.count("covered until it is read") == 3
    assert "probability 0.91" in blind.get("/studies/1.2.3.2").text


def test_an_unread_prior_is_covered_too(filled: Archive, blind: TestClient) -> None:
    def priors() -> dict[str, object]:
        found = blind.get("/api/v1/studies/1.2.3.1").json()["priors"]
        return {one["study"]["study_uid"]: one["probability"] for one in found}

    assert set(priors().values()) == {None}
    user = a_radiologist(filled)
    filled.repository.add_review(a_review(filled, user, 2, verdict=Verdict.ACCEPT))
    assert priors() == {"1.2.3.2": 0.91, "1.2.3.3": None, "1.2.3.4": None}


def test_who_does_not_read_blind_first_sees_everything(filled: Archive) -> None:
    settings = web_settings(review={"blind_first": True})
    for client in (a_client(filled), a_client(filled, settings, login="ml", roles=[Role.ML])):
        assert "0.91" in client.get("/studies").text
    body = a_client(filled).get("/api/v1/worklist").json()
    assert body["is_blind_first"] is False
    assert body["entries"][0]["probability"] == 0.91
