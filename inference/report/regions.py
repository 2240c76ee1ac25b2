"""The map as machines and presentation states want it; both off unless a site asks for them.

A class activation shows what the classifier used, not how far a disease reaches; both say so.
"""

from datetime import datetime
from typing import Any

import contourpy
import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.pr import (
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GrayscaleSoftcopyPresentationState,
)
from highdicom.seg import Segmentation, SegmentDescription
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless

from inference import header
from inference.report import codes, words
from inference.report.author import MANUFACTURER, Author
from inference.report.document import add_equipment, add_times
from inference.report.evidence import CHARACTER_SET, patient_and_study, reference_to
from inference.report.uids import Kind, of_model

SEGMENTATION_SERIES_NUMBER = 9904
OUTLINE_SERIES_NUMBER = 9905
LABEL = "AI_ACTIVATION"
# Half of the hottest: the contour that readers take for "where".
OUTLINE_LEVEL = 0.5
MOST_OUTLINE_POINTS = 200


def segmentation(
    source: Dataset,
    activation: np.ndarray,
    author: Author,
    *,
    number: int = 1,
    made_at: datetime,
) -> Dataset:
    """Build a fractional segmentation (PS3.3 A.51) on the grid of the received image.

    Parameters
    ----------
    activation
        (rows, columns) of the network's grid, float32 in [0, 1].
    number
        Position of the image in the report, from 1.
    """
    image = _image_header(source)
    said = words.REGION_DESCRIPTION[author.language]
    description = SegmentDescription(
        segment_number=1,
        segment_label=said,
        segmented_property_category=codes.SPATIAL_CONCEPT,
        segmented_property_type=codes.CLASS_ACTIVATION,
        algorithm_type="AUTOMATIC",
        algorithm_identification=AlgorithmIdentificationSequence(
            name=author.model.name,
            version=author.model.version,
            family=codes.ARTIFICIAL_INTELLIGENCE,
        ),
    )
    ds = Segmentation(
        source_images=[image],
        pixel_array=_on_image(activation, image),
        segmentation_type="FRACTIONAL",
        fractional_type="PROBABILITY",
        segment_descriptions=[description],
        content_label=LABEL,
        content_description=said,
        transfer_syntax_uid=RLELossless,
        omit_empty_frames=False,
        **_identity(source, author, Kind.SEGMENTATION, SEGMENTATION_SERIES_NUMBER, number),
    )
    # highdicom leaves it out, and Segmentation wants it of a projection (C.7.6.1).
    ds.PatientOrientation = image.PatientOrientation
    return _finished(ds, source, author, made_at)


def outline(
    source: Dataset,
    activation: np.ndarray,
    author: Author,
    *,
    number: int = 1,
    made_at: datetime,
) -> Dataset:
    """Build a presentation state that draws the map's contour (PS3.3 A.33.1).

    Parameters
    ----------
    activation
        (rows, columns) of the network's grid, float32 in [0, 1]; hot somewhere.
    number
        Position of the image in the report, from 1.
    """
    image = _image_header(source)
    said = words.REGION_DESCRIPTION[author.language]
    graphics = [
        GraphicObject("POLYLINE", points, units="PIXEL")
        for points in _contours(_on_image(activation, image))
    ]
    ds = GrayscaleSoftcopyPresentationState(
        referenced_images=[image],
        content_label=LABEL,
        content_description=said,
        graphic_layers=[(layer := GraphicLayer("AI", order=1, description=said))],
        graphic_annotations=[GraphicAnnotation([image], layer, graphic_objects=graphics)],
        concept_name=codes.CLASS_ACTIVATION,
        **_identity(source, author, Kind.OUTLINE, OUTLINE_SERIES_NUMBER, number),
    )
    ds.BodyPartExamined = "CHEST"  # else a laterality is demanded
    _finished(ds, source, author, made_at)
    del ds.ContentDate, ds.ContentTime  # a presentation state has a creation date instead
    ds.PresentationCreationDate = ds.InstanceCreationDate
    ds.PresentationCreationTime = ds.InstanceCreationTime
    return ds


def _identity(
    source: Dataset, author: Author, kind: Kind, series_number: int, number: int
) -> dict[str, Any]:  # keyword arguments of two constructors
    """Give what highdicom asks of every object."""
    received = reference_to(source).key
    return {
        "series_instance_uid": of_model(kind, author.model, ["series", received.study_uid]),
        "sop_instance_uid": of_model(
            kind, author.model, [received.sop_instance_uid, "|".join(author.form)]
        ),
        "series_number": series_number,
        "instance_number": number,
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": author.model.name,
        "software_versions": (author.software_version, author.model.version),
        "device_serial_number": author.device_serial_number,
    }


def _finished(ds: Dataset, source: Dataset, author: Author, made_at: datetime) -> Dataset:
    ds.SpecificCharacterSet = CHARACTER_SET
    ds.SeriesDescription = words.REGION_DESCRIPTION[author.language]
    add_equipment(ds, author)
    add_times(ds, source, made_at)
    return ds


def _image_header(source: Dataset) -> Dataset:
    """Make the cleaned header that highdicom works with; the received one is not touched."""
    image = patient_and_study(source)
    reference = reference_to(source)
    image.SOPClassUID = reference.sop_class_uid
    image.SOPInstanceUID = reference.key.sop_instance_uid
    image.SeriesInstanceUID = reference.key.series_uid
    image.SpecificCharacterSet = CHARACTER_SET
    image.Modality = header.text(source, "Modality")
    image.Rows, image.Columns = source.Rows, source.Columns
    image.BitsStored, image.SamplesPerPixel = source.BitsStored, source.SamplesPerPixel
    image.PhotometricInterpretation = source.PhotometricInterpretation
    image.PatientOrientation = list(header.texts(source, "PatientOrientation"))
    return image


def _on_image(activation: np.ndarray, image: Dataset) -> np.ndarray:
    """Interpolate the map to the image's own pixels, float32 in [0, 1]."""
    cells = Image.fromarray(np.asarray(activation, dtype=np.float32))
    size = (int(image.Columns), int(image.Rows))
    spread = np.asarray(cells.resize(size, Image.Resampling.BILINEAR))
    return np.asarray(spread.clip(0, 1), dtype=np.float32)


def _contours(spread: np.ndarray) -> list[np.ndarray]:
    """Lines of equal heat as (n, 2) columns and rows; pixel centres count from 0.5 (C.10.5)."""
    rows, columns = spread.shape
    # A cold rim closes every line, also where the heat reaches the image's edge or fills the image.
    lines = contourpy.contour_generator(z=np.pad(spread, 1)).lines(OUTLINE_LEVEL)
    drawn = [(np.asarray(line) - 0.5).clip(0, (columns, rows)) for line in lines if len(line) > 2]
    return [line[:: max(1, len(line) // MOST_OUTLINE_POINTS)] for line in drawn]
