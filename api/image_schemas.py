"""The JSON of one image for the viewer."""

from pydantic import Field

from api.images.shown import ShownImage
from api.schemas import ApiModel, Uid
from inference.grey_scale import PresetKind


class PresetBody(ApiModel):
    """One way to show the image that the object itself offers."""

    name: str
    kind: PresetKind
    centre: float | None = Field(description="In modality values; null for a table.")
    width: float | None
    function: str = Field(description="LINEAR, LINEAR_EXACT, SIGMOID; empty for a table.")
    table: str = Field(description="Address of its 65,536 grey bytes, one for each stored value.")


class LevelBody(ApiModel):
    """One size in which the pixels are sent."""

    name: str = Field(description="`fit` for a first look, `full` for every pixel.")
    rows: int
    columns: int
    bits: int = Field(description="8 or 16 for a pixel; 16-bit values have their low byte first.")
    pixels: str = Field(description="Address of the stored values.")


class DisplayBody(ApiModel):
    """What the viewer needs to know of an image before its pixels come."""

    sop_instance_uid: Uid
    rows: int
    columns: int
    row_spacing_mm: float | None
    column_spacing_mm: float | None
    is_spacing_at_detector: bool = Field(
        description="Lengths in the body are shorter than measured with it."
    )
    pixel_aspect_ratio: float = Field(description="Height of a pixel divided by its width.")
    is_inverse: bool
    presets: list[PresetBody] = Field(description="The object's default first.")
    modality: str = Field(
        description=(
            "Address of 65,536 little-endian 32-bit floats, one for each stored value; "
            "NaN where it is padding."
        )
    )
    levels: list[LevelBody] = Field(description="The smallest first.")
    heat_map: str | None = Field(description="Address of the heat map; null where there is none.")
    heat_map_threshold: float | None
    view_position: str
    patient_orientation: list[str]
    transfer_syntax_uid: Uid
    notes: list[str] = Field(description="What is to be said beside the image.")


def display_body(
    sop_instance_uid: str,
    image: ShownImage,
    *,
    fit_shape: tuple[int, int],
    heat_map_threshold: float | None,
) -> DisplayBody:
    """Return the JSON of an image.

    Parameters
    ----------
    sop_instance_uid
        Of the image.
    image
        Decoded.
    fit_shape
        Rows and columns of the first look.
    heat_map_threshold
        None where there is no heat map, or the site shows none.
    """
    address = f"/api/v1/instances/{sop_instance_uid}"
    bits = image.pixels.dtype.itemsize * 8
    geometry = image.geometry
    full_shape = (geometry.rows, geometry.columns)
    shapes = (
        {"full": full_shape}
        if fit_shape == full_shape
        else {
            "fit": fit_shape,
            "full": full_shape,
        }
    )
    return DisplayBody(
        sop_instance_uid=sop_instance_uid,
        rows=geometry.rows,
        columns=geometry.columns,
        row_spacing_mm=geometry.row_spacing_mm,
        column_spacing_mm=geometry.column_spacing_mm,
        is_spacing_at_detector=geometry.is_spacing_at_detector,
        pixel_aspect_ratio=geometry.pixel_aspect_ratio,
        is_inverse=image.is_inverse,
        presets=[
            PresetBody(
                name=preset.name,
                kind=preset.kind,
                centre=preset.centre,
                width=preset.width,
                function=preset.function,
                table=f"{address}/grey?preset={number}",
            )
            for number, preset in enumerate(image.presets)
        ],
        modality=f"{address}/modality",
        levels=[
            LevelBody(
                name=name,
                rows=rows,
                columns=columns,
                bits=bits,
                pixels=f"{address}/pixels?level={name}",
            )
            for name, (rows, columns) in shapes.items()
        ],
        heat_map=None if heat_map_threshold is None else f"{address}/heatmap",
        heat_map_threshold=heat_map_threshold,
        view_position=image.view_position,
        patient_orientation=list(image.patient_orientation),
        transfer_syntax_uid=image.transfer_syntax_uid,
        notes=list(image.notes),
    )
