"""What the `hilum train` commands share: options, the one line of a failure, progress bars."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import track

from config.command_line import site_settings
from config.training import Recipe, TrainingSettings
from inference.errors import InferenceError
from training.errors import TrainingError

# torch is imported by the commands that need it, so that `--help` answers at once.
if TYPE_CHECKING:
    from training.kaggle import LabelledImage
    from training.run import EpochFigures
    from training.trainer import Batch

FAILED = 1

DataOption = Annotated[Path, typer.Option("--data", help="Kaggle folder or prepared folder.")]
SettingsOption = Annotated[Path, typer.Option("--settings", help="Training settings (YAML).")]
LimitOption = Annotated[int | None, typer.Option(min=2, help="Train on so many images.")]
EpochsOption = Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's.")]
ResultsOption = Annotated[
    Path, typer.Option("--out", help="Run folder; what is finished there is not repeated.")
]
TestOption = Annotated[
    bool,
    typer.Option("--with-test", help="Show the test split's figures too; they choose nothing."),
]


def installed_bundles() -> Path:
    """Return where installed bundles are, as defaults and environment say."""
    return site_settings(None, None).installed_bundles


@contextlib.contextmanager
def one_line() -> Iterator[None]:
    """End with one line on the error stream and a non-zero code."""
    try:
        yield
    except (TrainingError, InferenceError) as error:
        fail(str(error))
    except ValidationError as error:
        first = error.errors()[0]
        fail(f"{error.title}: {'.'.join(map(str, first['loc']))}: {first['msg']}")
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")


def fail(line: str) -> None:
    """Print one line and end."""
    typer.echo(f"error: {line}", err=True)
    raise typer.Exit(FAILED)


def image_bar(images: list[LabelledImage]) -> Iterable[LabelledImage]:
    """Show how far the reading of images is."""
    return track(images, description="images", console=Console(stderr=True))


def step_bar(batches: Iterable[Batch], epoch: int, count: int) -> Iterable[Batch]:
    """Show how far an epoch is."""
    return track(batches, description=f"epoch {epoch}", total=count, console=Console(stderr=True))


def show_epoch(figures: EpochFigures, name: str = "") -> None:
    """Print one epoch's figures."""
    fetching = 100 * (figures.fetching_fraction or 0.0)
    typer.echo(
        f"{name + ', ' if name else ''}epoch {figures.epoch} ({figures.size} px): "
        f"loss {figures.train_loss:.4f}, validation "
        f"loss {figures.validation_loss:.4f}, accuracy {figures.validation_accuracy:.4f}, "
        f"AUC {figures.validation_auc:.4f}, {figures.seconds:.0f} s, of which fetching "
        f"{fetching:.1f} %, changing {100 * figures.loading_fraction - fetching:.1f} %"
    )


def recipe_of(settings: TrainingSettings, name: str, epochs: int | None = None) -> Recipe:
    """Find a recipe by its name, cut or stretched to so many epochs.

    Raises
    ------
    TrainingError
        There is no recipe of that name.
    """
    if name not in settings.recipes:
        raise TrainingError(f"no recipe {name}; there are {', '.join(settings.recipes)}")
    recipe = settings.recipes[name]
    return recipe if epochs is None else recipe.with_epochs(epochs)
