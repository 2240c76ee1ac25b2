"""From claimed studies to their outcomes, one step a line; several studies share a forward pass."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import torch

from archive.database import Archive
from archive.records import (
    ClaimedStudy,
    Finding,
    Outcome,
    Refusal,
    SopInstanceUid,
    StudyAttributes,
    StudyUid,
)
from inference.findings import finding_of
from inference.model import Classifier
from inference.opening import OpenedStudy, open_study
from inference.report.author import Author
from inference.report.evidence import ObjectReference, bare_header
from inference.report.refused import RefusedImage
from inference.reporting import ReportingRoom, outcome_of

# Images of one forward pass: what two cores work through in a second and any GPU holds.
MOST_IMAGES_AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """What turns studies into outcomes; holds no state of its own."""

    archive: Archive
    classifier: Classifier
    author: Author
    clock: Callable[[], datetime]


def analyse(claims: Sequence[ClaimedStudy], pipeline: Pipeline) -> list[Outcome]:
    """Analyse studies, in their order.

    Reads the archive and writes report files; the caller records the outcomes. Safe to repeat.
    """
    files, population = pipeline.archive.files, pipeline.classifier.manifest.population
    studies = [open_study(claim, files, population, _attributes_of(pipeline)) for claim in claims]
    findings = find(studies, pipeline.classifier)
    return [report(study, found, pipeline) for study, found in zip(studies, findings, strict=True)]


def find(studies: Sequence[OpenedStudy], classifier: Classifier) -> list[list[Finding]]:
    """Return the findings of each study's images, in their order."""
    inputs = [image.model_input for study in studies for image in study.images]
    probabilities = iter(score(inputs, classifier))
    return [
        [
            finding_of(
                next(probabilities),
                SopInstanceUid(str(image.source.SOPInstanceUID)),
                image.statements,
                classifier.manifest,
            )
            for image in study.images
        ]
        for study in studies
    ]


def score(inputs: Sequence[torch.Tensor], classifier: Classifier) -> list[float]:
    """Return the calibrated probability of each model input, (1, 224, 224)."""
    scores: list[float] = []
    for start in range(0, len(inputs), MOST_IMAGES_AT_ONCE):
        batch = torch.stack(list(inputs[start : start + MOST_IMAGES_AT_ONCE]))
        scores += [float(one) for one in classifier.probabilities(batch)]
    return scores


def report(study: OpenedStudy, findings: Sequence[Finding], pipeline: Pipeline) -> Outcome:
    """Return the outcome of one study, its reports durable."""
    return outcome_of(
        study,
        findings,
        pipeline.archive.repository.current_result(study.claim.study_uid),
        ReportingRoom(files=pipeline.archive.files, author=pipeline.author),
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
