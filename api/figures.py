"""How well models do by what reviewers say: confusion and agreement, whole and in parts.

The reviewer is taken as right. That is no truth: who sees the AI result first tends to agree, so
agreement overstates a model; where blind-first opinions are kept they are counted apart.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date
from statistics import median

from pydantic import Field

from api.schemas import ApiModel
from archive.records import Presence
from archive.review_records import JudgedResult, Verdict

# Upper ends of age bands in years; the training set of the shipped model ends at five.
AGE_BANDS = (
    (5, "0 to 5"),
    (17, "6 to 17"),
    (39, "18 to 39"),
    (64, "40 to 64"),
    (130, "65 and more"),
)


class FiguresBody(ApiModel):
    """Counts of decisions against what the model said."""

    group: str
    count: int = Field(ge=0, description="Decisions about results of the model.")
    agreed: int = Field(ge=0, description="The reviewer says what the model said.")
    true_positive: int = Field(ge=0)
    false_positive: int = Field(ge=0)
    true_negative: int = Field(ge=0)
    false_negative: int = Field(ge=0)
    undecided: int = Field(ge=0, description="Undetermined or unreadable for either of them.")
    agreement: float | None = Field(description="agreed / count; null without decisions.")
    sensitivity: float | None = Field(description="Null without positive decisions.")
    specificity: float | None = Field(description="Null without negative decisions.")
    blind_count: int = Field(ge=0, description="With an opinion said before the result was seen.")
    blind_agreed: int = Field(ge=0)
    blind_yielded: int = Field(
        ge=0, description="Opinions that contradicted the result, which then was accepted."
    )
    median_seconds_looked: float | None = Field(
        description="How long the image was seen before a decision; null without decisions."
    )
    median_keys: dict[Verdict, float] = Field(
        description="Keys pressed for a decision, by verdict; without verdicts that none was "
        "counted for."
    )
    heat_map_count: int = Field(ge=0, description="Decisions with a heat map that could be opened.")
    heat_map_share: float | None = Field(
        description="Of those, where it was opened; null without any."
    )


class ModelFigures(ApiModel):
    """One version of one model."""

    model: str
    version: str
    weights_sha256: str
    threshold: float
    whole: FiguresBody
    by_month: list[FiguresBody]
    by_sender: list[FiguresBody]
    by_age: list[FiguresBody]


class BundleBody(ApiModel):
    """The bundle that this installation is set to use."""

    name: str
    version: str
    weights_sha256: str
    created: date
    calibrated_on: date
    threshold: float
    architecture: str


class ModelList(ApiModel):
    """Every model version that has been reviewed."""

    models: list[ModelFigures]
    in_use: BundleBody | None = Field(
        description="By the settings; null where this host has not its bundle."
    )


class MetricsList(ApiModel):
    """What reviews say of the models of one version; one, unless two bundles share it."""

    models: list[ModelFigures]


def figures_by_model(judged: Iterable[JudgedResult]) -> list[ModelFigures]:
    """Return the figures of every model version, the most reviewed first."""
    groups: dict[tuple[str, str, str], list[JudgedResult]] = defaultdict(list)
    for one in judged:
        groups[one.model_name, one.model_version, one.weights_sha256].append(one)
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    return [
        ModelFigures(
            model=name,
            version=version,
            weights_sha256=weights,
            threshold=results[-1].decision_threshold,
            whole=figures("all", results),
            by_month=_parts(results, lambda one: f"{one.made_at:%Y-%m}"),
            by_sender=_parts(results, lambda one: one.calling_ae_title or "unknown"),
            by_age=_parts(results, lambda one: age_band(one.patient_age_years)),
        )
        for (name, version, weights), results in ordered
    ]


def age_band(years: int | None) -> str:
    """Return the band of an age in words."""
    if years is None:
        return "unknown"
    return next(words for end, words in AGE_BANDS if years <= end)


def figures(group: str, results: list[JudgedResult]) -> FiguresBody:
    """Return the counts of some decisions."""
    pairs = [(one.ai_presence, one.presence) for one in results]
    present, absent = Presence.PRESENT, Presence.ABSENT
    true_positive, false_positive = pairs.count((present, present)), pairs.count((present, absent))
    true_negative, false_negative = pairs.count((absent, absent)), pairs.count((absent, present))
    agreed = sum(model is person for model, person in pairs)
    blind = [one for one in results if one.blind_presence is not None]
    heat_maps = [one.is_heat_map_opened for one in results if one.is_heat_map_opened is not None]
    return FiguresBody(
        group=group,
        count=len(pairs),
        agreed=agreed,
        true_positive=true_positive,
        false_positive=false_positive,
        true_negative=true_negative,
        false_negative=false_negative,
        undecided=len(pairs) - true_positive - false_positive - true_negative - false_negative,
        agreement=_share(agreed, len(pairs)),
        sensitivity=_share(true_positive, true_positive + false_negative),
        specificity=_share(true_negative, true_negative + false_positive),
        blind_count=len(blind),
        blind_agreed=sum(one.ai_presence is one.blind_presence for one in blind),
        blind_yielded=sum(
            one.ai_presence is not one.blind_presence and one.verdict is Verdict.ACCEPT
            for one in blind
        ),
        median_seconds_looked=_median_seconds(results),
        median_keys=_median_keys(results),
        heat_map_count=len(heat_maps),
        heat_map_share=_share(sum(heat_maps), len(heat_maps)),
    )


def _parts(
    results: list[JudgedResult], group_of: Callable[[JudgedResult], str]
) -> list[FiguresBody]:
    parts: dict[str, list[JudgedResult]] = defaultdict(list)
    for one in results:
        parts[group_of(one)].append(one)
    return [figures(group, parts[group]) for group in sorted(parts)]


def _median_seconds(results: list[JudgedResult]) -> float | None:
    if not results:
        return None
    return median(one.image_visible_milliseconds for one in results) / 1000


def _median_keys(results: list[JudgedResult]) -> dict[Verdict, float]:
    keys: dict[Verdict, list[int]] = defaultdict(list)
    for one in results:
        if one.key_count is not None:
            keys[one.verdict].append(one.key_count)
    return {verdict: median(keys[verdict]) for verdict in Verdict if keys[verdict]}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
