"""Holds out a block of film numbers: validation that lies where the official test split lies.

The numbers in the file names run with time, and the official test split holds the lowest of each
series. A network that has not seen the next-lowest is therefore judged on other films than those it
knows, which validation by random patients never does.
"""

import re
from collections import defaultdict
from dataclasses import replace

from training.dataset import LOWEST_FILMS, NO_FOLD, VALIDATION_FOLD, Example, PreparedSet
from training.split import linked_groups

# `person12`, `IM-0115-0001`, `NORMAL2-IM-0501-0001`: the first number after a letter or its hyphen.
PATIENT_KEY = re.compile(r"^(?P<series>person|(?:NORMAL\d*-)?IM-)(?P<number>\d+)")


def lowest_films_held_out(prepared: PreparedSet, *, share: float) -> PreparedSet:
    """Make the lowest film numbers of each series the validation split; all others are trained on.

    Patients stay whole and byte-identical images together. The pixels are shared with the given
    set; its test split stays what it is.

    Parameters
    ----------
    share
        Of the official training images of each series, about so many are held out.
    """
    rows = [i for i, example in enumerate(prepared.examples) if example.fold != NO_FOLD]
    known = [prepared.examples[row] for row in rows]
    places = [_place(example) for example in known]
    limits = _limits(places, share)
    groups = linked_groups(known)
    held = {
        group
        for (series, number), group in zip(places, groups, strict=True)
        if number < limits[series]
    }
    examples = list(prepared.examples)
    for row, group in zip(rows, groups, strict=True):
        is_held = group in held
        split, fold = ("validation", VALIDATION_FOLD) if is_held else ("train", VALIDATION_FOLD + 1)
        examples[row] = replace(examples[row], split=split, fold=fold)
    return replace(prepared, examples=tuple(examples), held_out=LOWEST_FILMS)


def _limits(places: list[tuple[str, int]], share: float) -> dict[str, int]:
    """Of each series, the number from which on films are trained on."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for series, number in places:
        numbers[series].append(number)
    return {series: sorted(found)[int(len(found) * share)] for series, found in numbers.items()}


def _place(example: Example) -> tuple[str, int]:
    match = PATIENT_KEY.match(example.patient_key)
    if match is None:  # `kaggle.read_folder` lets no other key in
        raise ValueError(example.patient_key)
    return match["series"], int(match["number"])
