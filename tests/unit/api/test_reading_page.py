"""The reading page is served with what its script needs to know of the site."""

import re

from archive.account_records import Role
from archive.database import Archive
from tests.builders.grey_scales import a_radiograph
from tests.web import a_client, report_radiograph, web_settings


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


def test_the_page_tells_the_browser_what_it_will_ask_for_first(archive: Archive) -> None:
    client = a_client(archive)
    assert client.get("/").text.count('rel="preload"') == 1
    report_radiograph(archive, a_radiograph(study_uid="1.2.3.1", sop_instance_uid="1.2.3.1.1.1"))
    addresses = re.findall(r'<link rel="preload" as="fetch" href="([^"]+)"', client.get("/").text)
    assert len(addresses) == 6
    for address in addresses:
        assert client.get(address.replace("&amp;", "&")).status_code == 200, address


def test_scripts_are_kept_by_the_browser_until_they_change(archive: Archive) -> None:
    client = a_client(archive)
    [script] = re.findall(r'src="(/static/[0-9a-f]{12}/reading/page.js)"', client.get("/").text)
    kept = client.get(script)
    assert kept.status_code == 200
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert client.get("/static/reading/page.js").headers["cache-control"] == "no-store"
    assert client.get(script.replace("page.js", "none.js")).status_code == 404
