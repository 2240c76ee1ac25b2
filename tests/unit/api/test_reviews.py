"""Reviewing over HTTP: who may, about which state, what follows, and what two people do at once."""

from collections.abc import Mapping

import pytest
from fastapi.testclient import TestClient

from archive.account_records import Role, Scope
from archive.database import Archive
from archive.records import Outcome, Refusal, StudyState, StudyUid
from archive.review_records import ReviewState
from tests.builders.arrivals import A_MODEL, an_arrival, an_outcome
from tests.builders.people import a_new_user
from tests.web import a_client, report_study, token_of, web_settings

STUDY = "/api/v1/studies/1.2.3.1"
ACCEPT = {"verdict": "ACCEPT", "image_visible_milliseconds": 1200}
REJECT = {
    "verdict": "REJECT",
    "reason": "READING_DIFFERS",
    "image_visible_milliseconds": 1200,
}
CORRECT = {"verdict": "CORRECT", "presence": "UNDETERMINED", "image_visible_milliseconds": 1200}


def etag(client: TestClient) -> str:
    text: str = client.get(STUDY).headers["etag"]
    return text


def decide(
    client: TestClient, body: Mapping[str, object] = ACCEPT, *, if_match: str = ""
) -> object:
    headers = {"if-match": if_match or etag(client)}
    return client.post(f"{STUDY}/reviews", json=dict(body), headers=headers)


@pytest.mark.parametrize(
    ("body", "presence"), [(ACCEPT, "PRESENT"), (REJECT, "ABSENT"), (CORRECT, "UNDETERMINED")]
)
def test_a_decision_says_what_holds_and_who_said_so(
    archive: Archive, body: dict[str, object], presence: str
) -> None:
    report_study(archive)
    response = decide(a_client(archive, login="ito"), body)
    assert response.status_code == 201  # type: ignore[attr-defined]
    review = response.json()  # type: ignore[attr-defined]
    assert review["presence"] == presence
    assert review["reviewer"] == "Ito^Ken^^Dr"
    assert review["state"] == "HELD"
    assert review["is_mine"] is True
    assert response.headers["etag"] == f'"{review["study_revision"]}"'  # type: ignore[attr-defined]


@pytest.mark.parametrize("reason", ["WRONG_PATIENT_OR_STUDY", "FAULTY_RUN"])
def test_who_withdraws_a_result_does_not_say_that_the_opposite_holds(
    archive: Archive, reason: str
) -> None:
    report_study(archive)
    response = decide(a_client(archive, login="ito"), REJECT | {"reason": reason})
    assert response.status_code == 201  # type: ignore[attr-defined]
    assert response.json()["presence"] is None  # type: ignore[attr-defined]


@pytest.mark.parametrize("field", ["reviewer", "user_id", "roles", "person_name", "reviewer_login"])
def test_a_forged_reviewer_in_the_body_is_refused(archive: Archive, field: str) -> None:
    report_study(archive)
    response = decide(a_client(archive), ACCEPT | {field: "Somebody^Else"})
    assert response.status_code == 422  # type: ignore[attr-defined]
    assert archive.repository.reviews_of(StudyUid("1.2.3.1")) == ()


def test_a_decision_needs_the_state_that_was_seen(archive: Archive) -> None:
    report_study(archive)
    client = a_client(archive)
    missing = client.post(f"{STUDY}/reviews", json=ACCEPT)
    assert (missing.status_code, missing.json()["code"]) == (428, "revision_required")
    for if_match in ('"1"', 'W/"3"', "*", "3", '"x"'):
        stale = decide(client, if_match=if_match)
        assert stale.status_code == 412, if_match  # type: ignore[attr-defined]


def test_of_two_decisions_the_second_is_told_who_was_first(archive: Archive) -> None:
    report_study(archive)
    first, second = a_client(archive, login="ito"), a_client(archive, login="lee")
    seen = etag(second)
    assert decide(first).status_code == 201  # type: ignore[attr-defined]
    late = decide(second, REJECT, if_match=seen)
    assert late.status_code == 412  # type: ignore[attr-defined]
    assert "Ito Ken" in late.json()["detail"]  # type: ignore[attr-defined]
    assert "ACCEPT" in late.json()["detail"]  # type: ignore[attr-defined]
    knowing = decide(second, REJECT)
    assert knowing.status_code == 409  # type: ignore[attr-defined]
    assert "Ito Ken" in knowing.json()["detail"]  # type: ignore[attr-defined]


def test_a_late_image_makes_the_decision_stale_and_says_so(archive: Archive) -> None:
    report_study(archive)
    client = a_client(archive)
    seen = etag(client)
    archive.repository.record_instance(an_arrival(1, 2))
    response = decide(client, if_match=seen)
    assert response.status_code == 412  # type: ignore[attr-defined]
    assert "further image" in response.json()["detail"]  # type: ignore[attr-defined]


def test_the_same_decision_again_succeeds_with_the_same_review(archive: Archive) -> None:
    report_study(archive)
    client = a_client(archive)
    seen = etag(client)
    numbers = {
        decide(client, if_match=seen).json()["review_id"]  # type: ignore[attr-defined]
        for _ in range(3)
    }
    assert len(numbers) == 1


def test_undo_takes_a_decision_back_and_the_study_is_unread_again(archive: Archive) -> None:
    report_study(archive)
    client = a_client(archive, login="ito")
    number = decide(client).json()["review_id"]  # type: ignore[attr-defined]
    assert client.get("/api/v1/worklist").json()["entries"] == []
    other = a_client(archive, login="lee")
    assert other.delete(f"/api/v1/reviews/{number}").status_code == 404
    stale = client.delete(f"/api/v1/reviews/{number}", headers={"if-match": '"1"'})
    assert stale.status_code == 412
    undone = client.delete(f"/api/v1/reviews/{number}", headers={"if-match": etag(client)})
    assert (undone.status_code, undone.json()["state"]) == (200, "UNDONE")
    assert len(client.get("/api/v1/worklist").json()["entries"]) == 1
    assert client.delete(f"/api/v1/reviews/{number}").status_code == 409


def test_after_the_undo_window_a_decision_is_followed_and_not_undone(archive: Archive) -> None:
    report_study(archive)
    client = a_client(archive, web_settings(review={"undo_seconds": 0}))
    number = decide(client).json()["review_id"]  # type: ignore[attr-defined]
    assert client.delete(f"/api/v1/reviews/{number}").json()["code"] == "review_settled"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (ACCEPT | {"image_visible_milliseconds": 499}, "image_visible_milliseconds"),
        (ACCEPT | {"presence": "ABSENT"}, "presence"),
        (ACCEPT | {"key_count": -1}, "key_count"),
        (ACCEPT | {"key_count": 10_001}, "key_count"),
        (ACCEPT | {"click_count": "2"}, "click_count"),
        (ACCEPT | {"is_heat_map_opened": "yes"}, "is_heat_map_opened"),
        ({"verdict": "CORRECT", "image_visible_milliseconds": 900}, "presence"),
        ({"verdict": "REJECT", "image_visible_milliseconds": 900}, "reason"),
        (REJECT | {"reason": "OTHER"}, "comment"),
        (REJECT | {"reason": "OTHER", "comment": "  "}, "comment"),
        (ACCEPT | {"comment": "bell\x07"}, "comment"),
        (ACCEPT | {"comment": "x" * 1001}, "comment"),
    ],
)
def test_an_incomplete_decision_is_refused_with_its_place(
    archive: Archive, body: dict[str, object], field: str
) -> None:
    report_study(archive)
    response = decide(a_client(archive), body)
    assert response.status_code == 422  # type: ignore[attr-defined]
    assert response.json()["errors"][0]["location"] == f"body.{field}"  # type: ignore[attr-defined]


def test_an_image_that_cannot_be_seen_may_be_called_unreadable_at_once(archive: Archive) -> None:
    report_study(archive)
    response = decide(a_client(archive), {"verdict": "UNREADABLE", "image_visible_milliseconds": 0})
    assert response.status_code == 201  # type: ignore[attr-defined]
    assert response.json()["presence"] is None  # type: ignore[attr-defined]


def test_blind_first_wants_the_readers_own_opinion(archive: Archive) -> None:
    report_study(archive)
    client = a_client(archive, web_settings(review={"blind_first": True}))
    assert decide(client).status_code == 422  # type: ignore[attr-defined]
    assert decide(client, ACCEPT | {"blind_presence": "ABSENT"}).status_code == 201  # type: ignore[attr-defined]
    [review] = archive.repository.reviews_of(StudyUid("1.2.3.1"))
    assert review.blind_presence == "ABSENT"


def test_without_an_ai_result_only_a_statement_of_ones_own_counts(archive: Archive) -> None:
    refused = Outcome(
        state=StudyState.NOT_ANALYSED, model=A_MODEL, refusal=Refusal.NOT_FRONTAL, reason="lateral"
    )
    report_study(archive, outcome=refused)
    client = a_client(archive)
    response = decide(client)
    assert (response.status_code, response.json()["code"]) == (409, "no_result")  # type: ignore[attr-defined]
    assert decide(client, CORRECT).status_code == 201  # type: ignore[attr-defined]


def test_programs_and_shared_accounts_and_others_do_not_review(archive: Archive) -> None:
    report_study(archive)
    token = token_of(archive, *Scope)
    program = a_client(archive)
    program.cookies.clear()
    headers = {"authorization": f"Bearer {token}", "if-match": '"3"'}
    assert program.post(f"{STUDY}/reviews", json=ACCEPT, headers=headers).status_code == 403
    archive.repository.add_user(a_new_user("ward", Role.RADIOLOGIST, is_shared=True))
    shared = decide(a_client(archive, login="ward"))
    assert shared.json()["code"] == "personal_account_needed"  # type: ignore[attr-defined]
    admin = a_client(archive, login="adm", roles=[Role.ADMIN])
    assert decide(admin).status_code == 403  # type: ignore[attr-defined]


def test_a_review_of_an_unknown_study_is_404(archive: Archive) -> None:
    client = a_client(archive)
    response = client.post("/api/v1/studies/9.9/reviews", json=ACCEPT, headers={"if-match": '"1"'})
    assert response.status_code == 404


def test_the_case_shows_reviews_priors_readers_and_the_verified_report(archive: Archive) -> None:
    report_study(archive, 1)
    report_study(archive, 2, outcome=an_outcome(2, 900, 0.2))
    client = a_client(archive, web_settings(review={"undo_seconds": 0}), login="ito")
    assert client.put(f"{STUDY}/lease").status_code == 204
    body = client.get(STUDY).json()
    assert body["readers"] == ["Ito^Ken^^Dr"]
    [prior] = body["priors"]
    assert (prior["study"]["study_uid"], prior["presence"]) == ("1.2.3.2", "ABSENT")
    decide(client)
    assert client.delete(f"{STUDY}/lease").status_code == 204
    [review] = client.get(f"{STUDY}/reviews").json()["reviews"]
    assert review["state"] == ReviewState.HELD
    assert client.get(STUDY).json()["reviews"] == [review]


def test_the_worklist_pages_by_link_and_counts_its_bands(archive: Archive) -> None:
    for study, probability in ((1, 0.9), (2, 0.1), (3, 0.7)):
        report_study(archive, study, outcome=an_outcome(study, 900, probability))
    client = a_client(archive)
    first = client.get("/api/v1/worklist?limit=2")
    assert [entry["band"] for entry in first.json()["entries"]] == ["POSITIVE", "POSITIVE"]
    assert first.json()["counts"] == {"OVERDUE": 0, "POSITIVE": 2, "ROUTINE": 1, "DEFERRED": 0}
    link = first.headers["link"].partition(">")[0].removeprefix("<")
    second = client.get(link).json()
    assert [entry["study"]["study_uid"] for entry in second["entries"]] == ["1.2.3.2"]
    assert second["next_cursor"] is None
    client.put("/api/v1/studies/1.2.3.1/deferral", json={"reason": "wait for the prior"})
    last = client.get("/api/v1/worklist").json()["entries"][-1]
    assert (last["study"]["study_uid"], last["deferred_reason"]) == (
        "1.2.3.1",
        "wait for the prior",
    )
