"""The JSON of the API: archive records become these models here and nowhere else."""

from collections.abc import Callable
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from archive import records
from archive.records import (
    DeliveryState,
    Presence,
    Refusal,
    ReportKind,
    StudyState,
)
from dicom_node.statuses import words_for


class ImageKind(StrEnum):
    """The kinds of image file that `/predict` reads."""

    JPEG = "jpeg"
    PNG = "png"
    DICOM = "dicom"


DATE_PATTERN = r"^([0-9]{8})?$"
UID_PATTERN = r"^[0-9]+(\.[0-9]+)*$"
Uid = Annotated[str, Field(pattern=UID_PATTERN, max_length=64, examples=["1.2.840.113619.2.5"])]


def only_numbers(value: object) -> object:
    """Refuse what Python would take for a number and JSON does not: true, and digits as text."""
    if isinstance(value, bool | str):
        raise ValueError("is no number")
    return value


# 250.0 is a whole number in JSON Schema, as it is here.
WholeNumber = Annotated[int, BeforeValidator(only_numbers)]
Probability = Annotated[float, Field(ge=0, le=1)]


class ApiModel(BaseModel):
    """Base: frozen, nothing unknown, names in JSON as declared."""

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)


class FaultBody(ApiModel):
    """One place in a request that is wrong."""

    location: str = Field(description="Where.", examples=["query.limit"])
    message: str = Field(description="What is wrong, without what was sent.")
    code: str = Field(description="The kind of fault, for programs.", examples=["less_than_equal"])


class Problem(ApiModel):
    """Why a request was not served (RFC 9457)."""

    type: str = Field(description="A URI for the kind of problem.")
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(description="The HTTP status.", ge=400, le=599)
    detail: str = Field(description="What is wrong with this request.")
    instance: str = Field(description="The path that was asked.")
    code: str = Field(description="A stable name for programs.", examples=["not_found"])
    trace_id: str = Field(description="The name of this request in the log.")
    errors: list[FaultBody] = Field(description="Single faults, where there are several.")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:hilum:problem:not_found",
                    "title": "There is nothing here",
                    "status": 404,
                    "detail": "there is no such thing in the archive",
                    "instance": "/api/v1/studies/1.2.3",
                    "code": "not_found",
                    "trace_id": "0af7651916cd43dd8448eb211c80319c",
                    "errors": [],
                }
            ]
        }
    )


class Check(ApiModel):
    """One thing that must work for the installation to be ready."""

    is_ok: bool
    detail: str = Field(description="What was found, in words.")


class Liveness(ApiModel):
    """The web process answers."""

    status: Literal["alive"]


class Readiness(ApiModel):
    """Whether radiographs can come in, be analysed and go out now."""

    status: Literal["ready", "not ready"]
    missing: list[str] = Field(description="Names of the checks that fail.", examples=[["worker"]])
    oldest_job_age_seconds: float = Field(
        ge=0, description="How long the oldest study or delivery has waited; 0 where none waits."
    )
    checks: dict[str, Check] = Field(
        description="By name: database, disk, node, worker, sender, api."
    )


class PredictionAnswer(ApiModel):
    """What the model says of one image that belongs to no study."""

    predicted_class: Literal["PNEUMONIA", "NORMAL"] = Field(
        serialization_alias="class",
        description="PNEUMONIA where the probability is at or above the threshold.",
    )
    probability: Probability = Field(description="Calibrated probability of pneumonia.")
    threshold: Probability = Field(description="The model's decision threshold.")
    model: str = Field(description="Name and version.", examples=["resnet18-kermany 1.0.0"])
    input: ImageKind = Field(description="What the file was found to be.")
    warnings: list[str] = Field(description="What limits the meaning of this answer, in words.")


class Patient(ApiModel):
    """Who was imaged, as the study's first instance said."""

    name: str = Field(description="As in DICOM, components separated by ^.")
    patient_id: str
    birth_date: str = Field(description="YYYYMMDD, or empty.")
    sex: str = Field(description="M, F, O, or empty.")


class StudySummary(ApiModel):
    """One study as it stands."""

    study_uid: Uid
    state: StudyState
    refusal: Refusal | None = Field(description="Why there is no score; null where there is one.")
    reason: str = Field(description="The refusal or failure in words.")
    priority: int = Field(ge=0, le=2, description="0 routine, 1 high, 2 STAT.")
    patient: Patient
    accession_number: str
    study_date: str = Field(description="YYYYMMDD, or empty.")
    study_time: str = Field(description="HHMMSS with optional fraction, or empty.")
    description: str
    instance_count: int = Field(ge=0)
    first_received_at: datetime
    last_received_at: datetime
    revision: int = Field(ge=0, description="Grows with every change; the ETag.")
    rule: str = Field(description="The site's rule that decided; empty before it was complete.")
    rules_sha256: str = Field(description="Version of the rules file that it stood in.")
    destinations: list[str] | None = Field(
        description="Where the rule sends its results; null for every destination."
    )


class StudyPage(ApiModel):
    """Some studies, newest first; the next page is in the Link header and in `next_cursor`."""

    studies: list[StudySummary]
    next_cursor: str | None = Field(description="Give it as `cursor`; null on the last page.")


class StudySearch(ApiModel):
    """What is looked for; in a body, since addresses are kept in many logs."""

    text: str = Field(
        min_length=1,
        max_length=64,
        description="A part of the patient's name or ID, or of the accession number.",
    )
    state: StudyState | None = None
    first_date: str = Field(default="", pattern=DATE_PATTERN, description="Of the study; YYYYMMDD.")
    last_date: str = Field(default="", pattern=DATE_PATTERN)
    limit: int = Field(default=50, ge=1, le=200, strict=True)
    cursor: str | None = Field(
        default=None, max_length=200, description="The `next_cursor` of the page before."
    )


class InstanceBody(ApiModel):
    """One received DICOM object."""

    sop_instance_uid: Uid
    series_uid: Uid
    sop_class_uid: Uid
    transfer_syntax_uid: Uid
    modality: str
    byte_count: int = Field(ge=0)
    calling_ae_title: str
    received_at: datetime
    flaws: list[str] = Field(description="What was tolerated on the way in.")


class ModelBody(ApiModel):
    """What made a result."""

    name: str
    version: str
    weights_sha256: str
    preprocessing_version: str
    calibrated_on: date | None = Field(
        description="When its threshold was chosen; null where this host has not its bundle."
    )


class FindingBody(ApiModel):
    """What the model says of one image."""

    sop_instance_uid: Uid
    label: str = Field(examples=["pneumonia"])
    presence: Presence
    probability: Probability
    threshold: Probability
    statements: list[str] = Field(description="Limits of this score, in words.")


class ImageRefusalBody(ApiModel):
    """Why one image was not scored."""

    sop_instance_uid: Uid
    refusal: Refusal
    reason: str


class ResultBody(ApiModel):
    """What a worker made of the study at one time."""

    result_id: int
    made_at: datetime
    is_current: bool = Field(description="False once a later result replaced it.")
    state: StudyState
    refusal: Refusal | None
    reason: str
    model: ModelBody
    findings: list[FindingBody]
    image_refusals: list[ImageRefusalBody]


class ReportBody(ApiModel):
    """One DICOM object that was made of the study."""

    sop_instance_uid: Uid
    series_uid: Uid
    sop_class_uid: Uid
    kind: ReportKind
    byte_count: int = Field(ge=0)


class DeliveryBody(ApiModel):
    """One report on its way to one destination."""

    delivery_id: int
    study_uid: Uid
    sop_instance_uid: Uid
    kind: ReportKind
    destination: str
    state: DeliveryState
    attempt: int = Field(ge=0)
    dicom_status: str | None = Field(
        description="The last C-STORE status in hexadecimal; null before the first answer.",
        examples=["A700"],
    )
    status_words: str = Field(
        description="The same for people; empty before the first answer.",
        examples=["0xA700 out of resources"],
    )
    reason: str
    created_at: datetime
    next_attempt_at: datetime
    delivered_at: datetime | None


class StudyBody(StudySummary):
    """One study with all that belongs to it."""

    instances: list[InstanceBody]
    results: list[ResultBody]
    reports: list[ReportBody]
    deliveries: list[DeliveryBody]


class DeliveryList(ApiModel):
    """Some deliveries, newest first; the next page is in the Link header and in `next_cursor`."""

    deliveries: list[DeliveryBody]
    next_cursor: str | None = Field(description="Give it as `cursor`; null on the last page.")


class ReplayAnswer(ApiModel):
    """How many deliveries will be sent again."""

    replayed: int = Field(ge=0)


def study_summary(study: records.Study) -> StudySummary:
    """Return the JSON of a study without what belongs to it."""
    attributes = study.attributes
    return StudySummary(
        study_uid=study.study_uid,
        state=study.state,
        refusal=study.refusal,
        reason=study.reason,
        priority=study.priority,
        patient=Patient(
            name=attributes.patient_name,
            patient_id=attributes.patient_id,
            birth_date=attributes.patient_birth_date,
            sex=attributes.patient_sex,
        ),
        accession_number=attributes.accession_number,
        study_date=attributes.study_date,
        study_time=attributes.study_time,
        description=attributes.study_description,
        instance_count=study.instance_count,
        first_received_at=study.first_received_at,
        last_received_at=study.last_received_at,
        revision=study.revision,
        rule=study.rule,
        rules_sha256=study.rules_sha256,
        destinations=None if study.destinations is None else list(study.destinations),
    )


def study_body(
    detail: records.StudyDetail, calibrated_on: Callable[[records.ModelIdentity], date | None]
) -> StudyBody:
    """Return the JSON of a study with all that belongs to it."""
    return StudyBody(
        **dict(study_summary(detail.study)),
        instances=[_instance(instance) for instance in detail.instances],
        results=[_result(result, calibrated_on) for result in detail.results],
        reports=[_report(report) for report in detail.reports],
        deliveries=[delivery_body(delivery) for delivery in detail.deliveries],
    )


def delivery_body(delivery: records.Delivery) -> DeliveryBody:
    """Return the JSON of one delivery."""
    status = delivery.dicom_status
    return DeliveryBody(
        delivery_id=delivery.delivery_id,
        study_uid=delivery.study_uid,
        sop_instance_uid=delivery.sop_instance_uid,
        kind=delivery.kind,
        destination=delivery.destination,
        state=delivery.state,
        attempt=delivery.attempt,
        dicom_status=None if status is None else f"{status:04X}",
        status_words="" if status is None else words_for(status),
        reason=delivery.reason,
        created_at=delivery.created_at,
        next_attempt_at=delivery.next_attempt_at,
        delivered_at=delivery.delivered_at,
    )


def _instance(instance: records.Instance) -> InstanceBody:
    return InstanceBody(
        sop_instance_uid=instance.key.sop_instance_uid,
        series_uid=instance.key.series_uid,
        sop_class_uid=instance.sop_class_uid,
        transfer_syntax_uid=instance.transfer_syntax_uid,
        modality=instance.modality,
        byte_count=instance.byte_count,
        calling_ae_title=instance.calling_ae_title,
        received_at=instance.received_at,
        flaws=list(instance.flaws),
    )


def _result(
    result: records.Result, calibrated_on: Callable[[records.ModelIdentity], date | None]
) -> ResultBody:
    outcome = result.outcome
    return ResultBody(
        result_id=result.result_id,
        made_at=result.made_at,
        is_current=result.is_current,
        state=outcome.state,
        refusal=outcome.refusal,
        reason=outcome.reason,
        model=ModelBody(
            name=outcome.model.name,
            version=outcome.model.version,
            weights_sha256=outcome.model.weights_sha256,
            preprocessing_version=outcome.model.preprocessing_version,
            calibrated_on=calibrated_on(outcome.model),
        ),
        findings=[
            FindingBody(
                sop_instance_uid=finding.sop_instance_uid,
                label=finding.label,
                presence=finding.presence,
                probability=finding.probability,
                threshold=finding.decision_threshold,
                statements=list(finding.statements),
            )
            for finding in outcome.findings
        ],
        image_refusals=[
            ImageRefusalBody(
                sop_instance_uid=refused.sop_instance_uid,
                refusal=refused.refusal,
                reason=refused.reason,
            )
            for refused in outcome.image_refusals
        ],
    )


def _report(report: records.Report) -> ReportBody:
    return ReportBody(
        sop_instance_uid=report.key.sop_instance_uid,
        series_uid=report.key.series_uid,
        sop_class_uid=report.sop_class_uid,
        kind=report.kind,
        byte_count=report.byte_count,
    )
