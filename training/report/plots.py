"""Draws the pictures of the report as PNG; knows no network and no files."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

DOTS_PER_INCH = 110
GREY = "0.6"


def as_png(figure: Figure) -> bytes:
    """Encode a figure."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DOTS_PER_INCH, bbox_inches="tight")
    return stream.getvalue()


def curves(panels: Mapping[str, Mapping[str, Sequence[float | None]]]) -> bytes:
    """Draw one panel per figure with one line per part, over the epochs."""
    figure = Figure(figsize=(4 * len(panels), 3))
    for place, (title, lines) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(1, len(panels), place)
        for name, values in lines.items():
            known = [(epoch, value) for epoch, value in enumerate(values) if value is not None]
            axes.plot(*zip(*known, strict=True), marker=".", label=name) if known else None
        _label(axes, title, "epoch", "")
        axes.legend()
    return as_png(figure)


def bars(title: str, groups: Mapping[str, Mapping[str, float]], unit: str) -> bytes:
    """Draw side by side, for every group, one bar per name, with its value."""
    figure = Figure(figsize=(7, 3))
    axes = figure.add_subplot()
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    width = 0.8 / max(len(names), 1)
    for place, name in enumerate(names):
        heights = [group.get(name, 0) for group in groups.values()]
        drawn = axes.bar(np.arange(len(groups)) + place * width, heights, width, label=name)
        axes.bar_label(drawn, fmt="%g", fontsize=7)
    axes.set_xticks(np.arange(len(groups)) + 0.4 - width / 2, list(groups))
    _label(axes, title, "", unit)
    axes.legend()
    return as_png(figure)


def histograms(panels: Mapping[str, Mapping[str, np.ndarray]], unit: str = "images") -> bytes:
    """Draw one panel per quantity with one outline per class, each scaled to area one."""
    figure = Figure(figsize=(4 * len(panels), 3))
    for place, (title, values) in enumerate(panels.items(), start=1):
        axes = figure.add_subplot(1, len(panels), place)
        everything = np.concatenate(list(values.values()))
        edges = np.histogram_bin_edges(everything, bins=30)
        for name, drawn in values.items():
            axes.hist(drawn, bins=edges.tolist(), histtype="step", density=True, label=name)
        _label(axes, title, "", f"share of {unit}")
        axes.set_yticks([])
        axes.legend()
    return as_png(figure)


def lines(
    title: str, values: Mapping[str, tuple[np.ndarray, np.ndarray]], across: str, up: str
) -> bytes:
    """Draw lines by name, each (x, y)."""
    figure = Figure(figsize=(5, 3))
    axes = figure.add_subplot()
    for name, (x, y) in values.items():
        axes.plot(x, y, label=name)
    _label(axes, title, across, up)
    axes.legend()
    return as_png(figure)


def operating_curve(
    title: str,
    curve: tuple[np.ndarray, np.ndarray],
    point: tuple[float, float],
    names: tuple[str, str],
    *,
    falls: bool = False,
) -> bytes:
    """Draw a ROC (rises) or precision-recall curve (falls) and the point in use."""
    figure = Figure(figsize=(4, 4))
    axes = figure.add_subplot()
    axes.plot(*curve)
    axes.plot(*point, "o", label="operating point")
    if not falls:
        axes.plot([0, 1], [0, 1], linestyle=":", color=GREY)
    _label(axes, title, *names)
    axes.legend(loc="lower left" if falls else "lower right")
    return as_png(figure)


def reliability(
    title: str, predicted: Sequence[float], observed: Sequence[float], counts: Sequence[int]
) -> bytes:
    """Draw observed against predicted rates with the number of images at each point."""
    figure = Figure(figsize=(4, 4))
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], linestyle=":", color=GREY)
    axes.plot(predicted, observed, marker="o")
    for x, y, count in zip(predicted, observed, counts, strict=True):
        axes.annotate(str(count), (x, y), textcoords="offset points", xytext=(5, -10), fontsize=7)
    _label(axes, title, "predicted P(pneumonia)", "observed share")
    return as_png(figure)


def matrix(title: str, cells: np.ndarray, names: Sequence[str]) -> bytes:
    """Draw a confusion matrix, rows true, columns called."""
    figure = Figure(figsize=(3.4, 3.4))
    axes = figure.add_subplot()
    axes.imshow(cells, cmap="Blues")
    for (row, column), count in np.ndenumerate(cells):
        ink = "white" if count > cells.max() / 2 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=ink)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    _label(axes, title, "called", "true")
    axes.grid(visible=False)
    return as_png(figure)


def gallery(images: np.ndarray, captions: Sequence[str], columns: int = 6) -> bytes:
    """Draw grey pictures, uint8 (N, rows, columns), each under its caption."""
    rows = -(-len(images) // columns)
    figure = Figure(figsize=(1.9 * columns, 2.1 * rows))
    for place, (image, caption) in enumerate(zip(images, captions, strict=True), start=1):
        axes = figure.add_subplot(rows, columns, place)
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
        axes.set_title(caption, fontsize=7)
        axes.set_axis_off()
    return as_png(figure)


def _label(axes: Axes, title: str, across: str, up: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(visible=True, alpha=0.3)
