"""The report's page of an evaluation: tables, curves and the images that were answered wrongly."""

import json
from pathlib import Path

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from inference.labels import NORMAL_INDEX, THREE_CLASS_NAMES
from training.dataset import Part
from training.disk import write_file
from training.evaluate import Evaluation
from training.report import plots
from training.report.page import Page, Picture, ResultTable, four, save_page

PLACE = 40
MOST_FAILURES = 24


def save_evaluation(evaluation: Evaluation, part: Part, folder: Path) -> None:
    """Write the record, the answer to every image, the pictures and the page.

    The pictures of failures show patients: they stay in `folder`.
    """
    name = f"evaluation-{evaluation.split}"
    answers = [
        {"name": image, "class": THREE_CLASS_NAMES[index], "probability": round(float(p), 6)}
        for image, index, p in zip(
            part.names, part.classes.tolist(), evaluation.probabilities, strict=True
        )
    ]
    record = evaluation.record() | {"answers": answers}
    write_file(folder / f"{name}.json", f"{json.dumps(record, indent=1)}\n".encode())
    contents = _contents(evaluation, part)
    pictures = tuple(
        Picture(title=title, file=f"{name}-{key}.png", shows_patients=key == "failures")
        for key, (title, _) in contents.items()
    )
    page = Page(
        title=f"{evaluation.model} on the {evaluation.split} split",
        place=PLACE,
        tables=_tables(evaluation),
        pictures=pictures,
    )
    drawn = {f"{name}-{key}.png": content for key, (_, content) in contents.items()}
    save_page(page, folder, name, drawn)


def _tables(evaluation: Evaluation) -> tuple[ResultTable, ...]:
    found = evaluation.intervals
    points = evaluation.operating_points
    return (
        ResultTable(
            title=f"{evaluation.figures.images} images at threshold "
            f"{evaluation.figures.threshold:.4f}",
            columns=("figure", "value", "95 % bootstrap interval"),
            rows=tuple(
                (name.replace("_", " "), four(i.value), f"{four(i.low)}-{four(i.high)}")
                for name, i in found.items()
            ),
        ),
        ResultTable(
            title="Operating points",
            columns=("point", "threshold", "sensitivity", "specificity", "precision"),
            rows=tuple(
                (p.name, *map(four, (p.threshold, p.sensitivity, p.specificity, p.precision)))
                for p in points
            ),
        ),
        ResultTable(
            title="Subgroups",
            columns=("group", "images", "called ill", "mean P", "AUC against normal"),
            rows=tuple(
                (g.name, str(g.images), four(g.called_ill), four(g.mean_probability), four(g.auc))
                for g in evaluation.subgroups
            ),
        ),
        ResultTable(
            title="Marks of how a film was taken",
            columns=("mark", "AUC of the mark alone", "AUC where it agrees", "where it misleads"),
            rows=tuple(
                (
                    s.mark,
                    four(s.auc_of_mark),
                    four(s.auc_where_it_agrees),
                    four(s.auc_where_it_misleads),
                )
                for s in evaluation.shortcuts
            ),
        ),
    )


def _contents(evaluation: Evaluation, part: Part) -> dict[str, tuple[str, bytes]]:
    measured, probabilities = evaluation.figures, evaluation.probabilities
    is_ill = part.classes.numpy() != NORMAL_INDEX
    cells = np.array(
        [
            [measured.true_negatives, measured.false_positives],
            [measured.false_negatives, measured.true_positives],
        ]
    )
    false_rates, true_rates, _ = roc_curve(is_ill, probabilities)
    precisions, recalls, _ = precision_recall_curve(is_ill, probabilities)
    bins = evaluation.calibration
    contents = {
        "confusion": ("Confusion matrix", plots.matrix("", cells, ("normal", "pneumonia"))),
        "roc": (
            "ROC",
            plots.operating_curve(
                f"AUC {measured.auc.value:.4f}",
                (false_rates, true_rates),
                (1 - measured.specificity, measured.sensitivity),
                ("1 - specificity", "sensitivity"),
            ),
        ),
        "precision-recall": (
            "Precision and recall",
            plots.operating_curve(
                f"average precision {evaluation.intervals['average_precision'].value:.4f}",
                (recalls, precisions),
                (measured.sensitivity, measured.precision),
                ("recall", "precision"),
                falls=True,
            ),
        ),
        "calibration": (
            "Calibration, with the number of images",
            plots.reliability(
                f"expected error {measured.expected_calibration_error:.4f}",
                [b.predicted for b in bins],
                [b.observed for b in bins],
                [b.images for b in bins],
            ),
        ),
    }
    failures = worst_failures(is_ill, probabilities, threshold=measured.threshold)
    if len(failures):
        captions = [
            f"{THREE_CLASS_NAMES[int(part.classes[row])]}, P {probabilities[row]:.2f}"
            for row in failures
        ]
        drawn = plots.gallery(part.images.numpy()[failures], captions)
        contents["failures"] = ("Images answered wrongly, the worst first", drawn)
    return contents


def worst_failures(
    is_ill: np.ndarray, probabilities: np.ndarray, *, threshold: float
) -> np.ndarray:
    """Rows of the images called wrongly, those farthest from the threshold first."""
    wrong = np.flatnonzero((probabilities >= threshold) != is_ill)
    distance = np.abs(probabilities[wrong] - threshold)
    return np.asarray(wrong[np.argsort(-distance)][:MOST_FAILURES])
