"""Where in the image the evidence for pneumonia lies: class activation, drawn over the radiograph.

Class activation (CID 217, 130402) is exact for a network that ends in pooling and one linear layer:
the cells of the map add up to the score. It costs a weighted sum of features that the forward pass
made anyway. Knows arrays only, no DICOM.
"""

from dataclasses import dataclass
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

LONGEST_SIDE_PIXELS = 1200
# At full heat the colour covers this share of the grey below, so that anatomy stays visible.
HIGHEST_OPACITY = 0.45
# Cells below this share of the hottest one stay uncoloured.
LEAST_HEAT_FRACTION = 0.2
LEVELS = 256  # of grey and of heat
COOL = np.array((255, 230, 0), dtype=np.float32)  # yellow
HOT = np.array((255, 0, 0), dtype=np.float32)  # red
CAPTION_FONT = "mpl-data/fonts/ttf/DejaVuSans.ttf"
CAPTION_SHARE_OF_WIDTH = 0.026
SMALLEST_CAPTION_PIXELS = 11
CAPTION_GREY, CAPTION_BACKGROUND = 235, 20


@dataclass(frozen=True, kw_only=True)
class HeatMap:
    """A drawn explanation."""

    pixels: np.ndarray
    """(rows, columns, 3), uint8, RGB; the first `image_rows` rows show the image."""
    image_rows: int
    reduction: int
    """Pixels of the original along a side of one pixel of the image part."""


def activation_map(features: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weigh the last convolutional features by what they say for pneumonia.

    Parameters
    ----------
    features
        (width, rows, columns), float, of one image as it was given to the network.
    weights
        (width,), of each feature for pneumonia against normal.

    Returns
    -------
    numpy.ndarray
        (rows, columns), float32 in [0, 1]; the hottest cell is 1, evidence against is 0.
    """
    evidence = np.tensordot(weights, features, axes=1).clip(min=0)
    hottest = evidence.max()
    return np.asarray(evidence / hottest if hottest > 0 else evidence, dtype=np.float32)


def draw(grey: np.ndarray, activation: np.ndarray, caption: tuple[str, ...]) -> HeatMap:
    """Lay a map over its radiograph, with words below it.

    The preprocessing squashes the whole image into the network's square, so the map's cells divide
    the whole image evenly, whatever its shape.

    Parameters
    ----------
    grey
        (rows, columns), uint8, black is 0.
    activation
        (rows, columns) of the network's grid, float32 in [0, 1].
    caption
        Lines that stand below the image, outside of it; no patient data.
    """
    reduction = -(-max(grey.shape) // LONGEST_SIDE_PIXELS)
    small = np.asarray(Image.fromarray(grey).reduce(reduction))
    heat = _spread(activation, small.shape)
    image = np.take(_colours(), (heat.astype(np.uint16) << 8) | small, axis=0, mode="clip")
    strip = _caption(caption, image.shape[1])
    return HeatMap(
        pixels=np.concatenate([image, strip]), image_rows=len(image), reduction=reduction
    )


@cache
def _colours() -> np.ndarray:
    """Return what becomes of every grey at every heat: (256 * 256, 3), uint8, by heat, then grey.

    Looked up, because to calculate it for every pixel takes ten times as long.
    """
    heat = (np.arange(LEVELS, dtype=np.float32) / (LEVELS - 1))[:, None, None]
    grey = np.arange(LEVELS, dtype=np.float32)[None, :, None]
    opacity = np.where(heat >= LEAST_HEAT_FRACTION, HIGHEST_OPACITY * heat, 0.0)
    colour = COOL + heat * (HOT - COOL)
    painted = grey * (1 - opacity) + colour * opacity
    return np.asarray(painted.round(), dtype=np.uint8).reshape(LEVELS * LEVELS, 3)


def _spread(activation: np.ndarray, shown: tuple[int, ...]) -> np.ndarray:
    """Interpolate the map's cells, which divide the image evenly, to the shown pixels; uint8."""
    rows, columns = shown
    levels = np.asarray(activation * (LEVELS - 1)).round().astype(np.uint8)
    cells = Image.fromarray(levels)
    return np.asarray(cells.resize((columns, rows), Image.Resampling.BILINEAR))


def _caption(lines: tuple[str, ...], width: int) -> np.ndarray:
    size = max(SMALLEST_CAPTION_PIXELS, round(width * CAPTION_SHARE_OF_WIDTH))
    font = _font(size)
    wrapped = [part for line in lines for part in _wrap(line, font, width - size)]
    strip = Image.new("L", (width, round(size * 1.4) * len(wrapped) + size), CAPTION_BACKGROUND)
    pen = ImageDraw.Draw(strip)
    for number, line in enumerate(wrapped):
        place = (size // 2, size // 2 + number * round(size * 1.4))
        pen.text(place, line, fill=CAPTION_GREY, font=font)
    return np.repeat(np.asarray(strip)[..., None], 3, axis=2)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Load DejaVu Sans as matplotlib ships it: Pillow's own font has no accents."""
    package = PathFinder.find_spec("matplotlib")  # its folder; a worker does not import it
    if package is None or not package.submodule_search_locations:
        raise FileNotFoundError("matplotlib, whose font the captions use, is not installed")
    folder = Path(package.submodule_search_locations[0])
    return ImageFont.truetype(str(folder / CAPTION_FONT), size)


def _wrap(line: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    wrapped = [""]
    for word in line.split():
        longer = f"{wrapped[-1]} {word}".strip()
        if wrapped[-1] and font.getlength(longer) > width:
            wrapped.append(word)
        else:
            wrapped[-1] = longer
    return wrapped
