"""Grey tables: computed by pydicom in the web process, checked against the Standard's formulas and
against what the model is shown."""

import numpy as np
import pytest
from pydicom import FileDataset
from pydicom.pixels.utils import pixel_array

from api.errors import ImageNotShown
from api.images.shelf import ImageShelf
from api.images.shown import fit_level, packed, show
from inference.grey_scale import PresetKind
from inference.pixels import read_pixels
from tests.builders.grey_scales import COLUMNS, GREY_SCALES, ROWS, a_radiograph, encoded

HALF_A_STEP = 0.5 / 255 + 1e-6


def shown_grey(ds: FileDataset, preset: int = 0) -> np.ndarray:
    """The image as the viewer looks it up, (rows, columns), 0 to 255."""
    image = show(encoded(ds))
    return image.grey_tables[preset][image.pixels]


@pytest.mark.parametrize("name", GREY_SCALES)
def test_the_reader_sees_the_grey_that_the_model_saw(name: str) -> None:
    ds = GREY_SCALES[name]()
    expected = read_pixels(ds) * 255.0
    assert np.abs(shown_grey(ds) - expected).max() <= 0.5 + 1e-3


def test_a_linear_window_is_the_formula_of_the_standard() -> None:
    """PS3.3 C.11.2.1.2.1, written out."""
    ds = GREY_SCALES["linear window"]()
    x = pixel_array(ds).astype(float)
    expected = np.select(
        [x <= 1800 - 0.5 - 2599 / 2, x > 1800 - 0.5 + 2599 / 2],
        [0.0, 1.0],
        (x - (1800 - 0.5)) / 2599 + 0.5,
    )
    assert np.abs(shown_grey(ds) / 255 - expected).max() <= HALF_A_STEP


def test_a_sigmoid_window_is_the_formula_of_the_standard() -> None:
    """PS3.3 C.11.2.1.3.1, written out."""
    ds = GREY_SCALES["sigmoid window"]()
    x = pixel_array(ds).astype(float)
    expected = 1 / (1 + np.exp(-4 * (x - 1800) / 1500))
    assert np.abs(shown_grey(ds) / 255 - expected).max() <= HALF_A_STEP


def test_a_table_wins_over_a_window_and_both_are_offered() -> None:
    image = show(encoded(GREY_SCALES["table and window"]()))
    assert [preset.kind for preset in image.presets] == [PresetKind.VOI_LUT, PresetKind.WINDOW]
    assert [preset.name for preset in image.presets] == ["NORMAL", "Window 1"]


def test_every_window_is_a_preset_with_its_own_table() -> None:
    ds = GREY_SCALES["several windows"]()
    image = show(encoded(ds))
    assert [(p.name, p.centre, p.width) for p in image.presets] == [
        ("NORMAL", 1800.0, 2600.0),
        ("HARDER", 900.0, 700.0),
    ]
    ds.WindowCenter, ds.WindowWidth = 900, 700
    assert (image.grey_tables[1] == show(encoded(ds)).grey_tables[0]).all()


def test_monochrome1_is_the_mirror_of_monochrome2_and_not_inverted_twice() -> None:
    plain = shown_grey(GREY_SCALES["linear window"]())
    for name in ("inverted", "inverse presentation"):
        assert np.abs(shown_grey(GREY_SCALES[name]()) - (255.0 - plain)).max() <= 1


def test_padding_is_black_also_where_low_values_are_bright() -> None:
    ds = GREY_SCALES["padding"]()
    ds.PhotometricInterpretation = "MONOCHROME1"
    ds.PixelPaddingValue, ds.PixelPaddingRangeLimit = 0, 10
    stored = pixel_array(ds)
    assert (shown_grey(ds)[stored <= 10] == 0).all()
    assert (shown_grey(ds)[(stored > 10) & (stored < 400)] > 0).all()


def test_pixels_keep_their_place_and_their_bits() -> None:
    ds = a_radiograph(is_signed=True)
    image = show(encoded(ds))
    sent = np.frombuffer(packed(image.pixels), dtype="<u2").reshape(ROWS, COLUMNS)
    assert (sent.view(np.int16) == pixel_array(ds)).all()
    assert image.pixels[0, 0] == 2047


def test_eight_bit_images_are_sent_as_bytes() -> None:
    assert len(packed(show(encoded(a_radiograph(bits=8))).pixels)) == ROWS * COLUMNS


def test_a_large_image_has_a_first_look_of_stored_values_only() -> None:
    large = np.arange(5000 * 300, dtype=np.uint16).reshape(5000, 300) % 4096
    small = fit_level(large)
    assert max(small.shape) <= 2048
    assert small.shape == (1667, 100)
    assert set(np.unique(small)) <= set(np.unique(large))
    assert fit_level(large[:2048]) is not None
    assert fit_level(large[:2048]).shape == (2048, 300)


@pytest.mark.parametrize(
    ("elements", "spacing", "is_at_detector", "aspect"),
    [
        ({"PixelSpacing": [0.2, 0.1]}, (0.2, 0.1), False, 2.0),
        ({"ImagerPixelSpacing": [0.14, 0.14]}, (0.14, 0.14), True, 1.0),
        ({"PixelAspectRatio": [1, 2]}, (None, None), False, 0.5),
        ({"PixelSpacing": [0, 0]}, (None, None), False, 1.0),
        ({}, (None, None), False, 1.0),
    ],
)
def test_spacing_says_where_it_was_measured(
    elements: dict[str, object],
    spacing: tuple[float | None, float | None],
    is_at_detector: bool,
    aspect: float,
) -> None:
    geometry = show(encoded(a_radiograph(**elements))).geometry  # type: ignore[arg-type]
    assert (geometry.row_spacing_mm, geometry.column_spacing_mm) == spacing
    assert geometry.is_spacing_at_detector is is_at_detector
    assert geometry.pixel_aspect_ratio == pytest.approx(aspect)


def broken(**changes: object) -> bytes:
    ds = a_radiograph()
    for keyword, value in changes.items():
        setattr(ds, keyword, value)
    return encoded(ds)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no DICOM at all", "cannot be read"),
        (broken(PixelData=b"\0\0"), "cannot be decoded"),
        (broken(PhotometricInterpretation="RGB", SamplesPerPixel=3), "no grey image"),
        (broken(PixelData=b""), "no pixel data"),
    ],
)
def test_what_cannot_be_shown_says_why_without_patient_data(content: bytes, words: str) -> None:
    with pytest.raises(ImageNotShown, match=words) as caught:
        show(content)
    assert "Doe" not in caught.value.detail


def test_the_shelf_makes_each_image_once_and_forgets_the_longest_unused() -> None:
    image = show(encoded(a_radiograph()))
    made: list[str] = []
    shelf = ImageShelf(largest_bytes=2 * image.byte_count)

    def get(name: str) -> None:
        shelf.get(name, lambda: made.append(name) or image)  # type: ignore[func-returns-value]

    for name in ("a", "b", "a", "c", "a", "b"):
        get(name)
    assert made == ["a", "b", "c", "b"]
