"""What must be said beside a score: whom the model was not made for, and what limits the image.

The words, in each language, stand in `report/words.py`; here are only the kinds.
"""

from enum import StrEnum


class Statement(StrEnum):
    """One limit of a score."""

    AGE_OUTSIDE_POPULATION = "AGE_OUTSIDE_POPULATION"
    AGE_UNKNOWN = "AGE_UNKNOWN"
    VIEW_OUTSIDE_POPULATION = "VIEW_OUTSIDE_POPULATION"
    VIEW_UNKNOWN = "VIEW_UNKNOWN"
    LOSSY_COMPRESSION = "LOSSY_COMPRESSION"
    SECONDARY_CAPTURE = "SECONDARY_CAPTURE"
    BODY_PART_FROM_DESCRIPTION = "BODY_PART_FROM_DESCRIPTION"
    BURNED_IN_ANNOTATION = "BURNED_IN_ANNOTATION"
    NOT_DICOM = "NOT_DICOM"


# Those that say "outside the training population".
POPULATION_STATEMENTS = frozenset(
    {
        Statement.AGE_OUTSIDE_POPULATION,
        Statement.AGE_UNKNOWN,
        Statement.VIEW_OUTSIDE_POPULATION,
        Statement.VIEW_UNKNOWN,
        Statement.NOT_DICOM,
    }
)
