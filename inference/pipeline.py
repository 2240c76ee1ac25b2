"""From claimed studies to their outcomes, one step a line; several studies share a forward pass."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

import numpy as np
import torch

from archive.database import Archive
from archive.records import (
    ClaimedStudy,
    Outcome,
    Presence,
    Refusal,
    SopInstanceUid,
    StudyAttributes,
    StudyUid,
)
from inference.explanation import activation_map
from inference.findings import finding_of
from inference.gate import is_stranger, strangeness_in_figures
from inference.model import Classifier
from inference.opening import OpenedImage, OpenedStudy, open_study
from inference.report.author import Author
from inference.report.evidence import ObjectReference, bare_header
from inference.report.refused import RefusedImage
from inference.reporting import Earlier, FoundImage, Maps, ReportingRoom, outcome_of

# Images of one forward pass: what two cores work through in a second and any GPU holds.
MOST_IMAGES_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """What turns studies into outcomes; holds no state of its own."""

    archive: Archive
    classifier: Classifier
    author: Author
    clock: Callable[[], datetime]
    maps: Maps = field(default_factory=Maps)


@dataclass(frozen=True, kw_only=True)
class Score:
    """What the network made of one image."""

    probability: float
    features: np.ndarray
    """(width, rows, columns), float32, the last convolutional features."""
    strangeness: float = 0.0
    """Above 1: no frontal chest radiograph, see `gate.py`."""


def analyse(claims: Sequence[ClaimedStudy], pipeline: Pipeline) -> list[Outcome]:
    """Analyse studies, in their order.

    Reads the archive and writes report files; the caller records the outcomes. Safe to repeat.
    """
    files, population = pipeline.archive.files, pipeline.classifier.manifest.population
    studies = [open_study(claim, files, population, _attributes_of(pipeline)) for claim in claims]
    inputs = [image.model_input for study in studies for image in study.images]
    scores = score(inputs, pipeline.classifier)
    outcomes = []
    for study in studies:
        judged, accepted = refuse_strangers(study, list(islice(scores, len(study.images))))
        found = [
            find(image, one, pipeline) for image, one in zip(judged.images, accepted, strict=True)
        ]
        outcomes.append(report(judged, found, pipeline))
    return outcomes


def score(inputs: Sequence[torch.Tensor], classifier: Classifier) -> Iterator[Score]:
    """Yield the score of each model input, (1, 224, 224), in their order."""
    for start in range(0, len(inputs), MOST_IMAGES_AT_ONCE):
        batch = torch.stack(list(inputs[start : start + MOST_IMAGES_AT_ONCE]))
        scores = classifier.features_and_probabilities(batch)
        strangeness = [0.0] * len(batch) if scores.strangeness is None else scores.strangeness
        for probability, features, strange in zip(
            scores.probabilities, scores.features, strangeness, strict=True
        ):
            yield Score(
                probability=float(probability), features=features, strangeness=float(strange)
            )


def refuse_strangers(
    study: OpenedStudy, scores: Sequence[Score]
) -> tuple[OpenedStudy, list[Score]]:
    """Take out what is no frontal chest radiograph; return the scores of what stays."""
    pairs = list(zip(study.images, scores, strict=True))
    refused = tuple(
        RefusedImage(
            source=image.source,
            refusal=Refusal.NOT_A_CHEST_RADIOGRAPH,
            detail=strangeness_in_figures(one.strangeness),
        )
        for image, one in pairs
        if is_stranger(one.strangeness)
    )
    stay = [(image, one) for image, one in pairs if not is_stranger(one.strangeness)]
    judged = replace(
        study, images=tuple(image for image, _ in stay), refused=(*study.refused, *refused)
    )
    return judged, [one for _, one in stay]


def find(image: OpenedImage, score: Score, pipeline: Pipeline) -> FoundImage:
    """Decide one image, and where its evidence lies unless there is none to show."""
    finding = finding_of(
        score.probability,
        SopInstanceUid(str(image.source.SOPInstanceUID)),
        image.statements,
        pipeline.classifier.manifest,
    )
    if finding.presence is Presence.ABSENT:
        return FoundImage(image=image, finding=finding)
    weights = pipeline.classifier.pneumonia_weights
    return FoundImage(
        image=image, finding=finding, activation=activation_map(score.features, weights)
    )


def report(study: OpenedStudy, found: Sequence[FoundImage], pipeline: Pipeline) -> Outcome:
    """Return the outcome of one study, its reports durable."""
    repository, study_uid = pipeline.archive.repository, study.claim.study_uid
    return outcome_of(
        study,
        found,
        Earlier(detail=repository.study(study_uid), deletions=repository.deletions_of(study_uid)),
        ReportingRoom(
            files=pipeline.archive.files,
            author=pipeline.author,
            keep_heat_map=pipeline.archive.repository.record_heat_map,
            maps=pipeline.maps,
        ),
        made_at=pipeline.clock(),
    )


def give_up(claim: ClaimedStudy, pipeline: Pipeline) -> Outcome:
    """Return the outcome FAILED of a study whose files shall not be opened again."""
    attributes = _attributes_of(pipeline)(claim.study_uid)
    refused = tuple(
        RefusedImage(
            source=bare_header(
                ObjectReference(key=one.key, sop_class_uid=one.sop_class_uid), attributes
            ),
            refusal=Refusal.PROCESSING_FAILED,
        )
        for one in claim.instances
    )
    return report(OpenedStudy(claim=claim, refused=refused), [], pipeline)


def _attributes_of(pipeline: Pipeline) -> Callable[[StudyUid], StudyAttributes]:
    return lambda study_uid: pipeline.archive.repository.study(study_uid).study.attributes
