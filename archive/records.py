"""The nouns of the house as frozen records: study, instance, result, finding, report, delivery.

They hold no behaviour. SQL rows become records in `repository.py` and nowhere else; DICOM becomes
records in `dicom_node` and `inference`; JSON in `api`. The words used here are used everywhere.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

StudyUid = NewType("StudyUid", str)
SeriesUid = NewType("SeriesUid", str)
SopInstanceUid = NewType("SopInstanceUid", str)
FileKey = NewType("FileKey", str)
"""Where the file store keeps an object; relative, made by `files.py` only."""


@dataclass(frozen=True, kw_only=True)
class InstanceKey:
    """The three UIDs that place an instance (PS3.3 C.7.2.1, C.7.3.1, C.12.1)."""

    study_uid: StudyUid
    series_uid: SeriesUid
    sop_instance_uid: SopInstanceUid


class StudyState(StrEnum):
    """Where a study stands; `workflow.py` says which follows which."""

    RECEIVING = "RECEIVING"
    QUEUED = "QUEUED"
    ANALYSING = "ANALYSING"
    REPORTED = "REPORTED"
    NOT_ANALYSED = "NOT_ANALYSED"
    FAILED = "FAILED"
    KEPT = "KEPT"
    """Stored and listed; a rule says that it is neither analysed nor read here."""


class DeliveryState(StrEnum):
    """Where one report on its way to one destination stands."""

    READY = "READY"
    SENDING = "SENDING"
    DELIVERED = "DELIVERED"
    COMMITTED = "COMMITTED"
    GAVE_UP = "GAVE_UP"


class Refusal(StrEnum):
    """Why a study or an image gets no score. The list is fixed; each has words for people."""

    NO_IMAGE = "NO_IMAGE"
    WRONG_SOP_CLASS = "WRONG_SOP_CLASS"
    WRONG_MODALITY = "WRONG_MODALITY"
    WRONG_BODY_PART = "WRONG_BODY_PART"
    NOT_FRONTAL = "NOT_FRONTAL"
    MULTI_FRAME = "MULTI_FRAME"
    NOT_GREYSCALE = "NOT_GREYSCALE"
    TOO_SMALL = "TOO_SMALL"
    TOO_LARGE = "TOO_LARGE"
    PIXELS_UNREADABLE = "PIXELS_UNREADABLE"
    NO_CONTRAST = "NO_CONTRAST"
    NOT_A_CHEST_RADIOGRAPH = "NOT_A_CHEST_RADIOGRAPH"
    PROCESSING_FAILED = "PROCESSING_FAILED"


class Presence(StrEnum):
    """What the model, or a person, says of a finding (CID 240)."""

    PRESENT = "PRESENT"
    ABSENT = "ABSENT"
    UNDETERMINED = "UNDETERMINED"


class ReportKind(StrEnum):
    """What an object that we made is."""

    AI_RESULT = "AI_RESULT"
    HEAT_MAP = "HEAT_MAP"
    SEGMENTATION = "SEGMENTATION"
    OUTLINE = "OUTLINE"
    """The heat map's contour, as a presentation state."""
    REVIEW = "REVIEW"
    REJECTION_NOTE = "REJECTION_NOTE"


class ProcessKind(StrEnum):
    """The parts of the process group."""

    NODE = "node"
    WORKER = "worker"
    SENDER = "sender"
    API = "api"


@dataclass(frozen=True, kw_only=True)
class RecordedFile:
    """Where the bytes of an instance are, and what they are."""

    file_key: FileKey
    file_sha256: str


class Recorded(StrEnum):
    """What came of recording an instance."""

    NEW = "NEW"
    DUPLICATE = "DUPLICATE"
    """The same UID and the same data set: already ours, success."""
    CONFLICT = "CONFLICT"
    """The same UID with another data set: kept apart, refused."""


@dataclass(frozen=True, kw_only=True)
class StudyAttributes:
    """What the worklist shows of a study, as the first instance gave it; empty where absent."""

    patient_name: str = ""
    patient_id: str = ""
    patient_birth_date: str = ""
    patient_sex: str = ""
    accession_number: str = ""
    study_date: str = ""
    study_time: str = ""
    study_description: str = ""


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One received instance whose bytes are already durable."""

    key: InstanceKey
    sop_class_uid: str
    transfer_syntax_uid: str
    modality: str
    file_key: FileKey
    file_sha256: str
    """Of the whole file; checked when it is read, and tells a repeat from a conflict: our file meta
    depends on nothing but what was received.
    """
    byte_count: int
    calling_ae_title: str
    called_ae_title: str
    attributes: StudyAttributes
    priority: int = 0
    """0 routine, 1 high, 2 STAT."""
    flaws: tuple[str, ...] = ()
    """What intake tolerated, in words without patient data."""


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One received instance as recorded."""

    key: InstanceKey
    sop_class_uid: str
    transfer_syntax_uid: str
    modality: str
    file_key: FileKey
    file_sha256: str
    byte_count: int
    calling_ae_title: str
    received_at: datetime
    flaws: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ArrivedImage:
    """What is known of one image of a study that just became complete."""

    study_uid: StudyUid
    file_key: FileKey
    transfer_syntax_uid: str
    calling_ae_title: str
    called_ae_title: str


@dataclass(frozen=True, kw_only=True)
class RuleDecision:
    """What the rules of the site say of a study; recorded with it."""

    rule: str = ""
    """Its name; empty where nobody asked the rules."""
    rules_sha256: str = ""
    """Of the file that it stood in."""
    is_analysed: bool = True
    """False: the study is KEPT."""
    reason: str = ""
    """Why it is KEPT, in words."""
    priority: int = 0
    """At least this; 0 routine, 1 high, 2 STAT."""
    destinations: tuple[str, ...] | None = None
    """Where its results go; None for every destination of the settings."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """One study as it stands."""

    study_uid: StudyUid
    state: StudyState
    refusal: Refusal | None
    reason: str
    priority: int
    attributes: StudyAttributes
    instance_count: int
    first_received_at: datetime
    last_received_at: datetime
    attempt: int
    revision: int
    """Grows with every change; the ETag of the API."""
    rule: str = ""
    """The rule that decided about it; empty before it was complete."""
    rules_sha256: str = ""
    """Version of the rules that it stood in."""
    destinations: tuple[str, ...] | None = None
    """Where the rule sends its results; None for everywhere."""


@dataclass(frozen=True, kw_only=True)
class ClaimedStudy:
    """A study that one worker may finish until `lease_until`."""

    study_uid: StudyUid
    claimed_by: str
    attempt: int
    instances: tuple[Instance, ...]


@dataclass(frozen=True, kw_only=True)
class ModelIdentity:
    """What made a result; the device observer's UID changes with it."""

    name: str
    version: str
    weights_sha256: str
    preprocessing_version: str


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What the model says of one image."""

    sop_instance_uid: SopInstanceUid
    label: str
    presence: Presence
    probability: float
    """Calibrated, 0 to 1."""
    decision_threshold: float
    """0 to 1; PRESENT at or above."""
    statements: tuple[str, ...] = ()
    """Population and quality statements in plain words."""


@dataclass(frozen=True, kw_only=True)
class ImageRefusal:
    """Why one image of a study was not scored."""

    sop_instance_uid: SopInstanceUid
    refusal: Refusal
    reason: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """One DICOM object that we made; its bytes are already durable."""

    key: InstanceKey
    sop_class_uid: str
    kind: ReportKind
    file_key: FileKey
    file_sha256: str
    byte_count: int


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a worker made of a study; becomes result, findings, reports and deliveries at once."""

    state: StudyState
    """REPORTED, NOT_ANALYSED or FAILED."""
    model: ModelIdentity
    refusal: Refusal | None = None
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    image_refusals: tuple[ImageRefusal, ...] = ()
    reports: tuple[Report, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Result:
    """A recorded outcome."""

    result_id: int
    study_uid: StudyUid
    made_at: datetime
    outcome: Outcome
    is_current: bool
    """False once a later result of the study replaced it."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One report on its way to one destination."""

    delivery_id: int
    study_uid: StudyUid
    sop_instance_uid: SopInstanceUid
    sop_class_uid: str
    kind: ReportKind
    destination: str
    state: DeliveryState
    attempt: int
    dicom_status: int | None
    reason: str
    created_at: datetime
    next_attempt_at: datetime
    delivered_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class ClaimedDelivery:
    """A delivery that one sender may finish until its lease ends."""

    delivery_id: int
    claimed_by: str
    destination: str
    attempt: int
    created_at: datetime
    study_uid: StudyUid
    sop_instance_uid: SopInstanceUid
    sop_class_uid: str
    kind: ReportKind
    file_key: FileKey
    file_sha256: str


@dataclass(frozen=True, kw_only=True)
class ClaimedPrediction:
    """An image given to `/predict` that one worker may answer; it belongs to no study."""

    prediction_id: str
    claimed_by: str
    file_key: FileKey
    media_type: str


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The answer to `/predict`: a probability, or the reason why there is none."""

    label: str = ""
    probability: float | None = None
    decision_threshold: float | None = None
    model: ModelIdentity | None = None
    warnings: tuple[str, ...] = ()
    refusal: Refusal | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ProcessBeat:
    """A part of the process group and when it last said that it can work."""

    kind: ProcessKind
    name: str
    beat_at: datetime
    age_seconds: float
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class QueueDepth:
    """How much waits at one stage, and for how long the oldest has."""

    stage: str
    count: int
    oldest_age_seconds: float


@dataclass(frozen=True, kw_only=True)
class StudyDetail:
    """One study with all that belongs to it."""

    study: Study
    instances: tuple[Instance, ...] = field(default=())
    results: tuple[Result, ...] = field(default=())
    reports: tuple[Report, ...] = field(default=())
    deliveries: tuple[Delivery, ...] = field(default=())
