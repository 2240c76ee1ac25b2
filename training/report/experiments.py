"""The report's pages of tuning, comparison, folds and ensembles: one table each."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.ensemble import Combined
from training.experiments import Answered, Outcome
from training.report.page import Page, ResultTable, four, save_page

PLACES = {"tune": 50, "search": 55, "compare": 60, "folds": 70, "ensemble": 80}
MEASURED = (
    "Each network was trained by the same recipe but for what its row says, and answers at even "
    "odds. Shifted AUC: the mean over four fixed changes of the validation images. Milliseconds: "
    "one image at a time on the machine that trained."
)
TEST_NOTE = "The test columns choose nothing; they stand here beside published values only."


def save_outcomes(
    kind: str, title: str, outcomes: Sequence[Outcome], folder: Path, *, is_limited: bool
) -> None:
    """Write the page of a series of experiments."""
    tables = [_settings(outcomes), _figures(outcomes)]
    if kind == "folds":
        tables.append(_spread(outcomes))
    page = Page(
        title=title,
        place=PLACES[kind],
        paragraphs=tuple(_notes(is_limited, any(outcome.test for outcome in outcomes))),
        tables=tuple(tables),
    )
    save_page(page, folder, kind, {})


def _notes(is_limited: bool, has_test: bool) -> list[str]:
    notes = [MEASURED]
    if has_test:
        notes.append(TEST_NOTE)
    if is_limited:
        notes.append("A trial on part of the images or epochs: the figures say nothing else.")
    return notes


def _settings(outcomes: Sequence[Outcome]) -> ResultTable:
    return ResultTable(
        title="Settings",
        columns=("name", "architecture", "pixels", "learning rate", "batch", "dropout", "epochs"),
        rows=tuple(
            (
                o.name,
                o.recipe.architecture,
                str(o.recipe.last_size),
                f"{o.recipe.learning_rate:.2g}",
                str(o.recipe.batch_size),
                f"{o.recipe.dropout:.2f}",
                str(o.recipe.epochs),
            )
            for o in outcomes
        ),
    )


def _figures(outcomes: Sequence[Outcome]) -> ResultTable:
    has_test = any(outcome.test for outcome in outcomes)
    return ResultTable(
        title="Figures",
        columns=(
            *("name", "parameters (M)", "size (MB)", "ms per image"),
            *("accuracy", "recall", "F1", "AUC", "shifted AUC"),
            *(("test accuracy", "test recall", "test F1", "test AUC") if has_test else ()),
        ),
        rows=tuple(
            (
                o.name,
                f"{o.parameters / 1e6:.1f}",
                f"{o.megabytes:.1f}",
                f"{o.milliseconds_per_image:.1f}",
                *_cells(o.validation),
                four(o.shifted_auc),
                *(_cells(o.test) if has_test else ()),
            )
            for o in outcomes
        ),
    )


def _cells(measured: Answered | None) -> tuple[str, ...]:
    if measured is None:
        return ("-",) * 4
    return tuple(map(four, (measured.accuracy, measured.recall, measured.f1, measured.auc)))


def _spread(outcomes: Sequence[Outcome]) -> ResultTable:
    values = {
        "accuracy": [o.validation.accuracy for o in outcomes],
        "recall": [o.validation.recall for o in outcomes],
        "AUC": [o.validation.auc for o in outcomes],
        "shifted AUC": [o.shifted_auc for o in outcomes],
    }
    return ResultTable(
        title="Over the folds",
        columns=("figure", "mean", "standard deviation"),
        rows=tuple(
            (name, four(float(np.mean(found))), four(float(np.std(found))))
            for name, found in values.items()
        ),
    )


def save_ensemble(
    combined: Sequence[Combined], student: Outcome | None, folder: Path, *, is_limited: bool
) -> None:
    """Write the page of an ensemble, with the network that was taught by it where there is one."""
    has_test = any(c.test for c in combined)
    rows = [
        (
            " + ".join(c.members),
            c.way,
            *_cells(c.validation)[:3],
            "-" if c.way == "vote" else four(c.validation.auc),
            four(c.shifted_auc),
            *(_cells(c.test)[:3] if has_test else ()),
            *(("-" if c.way == "vote" or not c.test else four(c.test.auc),) if has_test else ()),
        )
        for c in combined
    ]
    if student:
        rows.append(
            (
                "one network taught by all",
                "distilled",
                *_cells(student.validation),
                four(student.shifted_auc),
                *(_cells(student.test) if has_test else ()),
            )
        )
    table = ResultTable(
        title="Figures",
        columns=(
            *("members", "way", "accuracy", "recall", "F1", "AUC", "shifted AUC"),
            *(("test accuracy", "test recall", "test F1", "test AUC") if has_test else ()),
        ),
        rows=tuple(rows),
    )
    notes = ["A tie of votes counts as pneumonia. Votes take so few values that they have no AUC."]
    page = Page(
        title="Ensembles",
        place=PLACES["ensemble"],
        paragraphs=(*notes, *_notes(is_limited, has_test)[1:]),
        tables=(table,),
    )
    save_page(page, folder, "ensemble", {})
