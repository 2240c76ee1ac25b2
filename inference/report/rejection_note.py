"""Tells a PACS to withdraw objects of ours: a Key Object Selection (PS3.3 A.35.4; IHE RAD IOCM).

Only for objects that should never have been, such as those of another patient: a reader who
disagrees writes a review instead.
"""

from collections.abc import Sequence
from datetime import datetime

from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from pydicom.dataset import Dataset

from inference.report import codes, words
from inference.report.decisions import Withdrawal
from inference.report.document import add_times
from inference.report.evidence import CHARACTER_SET
from inference.report.observation import language_of
from inference.report.uids import Kind, derive

SERIES_NUMBER = 9906
# CID 7010, the titles that IHE RAD IOCM uses. "For quality reasons" leaves it to the site whether a
# reader may still see the objects; those of another patient nobody may.
TITLES = {
    Withdrawal.WRONG_PATIENT: codes.REJECTED_FOR_PATIENT_SAFETY,
    Withdrawal.FAULTY_RUN: codes.REJECTED_FOR_QUALITY,
}
_TAKEN_OVER = (
    "InstitutionName",
    "ManufacturerModelName",
    "DeviceSerialNumber",
    "SoftwareVersions",
)


def rejection_note(
    withdrawn: Sequence[Dataset], reason: Withdrawal, *, review_id: str, made_at: datetime
) -> Dataset:
    """Build the note; a repeat makes the same object.

    Parameters
    ----------
    withdrawn
        The AI result as it was sent, then what came with it.
    reason
        The title; each object is named once, whatever the reason.
    review_id
        Of the decision that withdraws them.
    """
    ai_result = withdrawn[0]
    ds = KeyObjectSelectionDocument(
        evidence=list(withdrawn),
        content=KeyObjectSelection(
            TITLES[reason],
            list(withdrawn),
            description=words.WITHDRAWN[language_of(ai_result)][reason],
        ),
        series_instance_uid=derive(Kind.SERIES_OF_REJECTION_NOTES, ai_result.SeriesInstanceUID),
        series_number=SERIES_NUMBER,
        sop_instance_uid=derive(Kind.REJECTION_NOTE, ai_result.SOPInstanceUID, review_id),
        instance_number=1,
        manufacturer=str(ai_result.Manufacturer),
        requested_procedures=list(ai_result.ReferencedRequestSequence),
        specific_character_set=CHARACTER_SET,
    )
    for keyword in _TAKEN_OVER:
        if keyword in ai_result:
            ds[keyword] = ai_result[keyword]
    for item in ds.ContentSequence:
        if item.ValueType in {"IMAGE", "COMPOSITE"}:
            # TID 2010 has no names for these, and highdicom gives them one.
            del item.ConceptNameCodeSequence
    add_times(ds, ai_result, made_at)
    return ds
