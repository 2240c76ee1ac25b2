"""What the web process tells of model bundles: when they were calibrated, and their cards."""

from dataclasses import replace
from pathlib import Path

from api.bundles import bundle_in_use, calibrated_on
from archive.database import Archive
from tests.builders.arrivals import an_outcome
from tests.builders.shipped_bundle import SHIPPED, SHIPPED_MODEL
from tests.web import a_client, report_study, web_settings


def test_a_result_says_when_its_model_was_calibrated(archive: Archive) -> None:
    report_study(archive, 1, outcome=replace(an_outcome(1, 900), model=SHIPPED_MODEL))
    report_study(archive, 2)
    client = a_client(archive)
    [known], [unknown] = (
        client.get(f"/api/v1/studies/1.2.3.{study}").json()["results"] for study in (1, 2)
    )
    assert known["model"]["calibrated_on"] == SHIPPED.calibrated_on.isoformat()
    assert unknown["model"]["calibrated_on"] is None


def test_a_bundle_that_is_not_here_says_nothing_and_the_shipped_one_still_does(
    tmp_path: Path,
) -> None:
    settings = web_settings(model={"bundle": str(tmp_path / "none")})
    assert bundle_in_use(settings) is None
    assert calibrated_on(settings, SHIPPED_MODEL) == SHIPPED.calibrated_on
    assert calibrated_on(settings, replace(SHIPPED_MODEL, weights_sha256="0" * 64)) is None
