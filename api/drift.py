"""Whether what a model sees and says changes over time; asks for no reviews, so it is early.

A shift is the population stability index of a month against the model's first results:
the sum over classes of (now - then) * ln(now / then). Below 0.1 nothing moved, above 0.25 much did
(Siddiqi, Credit Risk Scorecards, 2006). It tells that something changed, not that it is wrong.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import median

from pydantic import Field

from api.figures import age_band
from api.schemas import ApiModel
from archive.model_records import ModelOutput
from archive.records import Presence

# What later months are compared with: the first results that were scored.
REFERENCE_RESULTS = 200
# Of fewer results chance alone moves the index above its limits.
LEAST_RESULTS = 50
PROBABILITY_CLASSES = 10
# A class without results would make the logarithm endless.
EMPTY_CLASS_COUNT = 0.5

MUCH = 0.25


class DriftPart(ApiModel):
    """One month of one model."""

    month: str = Field(examples=["2026-11"])
    count: int = Field(ge=0, description="Studies that were scored.")
    refused: int = Field(ge=0, description="Studies that were not.")
    positive_share: float | None = Field(description="Of those scored; null without any.")
    median_probability: float | None
    probability_shift: float | None = Field(
        description="Against the reference; null where either is too small."
    )
    sender_shift: float | None
    age_shift: float | None


class ModelDrift(ApiModel):
    """One version of one model."""

    model: str
    version: str
    weights_sha256: str
    reference_count: int = Field(ge=0, description="Results that months are compared with.")
    months: list[DriftPart]


class DriftList(ApiModel):
    """Every model of a version."""

    models: list[ModelDrift]


def drift_by_model(outputs: Iterable[ModelOutput]) -> list[ModelDrift]:
    """Return the drift of every model version, the one used last first."""
    groups: dict[tuple[str, str, str], list[ModelOutput]] = defaultdict(list)
    for one in outputs:
        groups[one.model_name, one.model_version, one.weights_sha256].append(one)
    ordered = sorted(groups.items(), key=lambda item: item[1][-1].made_at, reverse=True)
    return [_drift(*identity, found) for identity, found in ordered]


def shift(
    now: Sequence[ModelOutput], then: Sequence[ModelOutput], class_of: Callable[[ModelOutput], str]
) -> float | None:
    """Return the population stability index; None where there are too few to say."""
    if min(len(now), len(then)) < LEAST_RESULTS:
        return None
    counts = Counter(map(class_of, now)), Counter(map(class_of, then))
    classes = set().union(*counts)
    total = 0.0
    for name in classes:
        part, reference = (max(count[name], EMPTY_CLASS_COUNT) / count.total() for count in counts)
        total += (part - reference) * math.log(part / reference)
    return total


def _drift(model: str, version: str, weights: str, outputs: list[ModelOutput]) -> ModelDrift:
    reference = [one for one in outputs if one.probability is not None][:REFERENCE_RESULTS]
    months: dict[str, list[ModelOutput]] = defaultdict(list)
    for one in outputs:
        months[f"{one.made_at:%Y-%m}"].append(one)
    return ModelDrift(
        model=model,
        version=version,
        weights_sha256=weights,
        reference_count=len(reference),
        months=[_part(month, months[month], reference) for month in sorted(months)],
    )


def _part(month: str, outputs: list[ModelOutput], reference: list[ModelOutput]) -> DriftPart:
    scored = [one for one in outputs if one.probability is not None]
    positive = sum(one.presence is Presence.PRESENT for one in scored)
    return DriftPart(
        month=month,
        count=len(scored),
        refused=len(outputs) - len(scored),
        positive_share=positive / len(scored) if scored else None,
        median_probability=median(one.probability or 0.0 for one in scored) if scored else None,
        probability_shift=shift(scored, reference, _probability_class),
        sender_shift=shift(scored, reference, lambda one: one.calling_ae_title),
        age_shift=shift(scored, reference, lambda one: age_band(one.patient_age_years)),
    )


def _probability_class(one: ModelOutput) -> str:
    """Name the tenth in which a probability lies; 1 belongs to the last."""
    return str(min(int((one.probability or 0.0) * PROBABILITY_CLASSES), PROBABILITY_CLASSES - 1))
