"""Typed, frozen settings of the training commands, read from training.yaml."""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

DEFAULT_TRAINING_FILE = Path(__file__).with_name("training.yaml")


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Stage(_Frozen):
    """A run of epochs at one image size in pixels per side."""

    epochs: Annotated[int, Field(ge=1)]
    size: Annotated[int, Field(ge=32, le=224)]


class Augmentation(_Frozen):
    """How far a training image may be changed; zero or one, as fits, switches a change off."""

    flip_fraction: float
    rotation_degrees: float
    zoom: tuple[float, float]  # side of the region shown, as a fraction of the image's
    aspect: float  # stretched by up to this factor in either direction
    shift_fraction: float
    gamma: float  # exponent between 1 / gamma and gamma
    contrast_fraction: float
    tone_strength: float  # 0 leaves grey values alone, 1 draws any monotone curve
    bias_strength: float  # slow change of brightness over the image
    sharpness: float  # 1: from fully blurred to as much sharpened
    noise: float  # standard deviation, grey values in [0, 1]
    erasing_fraction: float  # share of images with a rectangle hidden
    # Absent in runs of before they were there:
    black_fraction: float = 0.0  # greatest share of an image's pixels that become one dark level
    border_fraction: float = 0.0  # greatest width of a covered border, of the image's side
    amplitude_mix: float = 0.0  # greatest share of another image's amplitudes in the spectrum
    coarseness: float = 0.0  # 0.6: from copies of down to 40 % of the size


class Finish(_Frozen):
    """Last epochs on nearly unchanged images without mixup, at a low learning rate.

    Strong changes and blends train well, but the statistics of their grey values are not those of
    the images to be judged; without these epochs the network finds plain images too healthy.
    """

    epochs: Annotated[int, Field(ge=1)]
    size: Annotated[int, Field(ge=32, le=224)]
    learning_rate: float
    ema_decay: float
    augmentation: Augmentation


class Recipe(_Frozen):
    """Everything that decides how a network is trained."""

    architecture: str
    classes: Literal[2, 3]
    dropout: float
    stages: Annotated[tuple[Stage, ...], Field(min_length=1)]
    batch_size: Annotated[int, Field(ge=2)]
    optimizer: Literal["adam", "adamw", "sgd"]
    learning_rate: float
    weight_decay: float
    schedule: Literal["constant", "cosine"]
    warmup_fraction: float
    label_smoothing: float
    mixup_alpha: float
    ema_decay: float
    weighted_loss: bool
    augmentation: Augmentation
    finish: Finish | None = None
    seed: int

    @property
    def main_epochs(self) -> int:
        """Epochs of all stages together, without the finish."""
        return sum(stage.epochs for stage in self.stages)

    @property
    def epochs(self) -> int:
        """Epochs of the whole run."""
        return self.main_epochs + (self.finish.epochs if self.finish else 0)

    @property
    def last_size(self) -> int:
        """Pixels per side of the last epoch, at which the finished network looks."""
        return self.size_of(self.epochs - 1)

    def size_of(self, epoch: int) -> int:
        """Image size in pixels per side in the given epoch, counted from 0."""
        for stage in self.stages:
            if epoch < stage.epochs:
                return stage.size
            epoch -= stage.epochs
        return self.finish.size if self.finish else self.stages[-1].size

    def finish_of(self, epoch: int) -> Finish | None:
        """Return the finish if the given epoch belongs to it."""
        return self.finish if epoch >= self.main_epochs else None

    def with_changes(self, changes: "RecipeChanges") -> "Recipe":
        """Replace what the changes name; the rest stays."""
        return self.model_copy(update=changes.model_dump(exclude_none=True))

    def with_epochs(self, epochs: int) -> "Recipe":
        """Cut or stretch to so many epochs, all stages alike; too few leave the finish out."""
        finish = self.finish if self.finish and epochs > self.finish.epochs else None
        epochs -= finish.epochs if finish else 0
        share = epochs / self.main_epochs
        lengths = [max(round(stage.epochs * share), 1) for stage in self.stages[:-1]]
        while lengths and sum(lengths) >= epochs:
            lengths.pop(0)  # too few epochs for all: the last sizes matter most
        last = self.stages[-len(lengths) - 1 :]
        counts = [*lengths, epochs - sum(lengths)]
        stages = tuple(
            Stage(epochs=n, size=stage.size) for n, stage in zip(counts, last, strict=True)
        )
        return self.model_copy(update={"stages": stages, "finish": finish})


class PublishSettings(_Frozen):
    """How a bundle is calibrated."""

    target_sensitivity: Annotated[float, Field(gt=0, le=1)]
    averages_flip: bool


class FilmBlockSettings(_Frozen):
    """Validation on the lowest film numbers in place of random patients."""

    share: Annotated[float, Field(gt=0, lt=1)]  # of the official training images of each series


class RecipeChanges(_Frozen):
    """What one tuning experiment does otherwise than its recipe."""

    learning_rate: Annotated[float, Field(gt=0)] | None = None
    batch_size: Annotated[int, Field(ge=2)] | None = None
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None


class SearchSettings(_Frozen):
    """Where a search may look: bounds of the continuous settings, values of the others."""

    trials: Annotated[int, Field(ge=1)]
    seed: int
    learning_rate: tuple[float, float]
    dropout: tuple[float, float]
    batch_size: Annotated[tuple[int, ...], Field(min_length=1)]


class TuneSettings(_Frozen):
    """Tuning: a grid of named experiments, and a search."""

    recipe: str
    experiments: Annotated[dict[str, RecipeChanges], Field(min_length=1)]
    search: SearchSettings


class CompareSettings(_Frozen):
    """Which architectures are trained by the same recipe."""

    recipe: str
    architectures: Annotated[tuple[str, ...], Field(min_length=1)]


class FoldsSettings(_Frozen):
    """Cross-validation by patient."""

    recipe: str
    count: Annotated[int, Field(ge=2)]


class EnsembleSettings(_Frozen):
    """How one network is distilled from several."""

    recipe: str
    teacher_share: Annotated[float, Field(gt=0, le=1)]


class TrainingSettings(_Frozen):
    """The whole of training.yaml."""

    split_seed: int
    film_block: FilmBlockSettings
    publish: PublishSettings
    tune: TuneSettings
    compare: CompareSettings
    folds: FoldsSettings
    ensemble: EnsembleSettings
    recipes: dict[str, Recipe]


def load_training_settings(path: Path = DEFAULT_TRAINING_FILE) -> TrainingSettings:
    """Read and check the file; pydantic's ValidationError names an unknown or ill-typed key."""
    return TrainingSettings.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
