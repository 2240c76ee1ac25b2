"""The Grayscale Standard Display Function: which luminance a calibrated display shows (PS3.14).

What one step of grey should look like against the next, for people who measure their display.
"""

from dataclasses import dataclass
from math import log, log10

# PS3.14 section 7.1: luminance of a JND index, and the index of a luminance.
_A, _B, _C, _D, _E = -1.3011877, -2.5840191e-2, 8.0242636e-2, -1.0320229e-1, 1.3646699e-1
_F, _G, _H, _K, _M = 2.8745620e-2, -2.5468404e-2, -3.1978977e-3, 1.2992634e-4, 1.3635334e-3
_INVERSE = (
    71.498068,
    94.593053,
    41.912053,
    9.8247004,
    0.28175407,
    -1.1878455,
    -0.18014349,
    0.14710899,
    -0.017046845,
)
# The function holds from here to there, in cd/m2 (PS3.14 section 7.1).
LEAST_LUMINANCE, GREATEST_LUMINANCE = 0.05, 3993.404
# As many levels as the TG18-LN patterns have (AAPM Online Report 3, section 3.2.2).
LEVELS = 18
GREATEST_DRIVING_LEVEL = 255


@dataclass(frozen=True, kw_only=True)
class LevelToMeasure:
    """One grey, and what a photometer should read of it."""

    driving_level: int
    """What the display is given, 0 to 255."""
    jnd_index: float
    luminance: float
    """What the eye gets, in cd/m2, ambient light included."""
    measured: float
    """What a photometer on the glass reads, in cd/m2: without the ambient light."""


def luminance_of(jnd_index: float) -> float:
    """Return the luminance in cd/m2 of a JND index from 1 to 1023."""
    x = log(jnd_index)
    above = _A + _C * x + _E * x**2 + _G * x**3 + _M * x**4
    below = 1 + _B * x + _D * x**2 + _F * x**3 + _H * x**4 + _K * x**5
    return float(10 ** (above / below))


def jnd_index_of(luminance: float) -> float:
    """Return the JND index of a luminance in cd/m2."""
    x = log10(luminance)
    return sum(factor * x**power for power, factor in enumerate(_INVERSE))


def levels_to_measure(
    *, black: float, white: float, ambient: float = 0.0
) -> tuple[LevelToMeasure, ...]:
    """Return what a display should show of evenly spaced greys.

    Parameters
    ----------
    black, white
        Of the display, as measured in the dark, in cd/m2.
    ambient
        What the room's light adds on the glass, in cd/m2.

    Raises
    ------
    ValueError
        The function does not hold there, or black is not darker than white.
    """
    if not LEAST_LUMINANCE <= black + ambient < white + ambient <= GREATEST_LUMINANCE:
        raise ValueError("black is darker than white, and both within 0.05 to 3993 cd/m2")
    first, last = jnd_index_of(black + ambient), jnd_index_of(white + ambient)
    levels = []
    for number in range(LEVELS):
        index = first + (last - first) * number / (LEVELS - 1)
        luminance = luminance_of(index)
        levels.append(
            LevelToMeasure(
                driving_level=round(GREATEST_DRIVING_LEVEL * number / (LEVELS - 1)),
                jnd_index=index,
                luminance=luminance,
                measured=luminance - ambient,
            )
        )
    return tuple(levels)
