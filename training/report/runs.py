"""Pages made when the report is made: of training runs, and of a published bundle."""

from collections.abc import Sequence
from pathlib import Path

from inference.bundle import BundleManifest
from training.dataset import RANDOM_PATIENTS
from training.report import plots
from training.report.page import Page, Picture, ResultTable, four
from training.run import EpochFigures, read_record

RUN_PLACE, BUNDLE_PLACE, PUBLISHED_PLACE = 30, 20, 25


def run_page(run: Path, name: str) -> tuple[Page, dict[str, bytes]]:
    """Make the page of one run folder: what was trained, its curves and its epochs.

    Raises
    ------
    RunUnusable
        The folder holds no whole epoch.
    """
    record, history = read_record(run)
    recipe = record["recipe"]
    began_with = record.get("began_with")
    file = f"run-{name.replace('/', '-')}.png"
    page = Page(
        title=f"Training run {name}",
        place=RUN_PLACE,
        paragraphs=(
            f"{recipe['architecture']}, {recipe['classes']} classes, dropout {recipe['dropout']}, "
            f"{recipe['optimizer']} at {recipe['learning_rate']:g} ({recipe['schedule']}), batch "
            f"{recipe['batch_size']}, seed {recipe['seed']}; began with "
            f"{began_with['name'] if began_with else 'random weights'}"
            + "".join(f", taught by {teacher['name']}" for teacher in record.get("taught_by", ()))
            + (f"; limited to {record['limit']} images" if record.get("limit") else "")
            + f". Held out for validation: {record.get('held_out', RANDOM_PATIENTS)}. "
            f"Data SHA-256 {record['data_sha256']}.",
            _loading(history),
            "Loss, accuracy and AUC of training are those on changed and blended images, against "
            "the averaged weights on plain validation images.",
        ),
        tables=(_epochs(history),),
        pictures=(Picture(title="Loss, accuracy, AUC", file=file),),
    )
    return page, {file: _curves(history)}


def _loading(history: Sequence[EpochFigures]) -> str:
    loading = sum(f.loading_fraction * f.seconds for f in history) / sum(f.seconds for f in history)
    known = [f for f in history if f.fetching_fraction is not None]
    text = f"Fetching and changing images together took {loading:.1%} of the time"
    if known:
        fetching = sum((f.fetching_fraction or 0) * f.seconds for f in known)
        text += f", fetching alone {fetching / sum(f.seconds for f in known):.2%}"
    return f"{text}."


def _curves(history: Sequence[EpochFigures]) -> bytes:
    return plots.curves(
        {
            "loss": {
                "training": [f.train_loss for f in history],
                "validation": [f.validation_loss for f in history],
            },
            "accuracy": {
                "training": [f.train_accuracy for f in history],
                "validation": [f.validation_accuracy for f in history],
            },
            "AUC": {
                "training": [f.train_auc for f in history],
                "validation": [f.validation_auc for f in history],
            },
        }
    )


def _epochs(history: Sequence[EpochFigures]) -> ResultTable:
    return ResultTable(
        title="Epochs",
        columns=(
            *("epoch", "pixels", "train loss", "train accuracy", "train AUC"),
            *("loss", "accuracy", "AUC", "minutes"),
        ),
        rows=tuple(
            (
                *(str(f.epoch), str(f.size)),
                *map(four, (f.train_loss, f.train_accuracy, f.train_auc)),
                *map(four, (f.validation_loss, f.validation_accuracy, f.validation_auc)),
                f"{f.seconds / 60:.1f}",
            )
            for f in history
        ),
    )


def bundle_page(manifest: BundleManifest) -> Page:
    """Make the page of a bundle from what it says of itself."""
    return Page(
        title=f"The bundle {manifest.name} {manifest.version}",
        place=BUNDLE_PLACE,
        paragraphs=(
            f"{manifest.architecture}, weights SHA-256 {manifest.weights_sha256}, threshold "
            f"{manifest.decision_threshold:.4f}, temperature "
            f"{manifest.calibration_temperature:.3f}. {manifest.training_data}.",
        ),
        tables=(
            ResultTable(
                title="Figures",
                columns=(
                    *("split", "images", "AUC", "95 % interval", "accuracy"),
                    *("sensitivity", "specificity", "F1", "calibration error"),
                ),
                rows=tuple(
                    (
                        *(f.split, str(f.images), four(f.auc.value)),
                        f"{four(f.auc.low)}-{four(f.auc.high)}",
                        *map(four, (f.accuracy, f.sensitivity, f.specificity, f.f1)),
                        four(f.expected_calibration_error),
                    )
                    for f in manifest.figures
                ),
            ),
        ),
    )
