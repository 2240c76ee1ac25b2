"""Searches for priors: seen and made again, over JSON and on the page."""

import re

import pytest

from archive.account_records import Role
from archive.database import Archive
from archive.prior_records import PriorSearchState
from archive.records import StudyUid
from config.settings import Settings
from tests.web import a_client, report_study, web_settings

ADDRESS = "/api/v1/prior-searches"


def with_a_source() -> Settings:
    source = {"ae_title": "PACS", "host": "127.0.0.1", "port": 104, "priors": 2}
    return web_settings(sources=[{"name": "archive", **source}])


@pytest.fixture
def searched(archive: Archive) -> Archive:
    """One search that was given up, and one that is done."""
    repository = archive.repository
    for study in (1, 2):
        report_study(archive, study)
        assert repository.claim_prior_search(lease_seconds=60) == f"1.2.3.{study}"
    repository.give_up_prior_search(StudyUid("1.2.3.1"), words="no answer from archive")
    repository.finish_prior_search(StudyUid("1.2.3.2"), words="2 fetched")
    return archive


def test_searches_are_told_page_by_page_and_by_state(searched: Archive) -> None:
    client = a_client(searched)
    first = client.get(f"{ADDRESS}?limit=1")
    [search] = first.json()["searches"]
    assert (search["study_uid"], search["state"], search["words"]) == (
        "1.2.3.2",
        "DONE",
        "2 fetched",
    )
    link = re.fullmatch(r'<(.+)>; rel="next"', first.headers["link"])
    assert link is not None
    last = client.get(link.group(1))
    assert [one["state"] for one in last.json()["searches"]] == ["GAVE_UP"]
    assert "link" not in last.headers
    [given_up] = client.get(f"{ADDRESS}?state=GAVE_UP").json()["searches"]
    assert given_up["words"] == "given up: no answer from archive"
    assert client.get(f"{ADDRESS}?cursor=nonsense").status_code == 404


def test_a_search_is_made_again_once_it_is_asked_for(searched: Archive) -> None:
    client = a_client(searched)
    assert client.post(f"{ADDRESS}/1.2.3.1/replay").status_code == 204
    assert client.post(f"{ADDRESS}/1.2.3.1/replay").status_code == 404
    assert searched.repository.claim_prior_search(lease_seconds=60) == "1.2.3.1"


def test_the_page_shows_searches_and_makes_them_again(searched: Archive) -> None:
    client = a_client(searched, with_a_source())
    text = client.get("/ops").text
    assert "Looked for in archive. 0 waiting, 1 done, 1 given up." in text
    assert text.index("given up: no answer from archive") < text.index("2 fetched")
    assert "Doe" not in text
    again = client.post("/ops/prior-searches/1.2.3.1/replay")
    assert (again.status_code, again.headers["location"]) == (303, "/ops#priors")
    found, _ = searched.repository.prior_searches(limit=9, state=PriorSearchState.WAITING)
    assert [one.study_uid for one in found] == ["1.2.3.1"]


def test_a_site_without_sources_is_shown_no_searches(archive: Archive) -> None:
    assert "Searches for priors" not in a_client(archive).get("/ops").text


def test_searches_are_for_administrators(searched: Archive) -> None:
    reader = a_client(searched, login="ito", roles=[Role.RADIOLOGIST])
    assert reader.get(ADDRESS).status_code == 403
    assert reader.post("/ops/prior-searches/1.2.3.1/replay").status_code == 403
