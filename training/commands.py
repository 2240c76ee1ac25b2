"""The `hilum train` commands: options in, one clear line out when something is wrong."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import track
from rich.table import Table

from config.training import (
    DEFAULT_TRAINING_FILE,
    Recipe,
    TrainingSettings,
    load_training_settings,
)
from inference.errors import InferenceError
from training.errors import TrainingError

# torch is imported by the commands that need it, so that `--help` answers at once.
if TYPE_CHECKING:
    import torch

    from training.fit import Batch
    from training.kaggle import LabelledImage
    from training.metrics import Figures
    from training.run import EpochFigures

BUNDLES = Path(__file__).parents[1] / "inference" / "models"
SAMPLES = Path(__file__).with_name("samples")
FAILED = 1

app = typer.Typer(name="train", help="Make and measure model bundles.", no_args_is_help=True)

DataOption = Annotated[Path, typer.Option("--data", help="Kaggle folder or prepared folder.")]
SettingsOption = Annotated[Path, typer.Option("--settings", help="Training settings (YAML).")]


@contextlib.contextmanager
def _one_line() -> Iterator[None]:
    """End with one line on the error stream and a non-zero code."""
    try:
        yield
    except (TrainingError, InferenceError) as error:
        _fail(str(error))
    except ValidationError as error:
        first = error.errors()[0]
        _fail(f"{error.title}: {'.'.join(map(str, first['loc']))}: {first['msg']}")
    except OSError as error:
        _fail(f"{error.filename}: {error.strerror}")


def _fail(line: str) -> None:
    typer.echo(f"error: {line}", err=True)
    raise typer.Exit(FAILED)


def _bar(images: list[LabelledImage]) -> Iterable[LabelledImage]:
    return track(images, description="images", console=Console(stderr=True))


@app.command()
def prepare(
    data: Annotated[Path, typer.Option("--data", help="Folder in the Kaggle layout.")],
    out: Annotated[Path, typer.Option("--out", help="Where objects and arrays go.")],
    settings: SettingsOption = DEFAULT_TRAINING_FILE,
) -> None:
    """Turn a Kaggle folder into DICOM-like objects, split by patient, preprocessed once."""
    with _one_line():
        from training.prepare import prepare as run_prepare

        prepared = run_prepare(
            data, out, seed=load_training_settings(settings).split_seed, progress=_bar
        )
        typer.echo(f"data sha256 {prepared.data_sha256}")
        for split in ("train", "validation", "test"):
            typer.echo(f"{split}: {sum(e.split == split for e in prepared.examples)} images")
        for group in prepared.duplicates:
            typer.echo(f"duplicate: {' = '.join(group)}")


@app.command()
def fit(
    data: DataOption,
    run: Annotated[Path, typer.Option("--run", help="Run folder.")],
    recipe: Annotated[str, typer.Option("--recipe", help="A recipe of the settings.")] = "hilum",
    limit: Annotated[int | None, typer.Option(min=2, help="Train on so many images.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run.")] = False,
    pretrained: Annotated[
        bool, typer.Option("--pretrained", help="Begin with torchvision's ImageNet weights.")
    ] = False,
    settings: SettingsOption = DEFAULT_TRAINING_FILE,
) -> None:
    """Train a network; one checkpoint per epoch."""
    with _one_line():
        from training.dataset import open_data
        from training.fit import fit as run_fit

        loaded = load_training_settings(settings)
        chosen = _recipe(loaded, recipe)
        if epochs is not None:
            chosen = chosen.with_epochs(epochs)
        prepared = open_data(data, seed=loaded.split_seed, splits=("train",), progress=_bar)
        run_fit(
            prepared,
            chosen,
            run,
            device=_device(),
            limit=limit,
            resume=resume,
            pretrained=pretrained,
            report=_show_epoch,
            step_bar=_step_bar,
        )


def _recipe(settings: TrainingSettings, name: str) -> Recipe:
    if name not in settings.recipes:
        raise TrainingError(f"no recipe {name}; there are {', '.join(settings.recipes)}")
    return settings.recipes[name]


def _device() -> torch.device:
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _step_bar(batches: Iterable[Batch], epoch: int, count: int) -> Iterable[Batch]:
    return track(batches, description=f"epoch {epoch}", total=count, console=Console(stderr=True))


def _show_epoch(figures: EpochFigures) -> None:
    typer.echo(
        f"epoch {figures.epoch} ({figures.size} px): loss {figures.train_loss:.4f}, validation "
        f"loss {figures.validation_loss:.4f}, accuracy {figures.validation_accuracy:.4f}, "
        f"AUC {figures.validation_auc:.4f}, {figures.seconds:.0f} s, "
        f"loading {100 * figures.loading_fraction:.1f} %"
    )


@app.command()
def evaluate(
    data: DataOption,
    bundle: Annotated[str, typer.Option("--bundle", help="Name or folder.")] = "default",
    split: Annotated[str, typer.Option("--split", help="test or validation.")] = "test",
    settings: SettingsOption = DEFAULT_TRAINING_FILE,
) -> None:
    """Print a bundle's figures on a folder of labelled images."""
    with _one_line():
        from inference.model import load_classifier
        from training.dataset import open_data
        from training.evaluate import evaluate as run_evaluate
        from training.evaluate import locate_bundle

        if split not in ("test", "validation"):
            raise TrainingError(f"no split {split}; there are test, validation")
        classifier = load_classifier(locate_bundle(bundle, BUNDLES))
        official = "test" if split == "test" else "train"
        prepared = open_data(
            data,
            seed=load_training_settings(settings).split_seed,
            splits=(official,),
            progress=_bar,
        )
        _show_figures(split, run_evaluate(classifier, prepared.part(split)))


def _show_figures(split: str, figures: Figures) -> None:
    table = Table(title=f"{split}: {figures.images} images, threshold {figures.threshold:.4f}")
    table.add_column("figure")
    table.add_column("value", justify="right")
    auc = figures.auc
    table.add_row("AUC (95 % bootstrap)", f"{auc.value:.4f} ({auc.low:.4f}-{auc.high:.4f})")
    for name, value in asdict(figures).items():
        if name not in ("auc", "images", "threshold"):
            shown = str(value) if isinstance(value, int) else f"{value:.4f}"
            table.add_row(name.replace("_", " "), shown)
    Console(stderr=True).print(table)
    typer.echo(json.dumps({"split": split, **asdict(figures)}, indent=1))


@app.command()
def publish(
    data: DataOption,
    run: Annotated[Path, typer.Option("--run", help="Finished run folder.")],
    out: Annotated[Path, typer.Option("--out", help="Bundle folder.")],
    version: Annotated[str, typer.Option("--version", help="Version of the bundle.")],
    name: Annotated[str, typer.Option("--name", help="Name of the bundle.")] = "default",
    skip_test: Annotated[
        bool, typer.Option("--skip-test", help="Leave the test split unseen (interim bundles).")
    ] = False,
    settings: SettingsOption = DEFAULT_TRAINING_FILE,
) -> None:
    """Calibrate on validation, measure the test split once, write the bundle."""
    with _one_line():
        from training.dataset import open_data
        from training.publish import Identity
        from training.publish import publish as run_publish
        from training.run import load_run
        from training.vectors import sample_vectors

        loaded = load_training_settings(settings)
        manifest = run_publish(
            load_run(run),
            open_data(data, seed=loaded.split_seed, progress=_bar),
            out,
            identity=Identity(name=name, version=version, created=datetime.now(UTC).date()),
            settings=loaded.publish,
            vectors=sample_vectors(SAMPLES),
            with_test=not skip_test,
        )
        typer.echo(manifest.model_dump_json(indent=1))


@app.command()
def gate(
    data: DataOption,
    version: Annotated[str, typer.Option("--version", help="Version of the new bundle.")],
    bundle: Annotated[str, typer.Option("--bundle", help="Name or folder.")] = "default",
    out: Annotated[
        Path | None, typer.Option("--out", help="Bundle folder; in place where not given.")
    ] = None,
    settings: SettingsOption = DEFAULT_TRAINING_FILE,
) -> None:
    """Fit what refuses other images than frontal chest radiographs; the weights stay."""
    with _one_line():
        from training.dataset import open_data
        from training.evaluate import locate_bundle
        from training.publish import add_gate

        folder = locate_bundle(bundle, BUNDLES)
        prepared = open_data(data, seed=load_training_settings(settings).split_seed, progress=_bar)
        manifest = add_gate(
            folder, prepared, out or folder, version=version, created=datetime.now(UTC).date()
        )
        assert manifest.gate is not None  # noqa: S101  # just added
        typer.echo(manifest.gate.model_dump_json(indent=1))


@app.command()
def samples(
    data: DataOption,
    bundle: Annotated[str, typer.Option("--bundle", help="Name or folder.")] = "default",
    out: Annotated[Path, typer.Option("--out", help="Where the pictures go.")] = SAMPLES,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 1,
    settings: SettingsOption = DEFAULT_TRAINING_FILE,
) -> None:
    """Draw the synthetic sample radiographs that ship with the project."""
    with _one_line():
        from inference.model import load_classifier
        from training.dataset import open_data
        from training.evaluate import locate_bundle
        from training.samples import write_samples

        prepared = open_data(
            data,
            seed=load_training_settings(settings).split_seed,
            splits=("train",),
            progress=_bar,
        )
        classifier = load_classifier(locate_bundle(bundle, BUNDLES))
        for name, sample in write_samples(prepared, classifier, out, seed=seed).items():
            typer.echo(f"{name}: P(pneumonia) {sample.probability:.3f}")
