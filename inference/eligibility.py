"""May this image be scored, and what must be said beside the score? Pure functions of the header.

Unknown means refuse, with three exceptions that the Standard makes: the projection may be absent
(type 2 in CR, type 3 in DX), then the score carries a statement; the coded body part may be absent,
then a description has to name the chest; and the lossy flag may be absent.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import (
    JPEG2000,
    UID,
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
    SecondaryCaptureImageStorage,
)

from archive.records import Refusal
from inference import header
from inference.bundle import Population
from inference.statements import Statement

# SOP classes whose pixels are made to be looked at, with the modalities they may name. DX For
# Processing is left out: it holds raw detector values, not the grey values the model knows.
MODALITIES = {
    ComputedRadiographyImageStorage: frozenset({"CR", "DX"}),
    DigitalXRayImageStorageForPresentation: frozenset({"DX", "CR"}),
    # Digitised film and converted teaching files.
    SecondaryCaptureImageStorage: frozenset({"CR", "DX", "RG", "OT"}),
}
# Body Part Examined, PS3.16 Annex L, and what vendors write instead. CHESTABDOMEN and the like do
# not match: the model never saw one.
CHEST_NAME = re.compile(r"(CHEST|THORAX|TORAX|LUNGS?)([ _-](AP|PA))?")
# Anatomic Region (CID 4031): thorax, chest, thoracic cavity, lung; SNOMED CT and the older SRT.
CHEST_CODES = frozenset(
    {"816094009", "51185008", "43799004", "39607008", "T-D3000", "T-D3200", "T-28000"}
)
CHEST_WORDS = re.compile(r"\b(CHEST|THORAX|T[OÓ]RAX|THORACIC|LUNGS?|PULMON\w*|CXR)\b")
# Words that make a description say something else than a plain chest radiograph.
OTHER_WORDS = re.compile(
    r"\b(SPINE|RIBS?|ABDOM\w*|STERNUM|CLAVIC\w*|SHOULDER|HUMERUS|NECK|COLUMNA|COSTILLAS?|PELVIS"
    r"|HAND|WRIST|FOOT|KNEE|HIP|LEG|ARM|SKULL|BABYGRAM)\b"
)
DESCRIPTIONS = ("SeriesDescription", "ProtocolName", "StudyDescription")
# View Position (0018,5101).
FRONTAL_POSITIONS = {"AP": "AP", "PA": "PA"}
# View Code (CID 4010): antero-posterior, postero-anterior; SNOMED CT and the older SRT.
FRONTAL_CODES = {
    "399348003": "AP",
    "R-10206": "AP",
    "272479007": "PA",
    "R-10214": "PA",
    "R-40888": "PA",
    "399033003": "",  # frontal, side not said
    "R-10202": "",
}
LATERAL_WORDS = re.compile(
    r"\b(LATERAL|LAT|LL|RL|DECUB\w*|OBLIQUE|OBL|LORDOTIC|OBLICUA|DECÚBITO)\b"
)
# A frontal view's rows run from one side of the patient to the other, its columns down or up.
FRONTAL_ROW_STARTS = frozenset("LR")
FRONTAL_COLUMN_STARTS = frozenset("FH")

GREYSCALE = frozenset({"MONOCHROME1", "MONOCHROME2"})
BITS_ALLOCATED = frozenset({8, 16})
FEWEST_BITS_STORED = 6
# Half of the model's input of 224 pixels: below, the resize invents most of what the model sees.
SHORTEST_SIDE_PIXELS = 112
# Beyond any chest detector (43 x 43 cm at 0.05 mm is 8600 pixels a side).
LONGEST_SIDE_PIXELS = 10_000
LOSSY_SYNTAXES = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless})

# Grey values below this share of full scale apart are one tone.
LEAST_CONTRAST_FRACTION = 0.02
CONTRAST_SAMPLES = 65_536


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether one image may be scored."""

    refusal: Refusal | None = None
    detail: str = ""
    """Element and value that led to the refusal; no words, so it needs no translation."""
    statements: tuple[Statement, ...] = ()


def examine(ds: Dataset, population: Population) -> Verdict:
    """Judge one image by its header.

    Parameters
    ----------
    ds
        A received object with its file meta; neither read for pixels nor changed.
    population
        Whom the model was made for.
    """
    for check in _CHECKS:
        refused = check(ds)
        if refused is not None:
            return refused
    return Verdict(statements=_statements(ds, population))


def has_contrast(image: np.ndarray) -> bool:
    """Tell an image from an empty one.

    Parameters
    ----------
    image
        (rows, columns), float in [0, 1].
    """
    step = max(1, int((image.size / CONTRAST_SAMPLES) ** 0.5))
    low, high = np.percentile(image[::step, ::step], (1, 99))
    return bool(high - low >= LEAST_CONTRAST_FRACTION)


def foremost(refusals: Sequence[Refusal]) -> Refusal:
    """Pick the refusal that says most about a study none of whose images may be scored.

    The later an image fell out of the examination, the nearer it was to being scored.
    """
    order = list(Refusal)
    return max(refusals, key=order.index, default=Refusal.NO_IMAGE)


def _sop_class(ds: Dataset) -> Verdict | None:
    sop_class_uid = header.text(ds, "SOPClassUID")
    if sop_class_uid not in MODALITIES:
        return Verdict(refusal=Refusal.WRONG_SOP_CLASS, detail=f"SOPClassUID {sop_class_uid[:64]}")
    intent = header.text(ds, "PresentationIntentType").upper()
    if intent not in {"", "FOR PRESENTATION"}:
        return Verdict(
            refusal=Refusal.WRONG_SOP_CLASS, detail=f"PresentationIntentType {intent[:16]}"
        )
    return None


def _modality(ds: Dataset) -> Verdict | None:
    modality = header.text(ds, "Modality").upper()
    if modality not in MODALITIES[UID(header.text(ds, "SOPClassUID"))]:
        return _refuse(ds, Refusal.WRONG_MODALITY, "Modality")
    return None


def _body_part(ds: Dataset) -> Verdict | None:
    named = [part.upper() for part in header.texts(ds, "BodyPartExamined")]
    coded = set(header.code_values(ds, "AnatomicRegionSequence"))
    if not all(CHEST_NAME.fullmatch(part) for part in named):
        return _refuse(ds, Refusal.WRONG_BODY_PART, "BodyPartExamined")
    if not coded <= CHEST_CODES:
        return Verdict(
            refusal=Refusal.WRONG_BODY_PART, detail=f"AnatomicRegionSequence {min(coded)[:16]}"
        )
    if named or coded or _describes_chest(ds):
        return None
    return _refuse(ds, Refusal.WRONG_BODY_PART, "BodyPartExamined")


def _describes_chest(ds: Dataset) -> bool:
    described = " ".join(header.text(ds, keyword) for keyword in DESCRIPTIONS).upper()
    described = described.replace("_", " ")
    return bool(CHEST_WORDS.search(described)) and not OTHER_WORDS.search(described)


def _projection(ds: Dataset) -> Verdict | None:
    position = header.text(ds, "ViewPosition").upper()
    if position and position not in FRONTAL_POSITIONS:
        return _refuse(ds, Refusal.NOT_FRONTAL, "ViewPosition")
    coded = set(header.code_values(ds, "ViewCodeSequence"))
    if not coded <= FRONTAL_CODES.keys():
        return Verdict(refusal=Refusal.NOT_FRONTAL, detail=f"ViewCodeSequence {min(coded)[:16]}")
    if not _lies_frontal(ds):
        return _refuse(ds, Refusal.NOT_FRONTAL, "PatientOrientation")
    described = header.text(ds, "SeriesDescription").upper().replace("_", " ")
    if not position and not coded and LATERAL_WORDS.search(described):
        return Verdict(refusal=Refusal.NOT_FRONTAL, detail="SeriesDescription")
    return None


def _lies_frontal(ds: Dataset) -> bool:
    """Patient Orientation (0020,0020) is absent, or does not contradict a frontal view."""
    orientation = [value.upper() for value in header.texts(ds, "PatientOrientation")]
    if len(orientation) != 2:
        return True
    row, column = orientation
    return row[0] in FRONTAL_ROW_STARTS and column[0] in FRONTAL_COLUMN_STARTS


def _frames(ds: Dataset) -> Verdict | None:
    if header.text(ds, "NumberOfFrames") not in {"", "1"}:
        return _refuse(ds, Refusal.MULTI_FRAME, "NumberOfFrames")
    return None


def _greyscale(ds: Dataset) -> Verdict | None:
    if header.whole_number(ds, "SamplesPerPixel") != 1:
        return _refuse(ds, Refusal.NOT_GREYSCALE, "SamplesPerPixel")
    if header.text(ds, "PhotometricInterpretation").upper() not in GREYSCALE:
        return _refuse(ds, Refusal.NOT_GREYSCALE, "PhotometricInterpretation")
    return None


def _size(ds: Dataset) -> Verdict | None:
    for keyword in ("Rows", "Columns"):
        side = header.whole_number(ds, keyword)
        if side is None or side < SHORTEST_SIDE_PIXELS:
            return _refuse(ds, Refusal.TOO_SMALL, keyword)
        if side > LONGEST_SIDE_PIXELS:
            return _refuse(ds, Refusal.TOO_LARGE, keyword)
    return None


def _bits(ds: Dataset) -> Verdict | None:
    allocated = header.whole_number(ds, "BitsAllocated")
    stored = header.whole_number(ds, "BitsStored")
    if allocated not in BITS_ALLOCATED:
        return _refuse(ds, Refusal.PIXELS_UNREADABLE, "BitsAllocated")
    if stored is None or not FEWEST_BITS_STORED <= stored <= (allocated or 0):
        return _refuse(ds, Refusal.PIXELS_UNREADABLE, "BitsStored")
    return None


def _pixels_present(ds: Dataset) -> Verdict | None:
    if "PixelData" not in ds:
        return Verdict(refusal=Refusal.PIXELS_UNREADABLE, detail="PixelData -")
    return None


# In the order of `Refusal`: the first that refuses is the one that is told.
_CHECKS: tuple[Callable[[Dataset], Verdict | None], ...] = (
    _sop_class,
    _modality,
    _body_part,
    _projection,
    _frames,
    _greyscale,
    _size,
    _bits,
    _pixels_present,
)


def _refuse(ds: Dataset, refusal: Refusal, keyword: str) -> Verdict:
    value = "\\".join(header.texts(ds, keyword))[:32]
    return Verdict(refusal=refusal, detail=f"{keyword} {value or '-'}")


def _statements(ds: Dataset, population: Population) -> tuple[Statement, ...]:
    found = [*_age_statements(ds, population), *_view_statements(ds, population)]
    if _is_lossy(ds):
        found.append(Statement.LOSSY_COMPRESSION)
    if header.text(ds, "SOPClassUID") == SecondaryCaptureImageStorage:
        found.append(Statement.SECONDARY_CAPTURE)
    if not (header.texts(ds, "BodyPartExamined") or header.items(ds, "AnatomicRegionSequence")):
        found.append(Statement.BODY_PART_FROM_DESCRIPTION)
    if header.text(ds, "BurnedInAnnotation").upper() == "YES":
        found.append(Statement.BURNED_IN_ANNOTATION)
    return tuple(found)


def _age_statements(ds: Dataset, population: Population) -> list[Statement]:
    age = header.age_years(ds)
    if age is None:
        return [Statement.AGE_UNKNOWN]
    # "1 to 5 years" counts birthdays: a child is five until the sixth.
    if not population.min_age_years <= age < population.max_age_years + 1:
        return [Statement.AGE_OUTSIDE_POPULATION]
    return []


def _view_statements(ds: Dataset, population: Population) -> list[Statement]:
    view = FRONTAL_POSITIONS.get(header.text(ds, "ViewPosition").upper(), "")
    coded = [FRONTAL_CODES.get(code, "") for code in header.code_values(ds, "ViewCodeSequence")]
    views = {name for name in (view, *coded) if name}
    if not views:
        return [Statement.VIEW_UNKNOWN]
    return [] if views == {population.view} else [Statement.VIEW_OUTSIDE_POPULATION]


def _is_lossy(ds: Dataset) -> bool:
    syntax = getattr(getattr(ds, "file_meta", None), "TransferSyntaxUID", None)
    flag = header.text(ds, "LossyImageCompression")
    # JPEG 2000 (.91) may be lossless too; it counts as lossy unless the flag denies it.
    return flag == "01" or syntax in LOSSY_SYNTAXES or (syntax == JPEG2000 and flag != "00")
