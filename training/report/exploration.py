"""The report's page of a folder of radiographs."""

import json
from pathlib import Path

import numpy as np

from training.disk import write_file
from training.explore import GREY_BINS, Exploration
from training.report import plots
from training.report.page import Page, Picture, ResultTable, save_page

PLACE = 10
NAME = "eda"
MOST_LISTED = 40


def save_exploration(found: Exploration, folder: Path) -> None:
    """Write the record, the pictures and the page; the sample grid shows patients."""
    record = {
        "counts": found.counts,
        "patients": found.patients,
        "patients_in_both": found.patients_in_both,
        "duplicates": found.duplicates,
    }
    write_file(folder / f"{NAME}.json", f"{json.dumps(record, indent=1)}\n".encode())
    contents = _contents(found)
    page = Page(
        title="The images",
        place=PLACE,
        paragraphs=(
            f"{len(found.duplicates)} groups of byte-identical images. "
            f"{len(found.patients_in_both)} patient keys stand in both official splits; whether "
            "they are the same children is not known.",
        ),
        tables=(_counts(found), _groups(found)),
        pictures=tuple(
            Picture(title=title, file=file, shows_patients=file == "eda-samples.png")
            for file, (title, _) in contents.items()
        ),
    )
    save_page(page, folder, NAME, {file: drawn for file, (_, drawn) in contents.items()})


def _counts(found: Exploration) -> ResultTable:
    names = next(iter(found.counts.values()))
    return ResultTable(
        title="Images and patient keys",
        columns=("split", *names, "images", "patient keys"),
        rows=tuple(
            (
                split,
                *map(str, counts.values()),
                str(sum(counts.values())),
                str(found.patients[split]),
            )
            for split, counts in found.counts.items()
        ),
    )


def _groups(found: Exploration) -> ResultTable:
    return ResultTable(
        title=f"Byte-identical images (the first {MOST_LISTED} groups)",
        columns=("group", "images"),
        rows=tuple(
            (str(number), " = ".join(group))
            for number, group in enumerate(found.duplicates[:MOST_LISTED], start=1)
        ),
    )


def _contents(found: Exploration) -> dict[str, tuple[str, bytes]]:
    greys = (np.arange(GREY_BINS) + 0.5) / GREY_BINS
    outlines = {name: (greys, shares) for name, shares in found.histograms.items()}
    shapes = {
        "rows (pixels)": found.rows,
        "columns / rows": found.aspect_ratios,
        "mean grey value": found.mean_grey,
    }
    counts = {
        split: {name: float(count) for name, count in by_class.items()}
        for split, by_class in found.counts.items()
    }
    images = _same_size([image for _, image in found.samples])
    return {
        "eda-classes.png": ("Classes", plots.bars("", counts, "images")),
        "eda-shapes.png": ("Sizes, aspect ratios, brightness", plots.histograms(shapes)),
        "eda-intensities.png": (
            "Grey values",
            plots.lines("", outlines, "grey value", "share of the pixels"),
        ),
        "eda-samples.png": (
            "Samples",
            plots.gallery(images, [name for name, _ in found.samples]),
        ),
    }


def _same_size(images: list[np.ndarray], size: int = 160) -> np.ndarray:
    """Take pixels at even distances, enough for a thumbnail, uint8 (N, 160, 160)."""
    thumbs = []
    for image in images:
        rows = np.linspace(0, image.shape[0] - 1, size).astype(int)
        columns = np.linspace(0, image.shape[1] - 1, size).astype(int)
        thumbs.append(image[np.ix_(rows, columns)])
    return np.stack(thumbs)
