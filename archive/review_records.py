"""The nouns of reading: the worklist, what a radiologist decides, and what shows it to them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from archive.records import FileKey, Presence, ReportKind, SopInstanceUid, Study, StudyUid


class Verdict(StrEnum):
    """What a radiologist says of an AI result."""

    ACCEPT = "ACCEPT"
    REJECT = "REJECT"
    """The result is wrong; the opposite holds, except where the reason withdraws it."""
    CORRECT = "CORRECT"
    """The radiologist states what holds, also where there is no AI result."""
    UNREADABLE = "UNREADABLE"
    """The images cannot be judged."""


class ReviewReason(StrEnum):
    """Why a result is not accepted; fixed, so that it can be counted. OTHER needs words."""

    NONE = "NONE"
    READING_DIFFERS = "READING_DIFFERS"
    ARTEFACT = "ARTEFACT"
    IMAGE_QUALITY = "IMAGE_QUALITY"
    WRONG_REGION = "WRONG_REGION"
    WRONG_PATIENT_OR_STUDY = "WRONG_PATIENT_OR_STUDY"
    FAULTY_RUN = "FAULTY_RUN"
    """The analysis itself went wrong; what it says has no meaning."""
    OTHER = "OTHER"


# Rejections that are no reading: the result should never have been, and nothing is said instead.
WITHDRAWING_REASONS = frozenset({ReviewReason.WRONG_PATIENT_OR_STUDY, ReviewReason.FAULTY_RUN})


class ReviewState(StrEnum):
    """Where a review stands on its way to a verified report; `workflow.py` has the moves."""

    HELD = "HELD"
    """May still be undone by its author."""
    BUILDING = "BUILDING"
    REPORTED = "REPORTED"
    UNDONE = "UNDONE"
    FAILED = "FAILED"


class Band(StrEnum):
    """Why a study stands where it does in the worklist, first to last."""

    OVERDUE = "OVERDUE"
    """Waits longer than the site's cap: whatever the AI says, it goes first."""
    POSITIVE = "POSITIVE"
    """By probability. All others are read in the order of their arrival."""
    ROUTINE = "ROUTINE"
    DEFERRED = "DEFERRED"
    """Somebody put it off, with a reason."""


@dataclass(frozen=True, kw_only=True)
class NewReview:
    """A decision that a signed-in person has just made."""

    study_uid: StudyUid
    expected_revision: int
    """The study's revision that the person saw."""
    verdict: Verdict
    presence: Presence | None
    """What holds now; None where the images cannot be judged, or the result is accepted or
    withdrawn."""
    reason: ReviewReason
    comment: str
    user_id: int
    image_visible_milliseconds: int
    """How long the image was on the screen before the decision."""
    blind_presence: Presence | None
    """What the person said before the AI result was uncovered, in blind-first mode."""
    held_seconds: float
    key_count: int | None = None
    """Keys pressed since the case was opened, without the letters of a comment; None where nobody
    counted, as for the clicks."""
    click_count: int | None = None
    """Presses of a mouse button, a finger or a pen; a drag is one."""
    is_heat_map_opened: bool | None = None
    """None where there was none to open, or nobody counted."""


@dataclass(frozen=True, kw_only=True)
class Reviewer:
    """Who decided, as it stood then; goes into the verified report."""

    user_id: int
    login: str
    person_name: str
    """DICOM PN."""
    organisation: str


@dataclass(frozen=True, kw_only=True)
class Review:
    """One decision about one study."""

    review_id: int
    study_uid: StudyUid
    result_id: int | None
    """The AI result that was judged; None where there was none."""
    verdict: Verdict
    presence: Presence | None
    """What holds according to the reviewer."""
    reason: ReviewReason
    comment: str
    reviewer: Reviewer
    made_at: datetime
    held_until: datetime
    image_visible_milliseconds: int
    key_count: int | None
    click_count: int | None
    is_heat_map_opened: bool | None
    blind_presence: Presence | None
    state: ReviewState
    failure: str
    is_current: bool
    report_sop_instance_uid: SopInstanceUid | None


@dataclass(frozen=True, kw_only=True)
class ClaimedReview:
    """A review that one worker may turn into a verified report."""

    review: Review
    claimed_by: str
    attempt: int
    predecessor_sop_instance_uid: SopInstanceUid | None
    """The report that the new one follows: the AI result's, or an earlier review's."""


@dataclass(frozen=True, kw_only=True)
class WorklistItem:
    """One unread study and why it stands where it does."""

    study: Study
    band: Band
    presence: Presence | None
    probability: float | None
    waiting_seconds: float
    readers: tuple[str, ...]
    """Person names of who has it open."""
    deferred_reason: str


@dataclass(frozen=True, kw_only=True)
class WorklistDepth:
    """How many unread studies stand in one band, and for how long they have waited until now."""

    band: Band
    count: int
    longest_wait_seconds: float
    mean_wait_seconds: float


@dataclass(frozen=True, kw_only=True)
class Prior:
    """Another study of the same patient, and what was found in it."""

    study: Study
    presence: Presence | None
    """What the reviewer said, or the model where nobody reviewed."""
    probability: float | None
    verdict: Verdict | None


@dataclass(frozen=True, kw_only=True)
class HeatMap:
    """Where a model looked in one image: an 8-bit grey PNG that covers the whole image."""

    sop_instance_uid: SopInstanceUid
    file_key: FileKey
    file_sha256: str
    display_threshold: float
    """0 to 1 of the greatest relevance; below it nothing is drawn."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A study that changed, for those who watch; says nothing of a patient."""

    study_uid: StudyUid
    revision: int
    changed_at: datetime


@dataclass(frozen=True, kw_only=True)
class JudgedResult:
    """A standing decision beside the AI result that it judged; names no patient."""

    review_id: int
    study_uid: StudyUid
    made_at: datetime
    verdict: Verdict
    reason: ReviewReason
    presence: Presence | None
    """What the reviewer says; None where the images cannot be judged."""
    blind_presence: Presence | None
    image_visible_milliseconds: int
    key_count: int | None
    """None where nobody counted; so are the two that follow."""
    click_count: int | None
    is_heat_map_opened: bool | None
    """None also where there was no heat map."""
    model_name: str
    model_version: str
    weights_sha256: str
    ai_presence: Presence
    probability: float
    decision_threshold: float
    patient_age_years: int | None
    patient_sex: str
    calling_ae_title: str
    """Who sent the images: the nearest that is known to a site or a scanner."""


@dataclass(frozen=True, kw_only=True)
class StudyQuery:
    """Which studies are looked for; what is empty does not matter. Texts may hold * and ?."""

    patient_name: str = ""
    patient_id: str = ""
    accession_number: str = ""
    study_description: str = ""
    study_uids: tuple[str, ...] = ()
    first_date: str = ""
    """YYYYMMDD, included; so is the last."""
    last_date: str = ""
    modality: str = ""
    report_kinds: tuple[ReportKind, ...] = ()
    """Of the objects that we make: those of this modality."""
    sop_class_uid: str = ""
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True, kw_only=True)
class StudyContents:
    """What a study holds, counted; ours included."""

    modalities: frozenset[str]
    """Of what was received."""
    report_kinds: frozenset[ReportKind]
    series_count: int
    object_count: int
