"""The AI result as highdicom's own templates build it: what ours is compared with.

Everything comes from highdicom's high-level classes; only what they have no argument for (TID 1500
row 12, the visual explanation) is appended, as its users do.
"""

from highdicom.sr import (
    AlgorithmIdentification,
    CodeContentItem,
    Comprehensive3DSR,
    ContainerContentItem,
    ContentSequence,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    LanguageOfContentItemAndDescendants,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    RelationshipTypeValues,
    SourceImageForMeasurement,
    SourceImageForMeasurementGroup,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset

from archive.records import Finding, Presence
from inference.report import codes, words
from inference.report.author import MANUFACTURER, Author
from inference.report.structured_report import ReportedImage, percentages, summary
from inference.report.uids import Kind, of_model

CONTAINS = RelationshipTypeValues.CONTAINS


def straightforward_report(source: Dataset, finding: Finding, author: Author) -> Dataset:
    """Build the SR of one image the way highdicom's guide shows."""
    report = MeasurementReport(
        observation_context=_observer(author),
        procedure_reported=codes.IMAGING_PROCEDURE,
        imaging_measurements=[_group(source, finding, author)],
        language_of_content_item_and_descendants=LanguageOfContentItemAndDescendants(
            codes.LANGUAGES[author.language]
        ),
        referenced_images=[source],
    )
    report[0].ContentSequence.append(_evaluations(source, finding, author))
    return Comprehensive3DSR(
        evidence=[source],
        content=report,
        series_instance_uid=of_model(Kind.SERIES_OF_REPORTS, author.model, ["1"]),
        series_number=1,
        sop_instance_uid=of_model(Kind.AI_RESULT, author.model, ["1"]),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=author.model.name,
        is_complete=True,
        specific_character_set="ISO_IR 192",
        performed_procedure_codes=[codes.PLAIN_CHEST_RADIOGRAPHY],
    )


def _observer(author: Author) -> ObservationContext:
    return ObservationContext(
        observer_device_context=ObserverContext(
            observer_type=codes.DEVICE,
            observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
                uid=author.device_uid,
                name=MANUFACTURER,
                manufacturer_name=MANUFACTURER,
                model_name=f"{author.model.name} {author.model.version}",
                serial_number=author.device_serial_number,
            ),
        )
    )


def _group(
    source: Dataset, finding: Finding, author: Author
) -> MeasurementsAndQualitativeEvaluations:
    image = SourceImageForMeasurement(source.SOPClassUID, source.SOPInstanceUID)
    probability, threshold = (float(one) for one in percentages(finding))
    is_present = finding.presence is Presence.PRESENT
    tracking_uid = of_model(Kind.TRACKING, author.model, [source.SOPInstanceUID])
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=tracking_uid, identifier="Image 1"),
        finding_type=codes.PNEUMONIA if is_present else None,
        finding_sites=[FindingSite(codes.LUNG)],
        algorithm_id=AlgorithmIdentification(
            name=author.model.name,
            version=author.model.version,
            parameters=list(author.algorithm_parameters),
            family=codes.ARTIFICIAL_INTELLIGENCE,
        ),
        measurements=[
            Measurement(
                name=codes.PROBABILITY,
                value=probability,
                unit=codes.PERCENT,
                referenced_images=[image],
            ),
            Measurement(
                name=codes.THRESHOLD_VALUE,
                value=threshold,
                unit=codes.PERCENT,
                referenced_images=[image],
            ),
        ],
        source_images=[SourceImageForMeasurementGroup(source.SOPClassUID, source.SOPInstanceUID)],
    )


def _evaluations(source: Dataset, finding: Finding, author: Author) -> ContainerContentItem:
    sentence = summary([ReportedImage(source=source, finding=finding)], author.language)
    item = ContainerContentItem(codes.QUALITATIVE_EVALUATIONS, relationship_type=CONTAINS)
    item.ContentSequence = ContentSequence(
        [
            CodeContentItem(codes.PNEUMONIA, codes.PRESENCE[finding.presence], CONTAINS),
            TextContentItem(codes.SUMMARY, sentence, CONTAINS),
            TextContentItem(codes.COMMENT, words.DISCLAIMER[author.language], CONTAINS),
        ]
    )
    return item
