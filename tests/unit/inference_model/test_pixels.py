"""Stored values become displayed grey as PS3.3 says; expected values come from pydicom."""

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import HTJ2K, UID, HTJ2KLossless, HTJ2KLosslessRPCL

from inference.errors import PixelsUnreadable, PixelsUnsupported
from inference.pixels import read_pixels, read_raster
from tests.builders.radiographs import WHITE, drawn_chest, radiograph
from training.samples import as_png

CLOSE = 1e-6


def a_radiograph(**changes: Any) -> Dataset:
    return radiograph("CR", **changes)


def pydicom_grey(ds: Dataset, *, low: float = 0, high: float = WHITE) -> np.ndarray:
    """The same pipeline by pydicom, in float64, before inversion."""
    values = apply_voi_lut(apply_modality_lut(ds.pixel_array, ds), ds, index=0)
    return (np.asarray(values, dtype=np.float64) - low) / (high - low)


def test_shape_is_rows_by_columns_and_the_bright_corner_stays_up_left() -> None:
    grey = read_pixels(a_radiograph(WindowCenter=2048, WindowWidth=4096))

    assert grey.shape == drawn_chest().shape
    assert grey.dtype == np.float32
    assert grey[2, 2] > 0.9
    assert grey[-3, 2] < 0.9
    assert grey[2, -3] < 0.9


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("centre", "width"), [(1800, 1500), (2048, 4096), (900.5, 2)])
def test_window_equals_pydicom(function: str, centre: float, width: float) -> None:
    ds = a_radiograph(WindowCenter=centre, WindowWidth=width, VOILUTFunction=function)

    assert np.abs(read_pixels(ds) - pydicom_grey(ds)).max() < CLOSE


def test_window_equals_the_formula_of_the_standard_by_hand() -> None:
    ds = a_radiograph(
        pixels=np.array([[0, 1000], [1500, 2000], [2001, 4095]], dtype=np.uint16),
        WindowCenter=1500,
        WindowWidth=1001,
    )

    # C.11.2.1.2.1: x <= c - 0.5 - (w - 1) / 2 is black, x > c - 0.5 + (w - 1) / 2 is white.
    expected = [[0, 0.0005], [0.5005, 1.0], [1.0, 1.0]]
    assert read_pixels(ds) == pytest.approx(np.array(expected), abs=1e-6)


def test_first_of_several_windows_is_used() -> None:
    several = a_radiograph(WindowCenter=[1800, 300], WindowWidth=[1500, 10])
    one = a_radiograph(WindowCenter=1800, WindowWidth=1500)

    assert np.array_equal(read_pixels(several), read_pixels(one))


def test_rescale_comes_before_the_window() -> None:
    ds = a_radiograph(
        RescaleSlope=2,
        RescaleIntercept=-1000,
        RescaleType="US",
        WindowCenter=2600,
        WindowWidth=3000,
    )
    span = (-1000.0, 2 * WHITE - 1000.0)

    assert np.abs(read_pixels(ds) - pydicom_grey(ds, low=span[0], high=span[1])).max() < CLOSE


def test_monochrome1_is_inverted_against_the_window_not_the_content() -> None:
    plain = read_pixels(a_radiograph(WindowCenter=1800, WindowWidth=3000))
    inverse = read_pixels(
        a_radiograph(WindowCenter=1800, WindowWidth=3000, PhotometricInterpretation="MONOCHROME1")
    )

    assert np.abs(inverse - (1 - plain)).max() < CLOSE
    assert inverse.max() < 1.0  # content does not reach the end of the window, nor does the result


def test_inverse_shape_is_inverted_once_even_with_monochrome1() -> None:
    shape_only = read_pixels(a_radiograph(PresentationLUTShape="INVERSE"))
    both = read_pixels(
        a_radiograph(PresentationLUTShape="INVERSE", PhotometricInterpretation="MONOCHROME1")
    )

    assert np.array_equal(shape_only, both)
    assert shape_only[2, 2] < 0.1


def test_without_window_the_full_range_of_the_stored_bits_counts() -> None:
    ds = a_radiograph(WindowCenter=None, WindowWidth=None)

    assert np.abs(read_pixels(ds) - drawn_chest() / WHITE).max() < CLOSE


def test_window_of_no_width_is_ignored() -> None:
    assert np.array_equal(
        read_pixels(a_radiograph(WindowCenter=100, WindowWidth=0)),
        read_pixels(a_radiograph(WindowCenter=None, WindowWidth=None)),
    )


def lut_item(entries: np.ndarray, first: int, bits: int) -> Dataset:
    item = Dataset()
    item.add_new(0x00283002, "US", [len(entries), first, bits])
    item.add_new(0x00283006, "US", [int(entry) for entry in entries])
    return item


@pytest.mark.parametrize("bits", [12, 16])
def test_voi_table_equals_pydicom_and_wins_over_the_window(bits: int) -> None:
    entries = (np.linspace(0, 1, 3000) ** 2 * (2**bits - 1)).astype(int)
    ds = a_radiograph(
        VOILUTSequence=[lut_item(entries, 500, bits)], WindowCenter=10, WindowWidth=20
    )

    assert np.abs(read_pixels(ds) - pydicom_grey(ds, high=2**bits - 1)).max() < CLOSE


@pytest.mark.parametrize("vr", ["OW", "US"])
def test_voi_table_of_8_bits_is_unpacked(vr: str) -> None:
    entries = (np.linspace(0, 1, 4096) ** 2 * 255).astype(np.uint8)
    item = lut_item(np.zeros(4096), 0, 8)
    packed = entries.tobytes()
    item.add_new(0x00283006, vr, packed if vr == "OW" else entries.view("<u2").tolist())

    grey = read_pixels(a_radiograph(VOILUTSequence=[item]))

    assert np.abs(grey - entries[drawn_chest()] / 255).max() < CLOSE


def test_modality_table_of_12_bits_is_read_although_pydicom_refuses_it() -> None:
    entries = np.arange(WHITE, -1, -1)  # turns the grey scale round
    ds = a_radiograph(
        ModalityLUTSequence=[lut_item(entries, 0, 12)], WindowCenter=2048, WindowWidth=4096
    )

    assert np.abs(read_pixels(ds) - (1 - drawn_chest() / WHITE)).max() < CLOSE


def test_signed_pixels_are_looked_up_from_their_lowest_value() -> None:
    signed = (drawn_chest().astype(np.int32) - 2048).astype(np.int16)
    ds = a_radiograph(
        pixels=signed.view(np.uint16) & 0x0FFF,
        PixelRepresentation=1,
        WindowCenter=0,
        WindowWidth=4096,
    )

    assert np.abs(read_pixels(ds) - drawn_chest() / WHITE).max() < CLOSE


def test_padding_is_black_in_monochrome1() -> None:
    pixels = drawn_chest()
    pixels[-5:, :] = 0
    ds = a_radiograph(pixels=pixels, PhotometricInterpretation="MONOCHROME1", PixelPaddingValue=0)

    assert read_pixels(ds)[-5:].max() == 0.0


@pytest.mark.parametrize(
    "changes",
    [
        {"PixelData": b""},
        {"PixelData": b"\0" * 100},
        {"PixelData": None},
        {"Rows": None},
        {"BitsAllocated": None},
    ],
    ids=["empty", "truncated", "missing", "no rows", "no depth"],
)
def test_unreadable_pixels_are_named_so(changes: dict[str, Any]) -> None:
    with pytest.raises(PixelsUnreadable):
        read_pixels(a_radiograph(**changes))


def test_truncated_compressed_pixels_are_named_unreadable(test_data: Path) -> None:
    ds = dcmread(test_data / "dicom_samples" / "RG1_J2KI.dcm")
    ds.PixelData = ds.PixelData[:2000]

    with pytest.raises(PixelsUnreadable):
        read_pixels(ds)


def encoded_by_openjph(stored: np.ndarray, folder: Path, *options: str) -> bytes:
    """A codestream of High-Throughput JPEG 2000 (ISO/IEC 15444-15)."""
    plain, encoded = folder / "plain.pgm", folder / "encoded.j2c"
    rows, columns = stored.shape
    # Netpbm writes the more significant byte first.
    header = f"P5 {columns} {rows} {stored.max()}\n".encode()
    plain.write_bytes(header + stored.astype(">u2").tobytes())
    command = ["ojph_compress", "-i", str(plain), "-o", str(encoded), *options]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return encoded.read_bytes()


@pytest.mark.peer("openjph")
@pytest.mark.parametrize(
    ("syntax", "options", "most_off"),
    [
        (HTJ2KLossless, ("-reversible", "true", "-prog_order", "LRCP"), 0),
        (HTJ2KLosslessRPCL, ("-reversible", "true", "-prog_order", "RPCL"), 0),
        (HTJ2K, ("-qstep", "0.0001"), 8),
    ],
)
def test_high_throughput_jpeg_2000_is_read(
    tmp_path: Path, syntax: UID, options: tuple[str, ...], most_off: int
) -> None:
    plain = a_radiograph()
    stored = plain.pixel_array
    ds = a_radiograph()
    ds.file_meta.TransferSyntaxUID = syntax
    ds.PixelData = encapsulate([encoded_by_openjph(stored, tmp_path, *options)])
    ds["PixelData"].VR = "OB"

    off = np.abs(pixel_array(ds).astype(np.int32) - stored)
    assert off.max() <= most_off
    assert np.abs(read_pixels(ds) - read_pixels(plain)).max() <= most_off / WHITE + CLOSE


@pytest.mark.parametrize(
    "changes",
    [
        {"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3},
        {"NumberOfFrames": 2},
        {"PhotometricInterpretation": "PALETTE COLOR"},
    ],
    ids=["colour", "frames", "palette"],
)
def test_unsupported_pixels_are_named_so(changes: dict[str, Any]) -> None:
    with pytest.raises(PixelsUnsupported):
        read_pixels(a_radiograph(**changes))


@pytest.mark.data
def test_a_real_monochrome1_radiograph_has_dark_lungs_and_a_bright_spine(test_data: Path) -> None:
    grey = read_pixels(dcmread(test_data / "dicom_samples" / "RG1_J2KI.dcm"))

    assert grey.shape == (1955, 1841)
    assert grey[700:1000, 900:960].mean() > grey[700:1000, 500:700].mean() + 0.1


def test_raster_keeps_orientation_and_scale() -> None:
    picture = (drawn_chest() >> 4).astype(np.uint8)

    assert np.array_equal(read_raster(as_png(picture)) * 255, picture.astype(np.float32))


def test_colour_raster_is_weighted_to_grey() -> None:
    import io

    stream = io.BytesIO()
    Image.new("RGB", (5, 3), (255, 0, 0)).save(stream, format="PNG")

    grey = read_raster(stream.getvalue())
    assert grey.shape == (3, 5)
    assert grey[0, 0] == pytest.approx(0.299, abs=1 / 255)  # ITU-R BT.601


@pytest.mark.parametrize("data", [b"", b"DICM", b"\xff\xd8\xff\xe0 broken"])
def test_broken_raster_is_named_unreadable(data: bytes) -> None:
    with pytest.raises(PixelsUnreadable):
        read_raster(data)


def test_truncated_raster_is_named_unreadable() -> None:
    whole = as_png((drawn_chest() >> 4).astype(np.uint8))

    with pytest.raises(PixelsUnreadable):
        read_raster(whole[: len(whole) // 2])
