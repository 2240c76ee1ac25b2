"""The heat map as a Secondary Capture, which every PACS can show (PS3.3 A.8.1).

It carries the result in words below the image, because common viewers do not render an image-level
structured report; a class activation is an explanation, not a segmentation.
"""

from datetime import datetime

from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from inference import header
from inference.explanation import HeatMap
from inference.report import codes, words
from inference.report.author import Author
from inference.report.document import add_equipment, add_times, file_meta
from inference.report.evidence import (
    CHARACTER_SET,
    patient_and_study,
    reference_to,
    sop_reference,
)
from inference.report.uids import Kind, of_model

SERIES_NUMBER = 9902
BITS_PER_SAMPLE = 8


def heat_map_image(
    source: Dataset, heat_map: HeatMap, author: Author, *, number: int, made_at: datetime
) -> Dataset:
    """Put a drawn heat map into an object of its own, in the study of its source.

    Parameters
    ----------
    source
        Header of the received image.
    number
        Position of the image in the report, from 1.
    """
    ds = patient_and_study(source)
    reference = reference_to(source)
    ds.SOPClassUID = SecondaryCaptureImageStorage
    ds.SOPInstanceUID = of_model(
        Kind.HEAT_MAP, author.model, [reference.key.sop_instance_uid, "|".join(author.form)]
    )
    ds.SeriesInstanceUID = of_model(
        Kind.SERIES_OF_HEAT_MAPS, author.model, [str(ds.StudyInstanceUID)]
    )
    ds.SpecificCharacterSet = CHARACTER_SET
    ds.Modality = "OT"
    ds.ConversionType = "WSD"
    ds.SeriesNumber = SERIES_NUMBER
    ds.InstanceNumber = number
    ds.SeriesDescription = words.HEAT_MAP_SERIES_DESCRIPTION[author.language]
    ds.ImageType = ["DERIVED", "SECONDARY"]
    # Laterality would be demanded of a part that is not known to be unpaired.
    ds.BodyPartExamined = "CHEST"
    ds.PatientOrientation = _orientation(source)
    ds.BurnedInAnnotation = "YES"
    ds.DerivationDescription = words.HEAT_MAP_DERIVATION[author.language]
    item = sop_reference(reference)
    item.PurposeOfReferenceCodeSequence = [codes.SOURCE_IMAGE]
    ds.SourceImageSequence = [item]
    add_times(ds, source, made_at)
    add_equipment(ds, author)
    _add_pixels(ds, heat_map, source)
    ds.file_meta = file_meta(ds)
    return ds


def _orientation(source: Dataset) -> list[str]:
    orientation = list(header.texts(source, "PatientOrientation"))
    return orientation if len(orientation) == 2 else []


def _add_pixels(ds: Dataset, heat_map: HeatMap, source: Dataset) -> None:
    ds.Rows, ds.Columns = heat_map.pixels.shape[:2]
    ds.SamplesPerPixel = 3
    ds.PhotometricInterpretation = "RGB"
    ds.PlanarConfiguration = 0
    ds.BitsAllocated = ds.BitsStored = BITS_PER_SAMPLE
    ds.HighBit = BITS_PER_SAMPLE - 1
    ds.PixelRepresentation = 0
    content = heat_map.pixels.tobytes()
    ds.PixelData = content + b"\0" * (len(content) % 2)
    spacing = header.positive_numbers(source, "ImagerPixelSpacing")
    if len(spacing) == 2:
        ds.NominalScannedPixelSpacing = [f"{one * heat_map.reduction:.6g}" for one in spacing]
