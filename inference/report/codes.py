"""Every coded concept that our reports hold, as a named constant with its source.

DCM codes: PS3.16 Annex D. CID: PS3.16 context group. The meanings are the Standard's own.
"""

from dataclasses import dataclass

from highdicom.sr.coding import CodedConcept

from archive.records import Presence, Refusal


def _dcm(value: str, meaning: str) -> CodedConcept:
    return CodedConcept(value, "DCM", meaning)


def _sct(value: str, meaning: str) -> CodedConcept:
    return CodedConcept(value, "SCT", meaning)


@dataclass(frozen=True, kw_only=True)
class ProcedureCode:
    """The code that a site gives to the procedure."""

    value: str
    scheme: str
    meaning: str

    @property
    def concept(self) -> CodedConcept:
        """As it stands in a report."""
        return CodedConcept(self.value, self.scheme, self.meaning)


# TID 1500 and TID 1501, rows in order.
IMAGING_MEASUREMENT_REPORT = _dcm("126000", "Imaging Measurement Report")  # CID 7021
PROCEDURE_REPORTED = _dcm("121058", "Procedure reported")
IMAGE_LIBRARY = _dcm("111028", "Image Library")
IMAGE_LIBRARY_GROUP = _dcm("126200", "Image Library Group")
IMAGING_MEASUREMENTS = _dcm("126010", "Imaging Measurements")
QUALITATIVE_EVALUATIONS = CodedConcept("C0034375", "UMLS", "Qualitative Evaluations")
MEASUREMENT_GROUP = _dcm("125007", "Measurement Group")
TRACKING_IDENTIFIER = _dcm("112039", "Tracking Identifier")
TRACKING_UID = _dcm("112040", "Tracking Unique Identifier")
FINDING = _dcm("121071", "Finding")
FINDING_SITE = _sct("363698007", "Finding Site")
SOURCE_OF_MEASUREMENT = _dcm("121112", "Source of Measurement")
VISUAL_EXPLANATION = _dcm("130401", "Visual explanation")  # CID 217 names its kinds
SUMMARY = _dcm("121111", "Summary")
COMMENT = _dcm("121106", "Comment")

# The strict form names the generic procedure: CID 100 is a baseline set without a chest code, and
# validators take it for closed. The order's own code travels in the header.
IMAGING_PROCEDURE = _sct("363679005", "Imaging procedure")  # CID 100
PLAIN_CHEST_RADIOGRAPHY = _sct("399208008", "Plain chest X-ray")

# TID 1204 and TID 1001/1004.
LANGUAGE = _dcm("121049", "Language of Content Item and Descendants")
LANGUAGES = {
    "en-US": CodedConcept("en-US", "RFC5646", "English (United States)"),
    "es-ES": CodedConcept("es-ES", "RFC5646", "Spanish (Spain)"),
}
OBSERVER_TYPE = _dcm("121005", "Observer Type")
DEVICE = _dcm("121007", "Device")
DEVICE_OBSERVER_UID = _dcm("121012", "Device Observer UID")
DEVICE_OBSERVER_NAME = _dcm("121013", "Device Observer Name")
DEVICE_OBSERVER_MANUFACTURER = _dcm("121014", "Device Observer Manufacturer")
DEVICE_OBSERVER_MODEL_NAME = _dcm("121015", "Device Observer Model Name")
DEVICE_OBSERVER_SERIAL_NUMBER = _dcm("121016", "Device Observer Serial Number")

# TID 4019.
ALGORITHM_NAME = _dcm("111001", "Algorithm Name")
ALGORITHM_VERSION = _dcm("111003", "Algorithm Version")
ALGORITHM_PARAMETERS = _dcm("111002", "Algorithm Parameters")
ALGORITHM_FAMILY = _dcm("111000", "Algorithm Family")
ARTIFICIAL_INTELLIGENCE = _dcm("123110", "Artificial Intelligence")  # CID 7162

# Values. Pneumonia stands in no context group; it is the concept of HL7's examples.
PNEUMONIA = _sct("233604007", "Pneumonia")
LUNG = _sct("39607008", "Lung")
PROBABILITY = _dcm("122157", "Probability")
THRESHOLD_VALUE = _dcm("122411", "Threshold Value")
PERCENT = CodedConcept("%", "UCUM", "Percent")
PRESENCE = {  # CID 240
    Presence.PRESENT: _sct("52101004", "Present"),
    Presence.ABSENT: _sct("272519000", "Absent"),
    Presence.UNDETERMINED: _sct("373068000", "Undetermined"),
}

# TID 1602/1603, image library.
SOURCE = _sct("260753009", "Source")
MODALITY = _dcm("121139", "Modality")
COMPUTED_RADIOGRAPHY = _dcm("CR", "Computed Radiography")  # CID 29
DIGITAL_RADIOGRAPHY = _dcm("DX", "Digital Radiography")
PIXEL_DATA_ROWS = _dcm("110910", "Pixel Data Rows")
PIXEL_DATA_COLUMNS = _dcm("110911", "Pixel Data Columns")
PIXELS = CodedConcept("{pixels}", "UCUM", "Pixels")
PATIENT_ORIENTATION_ROW = _dcm("111044", "Patient Orientation Row")
PATIENT_ORIENTATION_COLUMN = _dcm("111043", "Patient Orientation Column")
HORIZONTAL_PIXEL_SPACING = _dcm("111026", "Horizontal Pixel Spacing")
VERTICAL_PIXEL_SPACING = _dcm("111066", "Vertical Pixel Spacing")
MILLIMETER = CodedConcept("mm", "UCUM", "mm")

# Why there is no score: CID 6042 for what became of the analysis, CID 9300 for the cause. Our own
# finer code stands in the Summary; a private scheme would make validators warn.
SUMMARY_OF_ANALYSES = _dcm("111065", "Summary of Analyses")
NOT_ATTEMPTED = _dcm("111225", "Not Attempted")
FAILED = _dcm("111224", "Failed")
REASON = _sct("410666004", "Reason")
OBJECTS_INCORRECTLY_FORMATTED = _dcm("110521", "Objects incorrectly formatted")
OBJECT_TYPES_NOT_SUPPORTED = _dcm("110522", "Object Types not supported")
OBJECT_SET_INCOMPLETE = _dcm("110523", "Object Set incomplete")
EQUIPMENT_FAILURE = _dcm("110501", "Equipment failure")
REFUSALS = {
    Refusal.NO_IMAGE: OBJECT_SET_INCOMPLETE,
    Refusal.WRONG_SOP_CLASS: OBJECT_TYPES_NOT_SUPPORTED,
    Refusal.WRONG_MODALITY: OBJECT_TYPES_NOT_SUPPORTED,
    Refusal.WRONG_BODY_PART: OBJECT_TYPES_NOT_SUPPORTED,
    Refusal.NOT_FRONTAL: OBJECT_TYPES_NOT_SUPPORTED,
    Refusal.MULTI_FRAME: OBJECT_TYPES_NOT_SUPPORTED,
    Refusal.NOT_GREYSCALE: OBJECT_TYPES_NOT_SUPPORTED,
    Refusal.TOO_SMALL: OBJECT_TYPES_NOT_SUPPORTED,
    Refusal.TOO_LARGE: OBJECT_TYPES_NOT_SUPPORTED,
    Refusal.PIXELS_UNREADABLE: OBJECTS_INCORRECTLY_FORMATTED,
    Refusal.NO_CONTRAST: OBJECTS_INCORRECTLY_FORMATTED,
    Refusal.NOT_A_CHEST_RADIOGRAPH: OBJECT_TYPES_NOT_SUPPORTED,
    Refusal.PROCESSING_FAILED: EQUIPMENT_FAILURE,
}

# Header: CID 7005.
PROCESSING_EQUIPMENT = _dcm("109102", "Processing Equipment")
SOURCE_IMAGE = _dcm("121322", "Source image for image processing operation")  # CID 7202

# Review by a person: TID 1003, and CID 3217 for what became of the machine's statement. No code of
# IHE's assessment profile was to be had; `REVIEW_CONCLUSIONS` is the one place to change then.
PERSON = _dcm("121006", "Person")
PERSON_OBSERVER_NAME = _dcm("121008", "Person Observer Name")
PERSON_OBSERVER_LOGIN = _dcm("128774", "Person Observer's Login Name")
PERSON_OBSERVER_ORGANIZATION = _dcm("121009", "Person Observer's Organization Name")
PERSON_OBSERVER_ROLE = _dcm("121011", "Person Observer's Role in this Procedure")
VERIFYING = _dcm("121098", "Verifying")  # CID 7453
CONCLUSION = _dcm("121077", "Conclusion")
AGREEMENT = _dcm("122775", "Agreement with prior findings")
DISAGREEMENT = _dcm("122776", "Disagreement with prior findings")

# Rejection note: CID 7010, the titles that IHE RAD IOCM uses.
REJECTED_FOR_QUALITY = _dcm("113001", "Rejected for Quality Reasons")
REJECTED_FOR_PATIENT_SAFETY = _dcm("113037", "Rejected for Patient Safety Reasons")

# Segmentation and presentation state: CID 217 for the kind of map.
CLASS_ACTIVATION = _dcm("130402", "Class activation")
SPATIAL_CONCEPT = _sct("309825002", "Spatial and Relational Concept")  # CID 7150
