"""Queues, destinations and failures: seen, paused, sent again, over JSON and on the page."""

import re
from html import unescape
from pathlib import Path

import pytest

from api.failures import FAILURES_ON_PAGE
from archive.account_records import Role
from archive.database import Archive
from config.settings import RulesSettings, Settings
from tests.builders.people import a_radiologist, a_review
from tests.web import a_client, report_study, web_settings


def settings() -> Settings:
    values = web_settings().model_dump()
    values["destinations"] = [
        {"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 104}
    ]
    return Settings.model_validate(values)


def give_up(
    archive: Archive,
    study: int = 1,
    *,
    destination: str = "pacs",
    reason: str = "refused for good",
) -> int:
    report_study(archive, study, destination=destination)
    [claim] = archive.repository.claim_deliveries("s", destination, limit=1, lease_seconds=60)
    archive.repository.give_up_delivery(claim, dicom_status=0xA700, reason=reason)
    return claim.delivery_id


def fail_once(archive: Archive, study: int, *, reason: str) -> int:
    report_study(archive, study)
    [claim] = archive.repository.claim_deliveries("s", "pacs", limit=1, lease_seconds=60)
    archive.repository.retry_delivery(claim, delay_seconds=60, dicom_status=None, reason=reason)
    return claim.delivery_id


def failures_on(text: str) -> list[int]:
    """The numbers of the deliveries that the page offers to send again."""
    return [int(number) for number in re.findall(r'name="delivery_id" value="(\d+)"', text)]


def test_the_operation_tells_queues_processes_and_destinations(archive: Archive) -> None:
    give_up(archive)
    body = a_client(archive, settings()).get("/api/v1/operation").json()
    [pacs] = body["destinations"]
    assert (pacs["name"], pacs["gave_up"], pacs["last_failure"]) == ("pacs", 1, "refused for good")
    assert {queue["stage"] for queue in body["queues"]} >= {"queued", "ready", "gave_up"}


def test_a_paused_destination_gets_nothing_until_it_is_resumed(archive: Archive) -> None:
    report_study(archive)
    client = a_client(archive, settings())
    address = "/api/v1/destinations/pacs/pause"
    assert client.put(address).status_code == 204
    claims = archive.repository.claim_deliveries("s", "pacs", limit=1, lease_seconds=60)
    assert claims == ()
    assert client.delete(address).status_code == 204
    assert archive.repository.claim_deliveries("s", "pacs", limit=1, lease_seconds=60)
    assert client.put("/api/v1/destinations/other/pause").status_code == 404


def test_deliveries_are_sent_again_by_number_or_by_state(archive: Archive) -> None:
    first, second = give_up(archive, 1), give_up(archive, 2)
    client = a_client(archive, settings())
    address = "/api/v1/deliveries/replay"
    assert client.post(address, json={"delivery_ids": [first]}).json() == {"replayed": 1}
    assert client.post(address, json={"state": "GAVE_UP"}).json() == {"replayed": 1}
    assert archive.repository.delivery(second).state == "READY"
    assert client.post(address, json={}).json() == {"replayed": 0}


def test_what_only_takes_a_post_says_so(archive: Archive) -> None:
    answer = a_client(archive).get("/api/v1/deliveries/replay")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_waiting_delivery_is_given_up_once(archive: Archive) -> None:
    number = give_up(archive)
    archive.repository.replay_deliveries([number])
    client = a_client(archive, settings())
    assert client.post(f"/api/v1/deliveries/{number}/give-up").status_code == 204
    assert client.post(f"/api/v1/deliveries/{number}/give-up").status_code == 404


def test_the_page_says_the_status_in_words_and_sends_again(archive: Archive) -> None:
    number = give_up(archive)
    client = a_client(archive, settings())
    text = client.get("/ops").text
    assert "A700" in text
    assert "refused for good" in text
    assert "Doe" not in text
    sent = client.post("/ops/replay", data={"delivery_id": [str(number)]})
    assert (sent.status_code, sent.headers["location"]) == (303, "/ops")
    assert archive.repository.delivery(number).state == "READY"
    client.post("/ops/destinations/pacs/pause")
    assert "paused by ann" in client.get("/ops").text


def test_failures_are_filtered_by_destination_state_and_words_of_the_reason(
    archive: Archive,
) -> None:
    full = give_up(archive, 1, reason="Out of resources: 100 % full")
    other = give_up(archive, 2, destination="mirror", reason="out of patience")
    waiting = fail_once(archive, 3, reason="no answer")
    client = a_client(archive, settings())

    def shown(**wanted: str) -> list[int]:
        return failures_on(client.get("/ops", params=wanted).text)

    assert shown() == [waiting, other, full]
    assert shown(destination="mirror") == [other]
    assert shown(state="GAVE_UP", destination="", words="") == [other, full]
    assert shown(state="READY") == [waiting]
    assert shown(words="FULL out") == [full]
    assert shown(words="100 %") == [full]
    assert shown(words="%") == [full]
    nothing = client.get("/ops", params={"words": "patience", "destination": "pacs"}).text
    assert "Nothing of this kind failed." in nothing
    assert 'value="patience"' in nothing


def test_all_given_up_that_the_filter_shows_are_sent_again_and_the_button_says_how_many(
    archive: Archive,
) -> None:
    full = [give_up(archive, study, reason="disk is full") for study in (1, 2)]
    other = give_up(archive, 3, destination="mirror", reason="disk is full")
    fail_once(archive, 4, reason="disk is full")
    client = a_client(archive, settings())
    wanted = {"destination": "pacs", "words": "full"}
    assert "Replay 3 given up" in client.get("/ops").text
    assert "Replay 2 given up" in client.get("/ops", params=wanted).text
    assert "given up</button>" not in client.get("/ops", params={"state": "READY"}).text
    sent = client.post("/ops/replay", data=wanted | {"everything": "yes", "state": ""})
    assert sent.headers["location"] == "/ops?destination=pacs&words=full#failures"
    states = [archive.repository.delivery(number).state for number in [*full, other]]
    assert states == ["READY", "READY", "GAVE_UP"]


def test_further_failures_stand_on_further_pages(archive: Archive) -> None:
    numbers = [give_up(archive, study) for study in range(1, FAILURES_ON_PAGE + 3)]
    client = a_client(archive, settings())
    first = client.get("/ops", params={"state": "GAVE_UP"}).text
    [older] = re.findall(r'href="([^"]+)">Older<', first)
    assert "state=GAVE_UP" in older
    second = client.get(unescape(older)).text
    assert failures_on(first) + failures_on(second) == numbers[::-1]
    assert f"Replay {len(numbers)} given up" in second
    assert ">Newest<" in second
    assert ">Older<" not in second


@pytest.mark.parametrize(
    ("wanted", "status"), [({"state": "SENDING"}, 422), ({"cursor": "nonsense"}, 404)]
)
def test_failures_of_no_such_kind_or_page_are_refused(
    archive: Archive, wanted: dict[str, str], status: int
) -> None:
    assert a_client(archive, settings()).get("/ops", params=wanted).status_code == status


def test_a_decision_without_its_report_is_shown_and_tried_again(archive: Archive) -> None:
    report_study(archive)
    user = a_radiologist(archive)
    review = archive.repository.add_review(a_review(archive, user, held_seconds=0.0))
    [claim] = archive.repository.claim_reviews("w", limit=1, lease_seconds=60, maximum_attempts=3)
    archive.repository.return_review(claim, reason="cannot be built", is_hopeless=True)
    client = a_client(archive, settings())
    assert "cannot be built" in client.get("/ops").text
    assert client.post(f"/api/v1/reviews/{review.review_id}/retry").status_code == 204
    assert archive.repository.failed_reviews() == ()


def test_operation_is_for_administrators(archive: Archive) -> None:
    reader = a_client(archive, settings(), login="ito", roles=[Role.RADIOLOGIST])
    assert reader.get("/ops").status_code == 403
    assert reader.get("/api/v1/operation").status_code == 403


def with_rules(file: Path) -> Settings:
    return settings().model_copy(update={"rules": RulesSettings(file=file)})


def test_right_rules_are_handed_to_the_nodes(archive: Archive, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules: []\nfallback: {then: analyse}\n")
    answer = a_client(archive, with_rules(file)).post("/api/v1/rules/reload")
    assert answer.status_code == 202
    assert answer.json()["rule_count"] == 0
    assert archive.repository.last_rule_reload() == 1


def test_wrong_rules_are_answered_with_line_and_key_and_asked_of_nobody(
    archive: Archive, tmp_path: Path
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules: []\nfallbacks: {then: analyse}\n")
    client = a_client(archive, with_rules(file))
    answer = client.post("/api/v1/rules/reload")
    assert (answer.status_code, answer.json()["code"]) == (422, "rules_invalid")
    assert answer.json()["detail"] == f"{file}:2: fallbacks: unknown key"
    assert archive.repository.last_rule_reload() == 0
    page = client.post("/ops/rules/reload")
    assert page.status_code == 422
    assert "fallbacks: unknown key" in page.text


def test_operation_shows_by_which_rules_each_node_works(archive: Archive) -> None:
    archive.repository.rules_loaded("HILUM@127.0.0.1:11112", rules_sha256="ab" * 32, rule_count=2)
    archive.repository.rules_not_loaded("HILUM@127.0.0.1:11112", fault="rules.yaml:9: when: is no")
    client = a_client(archive, settings())
    [rules] = client.get("/api/v1/operation").json()["rules"]
    assert (rules["rule_count"], rules["fault"]) == (2, "rules.yaml:9: when: is no")
    text = client.get("/ops").text
    assert "abababababab" in text
    assert "rules.yaml:9" in text


def test_only_administrators_reload_rules(archive: Archive) -> None:
    reader = a_client(archive, settings(), login="ito", roles=[Role.RADIOLOGIST])
    assert reader.post("/api/v1/rules/reload").status_code == 403
    assert reader.post("/ops/rules/reload").status_code == 403
