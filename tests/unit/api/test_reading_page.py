"""The reading page is served with what its script needs to know of the site."""

from archive.account_records import Role
from archive.database import Archive
from tests.web import a_client, web_settings


def test_the_reading_page_carries_the_rules_of_the_site(archive: Archive) -> None:
    settings = web_settings(review={"viewer_link": "https://viewer.example/?study={study_uid}"})
    response = a_client(archive, settings, login="ito").get("/")
    assert response.status_code == 200
    assert 'data-minimum-view="500"' in response.text
    assert 'data-viewer-link="https://viewer.example/?study={study_uid}"' in response.text
    assert 'data-may-review="true"' in response.text


def test_the_reading_page_needs_no_other_viewer(archive: Archive) -> None:
    response = a_client(archive).get("/")
    assert response.status_code == 200
    assert 'data-viewer-link=""' in response.text


def test_who_does_not_read_is_led_to_a_page_of_their_own(archive: Archive) -> None:
    client = a_client(archive, login="adm", roles=[Role.ADMIN])
    response = client.get("/")
    assert (response.status_code, response.headers["location"]) == (303, "/studies")
