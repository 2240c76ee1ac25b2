"""The one grey scale of model and reader at its edges; expected values are written out by hand."""

import numpy as np
import pytest
from pydicom import Dataset, FileDataset
from pydicom.pixels.utils import pixel_array

from api.images.shown import show
from inference.grey_scale import PresetKind, default_preset, presets, window_function
from inference.lookup import read_table
from inference.pixels import read_pixels
from tests.builders.grey_scales import a_radiograph, a_table, encoded


def packed_table(vr: str, *, is_big_endian: bool = False) -> Dataset:
    """Four entries of 8 bits, two in each word, PS3.3 C.11.1.1.1: 10, 20, 30, 40."""
    words = [20 << 8 | 10, 40 << 8 | 30]
    item = Dataset()
    item.add_new(0x00283002, "US", [4, 0, 8])
    order = ">u2" if is_big_endian else "<u2"
    content = np.array(words, dtype=order).tobytes() if vr == "OW" else words
    item.add_new(0x00283006, vr, content)
    return item


@pytest.mark.parametrize("vr", ["OW", "US"])
def test_two_short_entries_in_a_word_are_read_low_byte_first(vr: str) -> None:
    assert read_table(packed_table(vr), a_radiograph()).entries.tolist() == [10, 20, 30, 40]


def test_short_entries_of_a_big_endian_file_keep_their_order() -> None:
    ds = a_radiograph()
    ds.set_original_encoding(is_implicit_vr=False, is_little_endian=False)
    table = read_table(packed_table("OW", is_big_endian=True), ds)
    assert table.entries.tolist() == [10, 20, 30, 40]


@pytest.mark.parametrize("descriptor", [[5, 0, 8], [4, 0, 0]], ids=["too short", "no bits"])
def test_a_contradictory_table_is_refused(descriptor: list[int]) -> None:
    item = packed_table("OW")
    item.LUTDescriptor = descriptor
    with pytest.raises(ValueError, match="descriptor"):
        read_table(item, a_radiograph())


def test_a_linear_window_of_width_one_is_a_step_in_the_middle() -> None:
    """PS3.3 C.11.2.1.2.1: black up to c - 0.5, white above."""
    values = [98.0, 99.5, 99.6, 101.0]
    assert window_function(values, 100, 1, "LINEAR").tolist() == [0, 0, 1, 1]


def test_a_sigmoid_far_from_its_window_is_black_and_white_without_a_warning() -> None:
    assert window_function([-1e6, 0.0, 1e6], 0, 2, "SIGMOID").tolist() == [0, 0.5, 1]


def test_a_window_of_more_digits_than_a_decimal_string_has_is_taken() -> None:
    centre, width = 1000 / 3, 2000 / 7
    grey = window_function([300.0], centre, width, "LINEAR_EXACT")
    assert grey == pytest.approx((300 - centre) / width + 0.5, abs=1e-9)


def narrow() -> FileDataset:
    """Modality values from 0 to 1, and a window inside; only LINEAR may not be so narrow."""
    return a_radiograph(
        RescaleSlope=str(1 / 4096)[:16],
        RescaleIntercept="0",
        WindowCenter="0.5",
        WindowWidth="0.25",
        VOILUTFunction="LINEAR_EXACT",
    )


def test_an_exact_window_narrower_than_one_is_used() -> None:
    ds = narrow()
    values = pixel_array(ds) / 4096
    expected = ((values - 0.5) / 0.25 + 0.5).clip(0, 1)
    assert np.abs(read_pixels(ds) - expected).max() < 1e-6


def test_an_unusable_first_window_leaves_the_second() -> None:
    ds = a_radiograph(WindowCenter=[100, 1800], WindowWidth=[0, 2600])
    only = a_radiograph(WindowCenter=1800, WindowWidth=2600)
    assert np.array_equal(read_pixels(ds), read_pixels(only))
    assert [preset.position for preset in presets(ds)] == [1]


def test_an_unknown_function_counts_as_linear() -> None:
    ds = a_radiograph(WindowCenter=1800, WindowWidth=2600, VOILUTFunction="CUBIC")
    assert default_preset(ds).function == "LINEAR"


def test_without_any_preset_the_default_is_the_full_range() -> None:
    ds = a_radiograph(WindowCenter=100, WindowWidth=0)
    assert default_preset(ds).kind is PresetKind.FULL_RANGE
    assert presets(ds) == (default_preset(ds),)


@pytest.mark.parametrize(
    "ds",
    [
        narrow(),
        a_radiograph(WindowCenter=[100, 1800], WindowWidth=[0, 2600]),
        a_radiograph(RescaleSlope="2", WindowCenter=3000, WindowWidth=2000),
        a_radiograph(RescaleIntercept="-1024", WindowCenter=700, WindowWidth=2000),
        a_radiograph(WindowCenter=900, WindowWidth=1),
        a_radiograph(WindowCenter=900, WindowWidth=500, VOILUTFunction="CUBIC"),
        a_radiograph(VOILUTSequence=a_table(16, first=500, count=1000)),
        a_radiograph(bits=10, is_signed=True, PhotometricInterpretation="MONOCHROME1"),
    ],
    ids=["narrow", "second", "slope", "intercept", "step", "unknown", "short table", "signed"],
)
def test_the_reader_sees_what_the_model_saw_at_the_edges_too(ds: FileDataset) -> None:
    image = show(encoded(ds))
    shown = image.grey_tables[0][image.pixels]
    assert np.abs(shown - read_pixels(ds) * 255.0).max() <= 0.5 + 1e-3
