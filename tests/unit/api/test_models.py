"""Figures of models from reviews: counted by hand, exported, and silent about people."""

import csv
import io
import re

import pyarrow.parquet as pq
import pytest

from archive.account_records import Role
from archive.database import Archive
from archive.records import Presence, StudyUid
from archive.review_records import ReviewReason, Verdict
from tests.builders.arrivals import an_outcome
from tests.builders.people import a_radiologist, a_review
from tests.builders.shipped_bundle import SHIPPED
from tests.web import a_client, report_study, web_settings

# AI probability (threshold 0.5), what the reviewer says.
DECISIONS = (
    (0.9, Presence.PRESENT),
    (0.8, Presence.PRESENT),
    (0.7, Presence.ABSENT),
    (0.2, Presence.ABSENT),
    (0.3, Presence.PRESENT),
    (0.6, Presence.UNDETERMINED),
)


@pytest.fixture
def reviewed(archive: Archive) -> Archive:
    """Six reviewed studies, and a seventh decision that was undone."""
    user = a_radiologist(archive)
    for study, (probability, presence) in enumerate(DECISIONS, 1):
        report_study(archive, study, outcome=an_outcome(study, 900, probability))
        archive.repository.add_review(
            a_review(
                archive,
                user,
                study,
                verdict=Verdict.CORRECT,
                presence=presence,
                reason=ReviewReason.READING_DIFFERS,
                comment="a secret of the patient",
                blind_presence=Presence.PRESENT,
            )
        )
    report_study(archive, 7)
    undone = archive.repository.add_review(a_review(archive, user, 7))
    archive.repository.undo_review(undone.review_id, user_id=user.user_id)
    return archive


def test_the_figures_are_those_counted_by_hand(reviewed: Archive) -> None:
    [model] = a_client(reviewed).get("/api/v1/models").json()["models"]
    whole = model["whole"]
    counted = ("true_positive", "false_positive", "true_negative", "false_negative", "undecided")
    assert [whole[name] for name in counted] == [2, 1, 1, 1, 1]
    assert whole["count"] == 6
    assert whole["agreement"] == pytest.approx(3 / 6)
    assert whole["sensitivity"] == pytest.approx(2 / 3)
    assert whole["specificity"] == pytest.approx(1 / 2)
    assert (whole["blind_count"], whole["blind_agreed"], whole["blind_yielded"]) == (6, 4, 0)
    assert whole["median_seconds_looked"] == 1.2
    assert [part["count"] for part in model["by_sender"]] == [6]
    assert [part["group"] for part in model["by_age"]] == ["unknown"]


def test_shares_of_nothing_are_null(archive: Archive) -> None:
    assert a_client(archive).get("/api/v1/models").json()["models"] == []
    user = a_radiologist(archive)
    report_study(archive)
    archive.repository.add_review(
        a_review(archive, user, verdict=Verdict.ACCEPT, presence=Presence.PRESENT)
    )
    [model] = a_client(archive).get("/api/v1/models").json()["models"]
    assert model["whole"]["specificity"] is None


def test_csv_and_parquet_hold_the_same_rows_and_no_person(reviewed: Archive) -> None:
    client = a_client(reviewed)
    text = client.get("/api/v1/exports/reviews.csv").text
    rows = list(csv.DictReader(io.StringIO(text)))
    table = pq.read_table(
        io.BytesIO(client.get("/api/v1/exports/reviews.parquet").content)
    ).to_pylist()
    assert len(rows) == len(table) == 6
    assert [float(row["probability"]) for row in rows] == [row["probability"] for row in table]
    assert [row["presence"] for row in rows] == [row["presence"] for row in table]
    for secret in ("Doe", "P1", "ito", "Ito", "secret"):
        assert secret not in text
    assert StudyUid("1.2.3.7") not in text


def test_the_page_shows_the_figures_to_who_watches_models(reviewed: Archive) -> None:
    text = a_client(reviewed).get("/model").text
    assert "66.7 %" in text
    assert "overstate" in text
    reader = a_client(reviewed, login="ito", roles=[Role.RADIOLOGIST])
    assert reader.get("/model").status_code == 403
    assert reader.get("/api/v1/exports/reviews.csv").status_code == 403


def test_who_gives_up_an_own_opinion_for_the_result_is_counted(archive: Archive) -> None:
    user = a_radiologist(archive)
    for study, blind in ((1, Presence.ABSENT), (2, Presence.PRESENT)):
        report_study(archive, study)
        archive.repository.add_review(
            a_review(archive, user, study, presence=Presence.PRESENT, blind_presence=blind)
        )
    [model] = a_client(archive).get("/api/v1/models").json()["models"]
    whole = model["whole"]
    assert (whole["blind_count"], whole["blind_agreed"], whole["blind_yielded"]) == (2, 1, 1)


def test_what_reviews_cost_their_readers_is_told_by_version(archive: Archive) -> None:
    user = a_radiologist(archive)
    efforts = ((1, 0, True), (2, 0, False), (4, 1, None), (None, None, None))
    for study, (keys, clicks, is_opened) in enumerate(efforts, 1):
        report_study(archive, study)
        effort = {"key_count": keys, "click_count": clicks, "is_heat_map_opened": is_opened}
        archive.repository.add_review(
            a_review(archive, user, study, presence=Presence.PRESENT, **effort)
        )
    client = a_client(archive)
    [model] = client.get("/api/v1/models").json()["models"]
    whole = model["whole"]
    assert whole["median_keys"] == {"ACCEPT": 2.0}
    assert (whole["heat_map_count"], whole["heat_map_share"]) == (2, 0.5)
    page = client.get("/model").text
    assert "keys pressed (median): accept 2;" in page
    assert "opened in 50.0 % of the 2 reviews that had one" in page
    text = client.get("/api/v1/exports/reviews.csv").text
    first, *_, last = csv.DictReader(io.StringIO(text))
    columns = ("key_count", "click_count", "is_heat_map_opened")
    assert [first[name] for name in columns] == ["1", "0", "True"]
    assert [last[name] for name in columns] == ["", "", ""]
    content = client.get("/api/v1/exports/reviews.parquet").content
    table = pq.read_table(io.BytesIO(content), columns=list(columns)).to_pylist()
    assert [tuple(row.values()) for row in table] == list(efforts)


def test_the_bundle_in_use_has_a_card(archive: Archive) -> None:
    client = a_client(archive)
    in_use = client.get("/api/v1/models").json()["in_use"]
    assert (in_use["name"], in_use["version"]) == (SHIPPED.name, SHIPPED.version)
    assert in_use["calibrated_on"] == SHIPPED.calibrated_on.isoformat()
    card = client.get(f"/api/v1/models/{SHIPPED.version}/card")
    assert card.headers["content-type"] == "text/markdown; charset=utf-8"
    assert card.text.startswith(f"# {SHIPPED.name} {SHIPPED.version}")
    assert client.get("/api/v1/models/0.0.1/card").status_code == 404
    elsewhere = a_client(archive, web_settings(model={"bundle": "none-of-this-name"}))
    assert elsewhere.get("/api/v1/models").json()["in_use"] is None
    assert "is not on this host" in elsewhere.get("/model").text


def test_metrics_and_drift_are_those_of_one_version(reviewed: Archive) -> None:
    client = a_client(reviewed)
    [listed] = client.get("/api/v1/models").json()["models"]
    assert client.get("/api/v1/models/1.0.0/metrics").json() == {"models": [listed]}
    [drift] = client.get("/api/v1/models/1.0.0/drift").json()["models"]
    [month] = drift["months"]
    assert (month["count"], month["positive_share"]) == (7, pytest.approx(5 / 7))
    for name in ("metrics", "drift"):
        assert client.get(f"/api/v1/models/9.9.9/{name}").status_code == 404


def test_disagreements_are_told_newest_first_without_names(reviewed: Archive) -> None:
    client = a_client(reviewed, roles=[Role.ML])
    address: str | None = "/api/v1/models/1.0.0/disagreements?limit=4"
    seen = []
    while address:
        response = client.get(address)
        seen += response.json()["disagreements"]
        link = re.fullmatch(r'<(.+)>; rel="next"', response.headers.get("link", ""))
        address = link.group(1) if link else None
        for secret in ("Doe", "P1", "ito", "Ito", "secret"):
            assert secret not in response.text
    assert [one["study_uid"] for one in seen] == [f"1.2.3.{study}" for study in range(6, 0, -1)]
    assert (seen[3]["ai_presence"], seen[3]["probability"], seen[3]["presence"]) == (
        "PRESENT", 0.7, "ABSENT",
    )  # fmt: skip
    assert seen[3]["thumbnail"] == (
        "/dicom-web/studies/1.2.3.3/series/1.2.3.3.1/instances/1.2.3.3.1.1/thumbnail"
    )
    assert client.get("/api/v1/models/9.9.9/disagreements").json()["disagreements"] == []
    assert client.get("/api/v1/models/1.0.0/disagreements?cursor=x").status_code == 404


def test_an_accepted_result_is_no_disagreement(archive: Archive) -> None:
    report_study(archive)
    archive.repository.add_review(a_review(archive, a_radiologist(archive)))
    assert archive.repository.disagreements(limit=9) == ()
    assert "Nobody has rejected or corrected" in a_client(archive).get("/model").text


def test_the_page_shows_card_drift_and_disagreements_and_names_nobody(reviewed: Archive) -> None:
    text = a_client(reviewed, roles=[Role.ML]).get("/model").text
    assert f"<strong>{SHIPPED.name} {SHIPPED.version}</strong>" in text
    assert "AI: pneumonia, 0.70" in text
    assert "Reviewer: no pneumonia, reading differs" in text
    assert 'href="/studies/1.2.3.3"' in text
    assert "against its first 7 results" in text
    for secret in ("Doe", "secret of the patient", "Ito"):
        assert secret not in text
