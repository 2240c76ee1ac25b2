"""One epoch of training: which images, how changed, towards what, and what came of it."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch.nn import functional

from config.training import Recipe
from inference.labels import NORMAL_INDEX
from inference.network import RadiographNet, pneumonia_logit
from training.augment import augment
from training.dataset import Part
from training.metrics import rank_auc
from training.optimise import average, learning_rate
from training.precision import has_bfloat16
from training.ranks import Ranks
from training.run import EpochFigures, Progress, Teaching
from training.scores import reduced, score

Batch = tuple[torch.Tensor, torch.Generator]  # rows of the training images, and what draws them
StepBar = Callable[[Iterable[Batch], int, int], Iterable[Batch]]  # batches, epoch, their count


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    """What the network sees in one step: images, what to answer, and the true classes."""

    images: torch.Tensor
    targets: torch.Tensor
    classes: torch.Tensor


class _Tally:
    """What the steps of one epoch add up to."""

    def __init__(self) -> None:
        self.losses: list[torch.Tensor] = []
        self.logits: list[torch.Tensor] = []
        self.hits: list[torch.Tensor] = []
        self.classes: list[torch.Tensor] = []
        self.fetching_seconds = self.augmenting_seconds = 0.0

    def add(self, loss: torch.Tensor, scores: torch.Tensor, classes: torch.Tensor) -> None:
        self.losses.append(loss)
        self.logits.append(pneumonia_logit(scores))
        self.hits.append((scores.argmax(dim=1) == classes).float())
        self.classes.append(classes)

    def figures(self, ranks: Ranks) -> tuple[float, float, float | None]:
        """Mean loss and accuracy, and the AUC, over the changed images of all ranks."""
        is_ill = ranks.gathered(torch.cat(self.classes)).cpu().numpy() != NORMAL_INDEX
        logits = ranks.gathered(torch.cat(self.logits)).cpu().numpy()
        has_both = is_ill.any() and not is_ill.all()
        return (
            float(ranks.gathered(torch.stack(self.losses)).mean()),
            float(ranks.gathered(torch.cat(self.hits)).mean()),
            rank_auc(is_ill, logits) if has_both else None,
        )


class Trainer:
    """Holds what does not change during a run."""

    def __init__(
        self,
        recipe: Recipe,
        train: Part,
        validation: Part,
        *,
        ranks: Ranks,
        teaching: Teaching | None,
        step_bar: StepBar,
    ) -> None:
        self.recipe, self.ranks, self.validation = recipe, ranks, validation
        self.device, self.teaching, self.step_bar = ranks.device, teaching, step_bar
        self.images = train.images.to(self.device)
        self.classes = _outputs(train.classes, recipe.classes).to(self.device)
        counts = torch.bincount(self.classes.cpu(), minlength=recipe.classes).float()
        self.sampling = (1.0 / counts)[self.classes.cpu()]
        self.loss_weight = (
            (counts.sum() / (recipe.classes * counts)).to(self.device)
            if recipe.weighted_loss
            else None
        )
        # Its range is that of 32 bits, so no loss needs scaling.
        self.has_bfloat16 = has_bfloat16(self.device)
        self.steps_per_epoch = max(len(self.images) // recipe.batch_size, 1)

    def epoch(self, progress: Progress) -> EpochFigures:
        """Train one epoch and look at validation."""
        started = time.perf_counter()
        size = self.recipe.size_of(progress.epoch)
        seed = self.recipe.seed * 100_003 + progress.epoch + self.ranks.seed_offset
        torch.manual_seed(seed)  # dropout
        progress.network.train()
        tally = _Tally()
        for rows, generator in self.step_bar(
            self._batches(progress.epoch, seed), progress.epoch, self.steps_per_epoch
        ):
            drawn = self._draw(rows, progress.epoch, generator, tally)
            tally.add(*self._step(progress, drawn), drawn.classes)
        train_loss, train_accuracy, train_auc = tally.figures(self.ranks)
        loss, accuracy, auc = self._validate(progress.averaged, size)
        seconds = time.perf_counter() - started
        return EpochFigures(
            epoch=progress.epoch,
            size=size,
            learning_rate=learning_rate(self.recipe, progress.step, self.steps_per_epoch),
            train_loss=train_loss,
            train_accuracy=train_accuracy,
            train_auc=train_auc,
            validation_loss=loss,
            validation_accuracy=accuracy,
            validation_auc=auc,
            fetching_fraction=tally.fetching_seconds / seconds,
            loading_fraction=(tally.fetching_seconds + tally.augmenting_seconds) / seconds,
            seconds=seconds,
        )

    def _batches(self, epoch: int, seed: int) -> Iterator[Batch]:
        """Rows drawn so that every class is seen equally often (WeightedRandomSampler)."""
        sampler = torch.Generator().manual_seed(self.recipe.seed * 100_003 + epoch)
        count = self.steps_per_epoch * self.recipe.batch_size
        rows = torch.multinomial(self.sampling, count, replacement=True, generator=sampler)
        generator = torch.Generator(self.device).manual_seed(seed)
        for batch_rows in rows.to(self.device).split(self.recipe.batch_size):
            yield self.ranks.share(batch_rows), generator

    def _draw(
        self, rows: torch.Tensor, epoch: int, generator: torch.Generator, tally: _Tally
    ) -> _Drawn:
        recipe, finish = self.recipe, self.recipe.finish_of(epoch)
        started = time.perf_counter()
        images, classes = self.images[rows], self.classes[rows]
        fetched = time.perf_counter()
        limits = finish.augmentation if finish else recipe.augmentation
        size = recipe.size_of(epoch)
        drawn_size = max(size, *self.teaching.sizes) if self.teaching else size
        batch = augment(images, size=drawn_size, limits=limits, generator=generator)
        targets = functional.one_hot(classes, recipe.classes).float()
        targets = targets * (1 - recipe.label_smoothing) + recipe.label_smoothing / recipe.classes
        if recipe.mixup_alpha and not finish:
            batch, targets = _mixup(batch, targets, recipe.mixup_alpha, generator)
        tally.fetching_seconds += fetched - started
        tally.augmenting_seconds += time.perf_counter() - fetched
        if self.teaching:
            targets = self._taught(batch, targets, self.teaching)
        return _Drawn(images=reduced(batch, size), targets=targets, classes=classes)

    @torch.no_grad()
    def _taught(
        self, batch: torch.Tensor, targets: torch.Tensor, teaching: Teaching
    ) -> torch.Tensor:
        """Blend in the teachers' mean answer to the very images the network sees, Beyer 2022."""
        answers = [
            self._scores(network, reduced(batch, size)).softmax(dim=1)
            for network, size in zip(teaching.networks, teaching.sizes, strict=True)
        ]
        return targets.lerp(torch.stack(answers).mean(dim=0), teaching.share)

    def _scores(self, network: torch.nn.Module, batch: torch.Tensor) -> torch.Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.has_bfloat16):
            scores: torch.Tensor = network(batch.contiguous(memory_format=torch.channels_last))
        return scores.float()

    def _step(self, progress: Progress, drawn: _Drawn) -> tuple[torch.Tensor, torch.Tensor]:
        """Take one step and return loss and class scores."""
        for group in progress.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, progress.step, self.steps_per_epoch)
        scores = self._scores(progress.parallel, drawn.images)
        loss = functional.cross_entropy(scores, drawn.targets, weight=self.loss_weight)
        progress.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        progress.optimizer.step()
        progress.step += 1
        finish = self.recipe.finish_of(progress.epoch)
        longest = finish.ema_decay if finish else self.recipe.ema_decay
        decay = min(longest, (1 + progress.step) / (10 + progress.step))
        average(progress.averaged, progress.network, decay)
        return loss.detach(), scores.detach()

    def _validate(self, network: RadiographNet, size: int) -> list[float]:
        """Loss, accuracy and AUC on validation, scored on the first rank and told to the others."""
        values = torch.zeros(3, dtype=torch.float64, device=self.device)
        if self.ranks.is_first:
            logits = score(network, self.validation.images, size=size, device=self.device)
            values[:] = torch.tensor(_binary_figures(self.validation.classes.numpy(), logits))
        figures: list[float] = self.ranks.from_first(values).tolist()
        return figures


def _outputs(classes: torch.Tensor, count: int) -> torch.Tensor:
    return classes if count > 2 else (classes != NORMAL_INDEX).long()


def _mixup(
    batch: torch.Tensor, targets: torch.Tensor, alpha: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Blend each image with its neighbour, Zhang et al. 2018; the first weighs more."""
    first, second = (
        torch._standard_gamma(torch.full((len(batch),), alpha, device=batch.device), generator)
        for _ in range(2)
    )
    share = first / (first + second).clamp(min=1e-8)
    share = torch.maximum(share, 1 - share)
    image_share = share[:, None, None, None]
    return (
        image_share * batch + (1 - image_share) * batch.roll(1, 0),
        share[:, None] * targets + (1 - share[:, None]) * targets.roll(1, 0),
    )


def _binary_figures(classes: np.ndarray, logits: np.ndarray) -> tuple[float, float, float]:
    """Loss, accuracy at even odds and AUC, ill against well."""
    is_ill = classes != NORMAL_INDEX
    return (
        float(np.logaddexp(0, np.where(is_ill, -logits, logits)).mean()),
        float(((logits >= 0) == is_ill).mean()),
        float(roc_auc_score(is_ill, logits)),
    )
