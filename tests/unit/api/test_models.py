"""Figures of models from reviews: counted by hand, exported, and silent about people."""

import csv
import io

import pyarrow.parquet as pq
import pytest

from archive.account_records import Role
from archive.database import Archive
from archive.records import Presence, StudyUid
from archive.review_records import ReviewReason, Verdict
from tests.builders.arrivals import an_outcome
from tests.builders.people import a_radiologist, a_review
from tests.web import a_client, report_study

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
    assert (whole["blind_count"], whole["blind_agreed"]) == (6, 4)
    assert [part["count"] for part in model["by_sender"]] == [6]
    assert [part["group"] for part in model["by_age"]] == ["unknown"]


def test_shares_of_nothing_are_null(archive: Archive) -> None:
    assert a_client(archive).get("/api/v1/models").json() == {"models": []}
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
