"""The AI result as a Comprehensive 3D SR: TID 1500 with one TID 1501 group per analysed image.

Finding = Pneumonia stands only in a positive report, because viewers show values without their
names; a negative one says in its Summary that nothing was detected.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from highdicom.sr import RelationshipTypeValues as Relation
from highdicom.sr.coding import CodedConcept
from highdicom.sr.value_types import ContainerContentItem, ContentItem
from pydicom.dataset import Dataset

from archive.records import Finding, Presence
from inference.report import codes, words
from inference.report.author import Author
from inference.report.content import Prepared, code, container, image, number, text, uid
from inference.report.document import Placement, document
from inference.report.evidence import ObjectReference, reference_to
from inference.report.image_library import image_library
from inference.report.observation import algorithm, comment, evaluations, report_tree
from inference.report.refused import RefusedImage, refused_in_words
from inference.report.uids import Kind, of_model
from inference.statements import Statement

FEWEST_DECIMALS = 1
MOST_DECIMALS = 6


@dataclass(frozen=True, kw_only=True)
class ReportedImage:
    """One analysed image with what the report says of it."""

    source: Dataset
    """Header of the received image."""
    finding: Finding
    statements: tuple[Statement, ...] = ()
    heat_map: ObjectReference | None = None


def ai_result(
    images: Sequence[ReportedImage],
    refused: Sequence[RefusedImage],
    placement: Placement,
    author: Author,
) -> Dataset:
    """Build the SR of a study with at least one analysed image.

    Parameters
    ----------
    images
        Not empty; in the order in which the Summary counts them.
    refused
        Further images of the study, named in the Comments.
    """
    tree = report_tree(
        author,
        image_library(reported.source for reported in images),
        container(
            codes.IMAGING_MEASUREMENTS,
            [_group(number, reported, author) for number, reported in enumerate(images, start=1)],
        ),
        evaluations(
            code(codes.PNEUMONIA, codes.PRESENCE[presence_of_study(images)]),
            text(codes.SUMMARY, summary(images, author.language)),
            *_comments(images, refused, placement, author),
        ),
    )
    analysed = [f"analysed {reported.finding.sop_instance_uid}" for reported in images]
    drawn = [f"drawn {reference.key.sop_instance_uid}" for reference in placement.made]
    return document(tree, placement, author, kind=Kind.AI_RESULT, variant=[*analysed, *drawn])


def presence_of_study(images: Sequence[ReportedImage]) -> Presence:
    """Combine the images: present in any is present; undetermined in any other is undetermined."""
    found = {reported.finding.presence for reported in images}
    for presence in (Presence.PRESENT, Presence.UNDETERMINED):
        if presence in found:
            return presence
    return Presence.ABSENT


def percentages(finding: Finding) -> tuple[str, str]:
    """Write probability and threshold in percent, with as few decimals as still agree.

    49.96 % against a threshold of 50 % is not written as 50.0 %, which would look positive.
    """
    probability, threshold = finding.probability * 100, finding.decision_threshold * 100
    for decimals in range(FEWEST_DECIMALS, MOST_DECIMALS + 1):
        shown = f"{probability:.{decimals}f}", f"{threshold:.{decimals}f}"
        if (float(shown[0]) >= float(shown[1])) == (probability >= threshold):
            break
    return shown


def summary(images: Sequence[ReportedImage], language: words.Language) -> str:
    """Tell the result in one or two sentences, for a reader who sees nothing else."""
    presence = words.PRESENCE[language][presence_of_study(images)]
    if len(images) == 1:
        return _sentence(words.SUMMARY[language], images[0].finding, language)
    sentences = (
        _sentence(words.ONE_OF_SEVERAL[language], reported.finding, language, number=position)
        for position, reported in enumerate(images, start=1)
    )
    return words.SUMMARY_OF_SEVERAL[language].format(
        presence=presence, count=len(images), images=" ".join(sentences)
    )


def _sentence(template: str, finding: Finding, language: words.Language, *, number: int = 1) -> str:
    probability, threshold = percentages(finding)
    presence = words.PRESENCE[language][finding.presence]
    return template.format(
        number=number, presence=presence, probability=probability, threshold=threshold
    )


def _group(position: int, reported: ReportedImage, author: Author) -> ContainerContentItem:
    """Measurement and Qualitative Evaluation Group (TID 1501) of one image."""
    source = reference_to(reported.source)
    tracking_uid = of_model(Kind.TRACKING, author.model, [source.key.sop_instance_uid])
    probability, threshold = percentages(reported.finding)
    context = Relation.HAS_OBS_CONTEXT
    content: list[ContentItem | Prepared] = [
        text(codes.TRACKING_IDENTIFIER, f"Image {position}", relation=context),
        uid(codes.TRACKING_UID, tracking_uid, relation=context),
    ]
    if reported.finding.presence is Presence.PRESENT:
        content.append(code(codes.FINDING, codes.PNEUMONIA))
    content += [
        algorithm(author),
        _percentage(codes.PROBABILITY, probability, source),
        _percentage(codes.THRESHOLD_VALUE, threshold, source),
        image(codes.SOURCE_OF_MEASUREMENT, source),
    ]
    if reported.heat_map is not None:
        content.append(image(codes.VISUAL_EXPLANATION, reported.heat_map))
    return container(codes.MEASUREMENT_GROUP, content, template="1501")


def _percentage(name: CodedConcept, value: str, source: ObjectReference) -> ContentItem:
    inferred_from = image(codes.SOURCE_OF_MEASUREMENT, source, relation=Relation.INFERRED_FROM)
    return number(name, float(value), codes.PERCENT, inferred_from=[inferred_from])


def _comments(
    images: Sequence[ReportedImage],
    refused: Sequence[RefusedImage],
    placement: Placement,
    author: Author,
) -> Iterator[ContentItem | Prepared]:
    language = author.language
    yield comment(words.DISCLAIMER[language])
    for position, reported in enumerate(images, start=1):
        for statement in reported.statements:
            sentence = words.statement_in_words(statement, author.population, language)
            lead = f"{words.IMAGE[language]} {position}: " if len(images) > 1 else ""
            yield comment(lead + sentence)
    for one in refused:
        yield text(
            codes.COMMENT, refused_in_words(words.OTHER_IMAGE_REFUSED[language], one, language)
        )
    if placement.predecessor is not None:
        yield comment(words.REPLACES[language])
