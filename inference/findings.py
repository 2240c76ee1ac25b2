"""From a probability to a finding: the decision at the bundle's threshold, and its words."""

import math
from collections.abc import Sequence

from archive.records import Finding, Presence, SopInstanceUid
from inference.bundle import BundleManifest
from inference.errors import InferenceError
from inference.labels import PNEUMONIA_NAME
from inference.report.words import statement_in_words
from inference.statements import Statement


class ProbabilityInvalid(InferenceError):
    """The model gave something that is no probability; nothing is reported."""


def finding_of(
    probability: float,
    sop_instance_uid: SopInstanceUid,
    statements: Sequence[Statement],
    manifest: BundleManifest,
) -> Finding:
    """Decide one image.

    Parameters
    ----------
    probability
        Calibrated, 0 to 1.

    Raises
    ------
    ProbabilityInvalid
        It is not a number from 0 to 1.
    """
    if not (math.isfinite(probability) and 0 <= probability <= 1):
        raise ProbabilityInvalid(f"{manifest.name} gave no probability")
    is_present = probability >= manifest.decision_threshold
    return Finding(
        sop_instance_uid=sop_instance_uid,
        label=PNEUMONIA_NAME,
        presence=Presence.PRESENT if is_present else Presence.ABSENT,
        probability=float(probability),
        decision_threshold=manifest.decision_threshold,
        statements=tuple(
            statement_in_words(statement, manifest.population) for statement in statements
        ),
    )
