"""Where the decision falls."""

import pytest

from archive.records import Presence, SopInstanceUid
from inference.findings import ProbabilityInvalid, finding_of
from inference.statements import Statement
from tests.builders.bundles import a_manifest

UID = SopInstanceUid("1.2.3")


@pytest.mark.parametrize(
    ("probability", "presence"),
    [(0.0, Presence.ABSENT), (0.2999, Presence.ABSENT), (0.3, Presence.PRESENT)],
)
def test_pneumonia_is_called_from_the_threshold_on(probability: float, presence: Presence) -> None:
    found = finding_of(probability, UID, (), a_manifest(decision_threshold=0.3))
    assert found.presence is presence


@pytest.mark.parametrize("probability", [float("nan"), float("inf"), -0.1, 1.1])
def test_what_is_no_probability_is_never_reported(probability: float) -> None:
    with pytest.raises(ProbabilityInvalid):
        finding_of(probability, UID, (), a_manifest())


def test_statements_name_the_population() -> None:
    found = finding_of(0.4, UID, [Statement.AGE_OUTSIDE_POPULATION], a_manifest())
    assert found.statements[0].startswith(
        "Outside the training population (children 1-5 years, AP)"
    )
