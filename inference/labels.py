"""What the classifier can say, and the codes that say it in DICOM; plain records, no torch."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Code:
    """A coded concept as PS3.3 section 8 writes it: value, scheme, meaning."""

    value: str
    scheme: str
    meaning: str


# SNOMED CT, as used in PS3.16 CID 6143 and its kin.
PNEUMONIA = Code(value="233604007", scheme="SCT", meaning="Pneumonia")

NORMAL_NAME = "normal"
PNEUMONIA_NAME = "pneumonia"
BINARY_NAMES = (NORMAL_NAME, PNEUMONIA_NAME)

# The auxiliary classes of the training set, from its file names. The order is the order of the
# network's outputs; P(pneumonia) = 1 - P(normal), so index 0 must stay the normal class.
THREE_CLASS_NAMES = (NORMAL_NAME, "bacterial", "viral")
NORMAL_INDEX = 0
