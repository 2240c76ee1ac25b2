"""Trains a network on a prepared set: one loop, one checkpoint per epoch, resumable to the bit."""

import copy
import math
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.nn import functional

from config.training import Recipe
from inference.labels import NORMAL_INDEX
from inference.network import RadiographNet, build_network
from training.augment import augment
from training.dataset import Part, PreparedSet
from training.errors import PretrainedUnreachable, RunUnusable
from training.run import EpochFigures, Progress, open_run, restore_progress, save_progress
from training.scores import score

SMALLEST_PART = 8  # images of a limited validation part


Batch = tuple[torch.Tensor, torch.Generator]  # rows of the training images, and what draws them
StepBar = Callable[[Iterable[Batch], int, int], Iterable[Batch]]  # batches, epoch, their count


def _silent(_figures: EpochFigures) -> None:
    """Report nothing."""


def _no_bar(batches: Iterable[Batch], _epoch: int, _count: int) -> Iterable[Batch]:
    return batches


def fit(
    prepared: PreparedSet,
    recipe: Recipe,
    run: Path,
    *,
    device: torch.device,
    limit: int | None = None,
    resume: bool = False,
    pretrained: bool = False,
    report: Callable[[EpochFigures], None] = _silent,
    step_bar: StepBar = _no_bar,
) -> list[EpochFigures]:
    """Train by a recipe and leave the averaged weights in `run`.

    Safe to call again with `resume`: it goes on after the last whole epoch and, on the same
    machine, ends with the same figures as a run that was never interrupted, because every
    epoch draws its random numbers from its own seed.

    Raises
    ------
    RunUnusable
        `resume` with another recipe or other data than the run was started with.
    PretrainedUnreachable
        The pretrained weights cannot be fetched.
    OutOfSpace
        A checkpoint cannot be written; the one before it is still whole.
    """
    train, validation = prepared.part("train"), prepared.part("validation")
    if limit is not None:
        train, validation = train.first(limit), validation.first(max(limit // 4, SMALLEST_PART))
    open_run(run, recipe, prepared, limit=limit, resume=resume)
    network = _new_network(recipe, pretrained=pretrained).to(device)
    progress = Progress(
        network=network,
        averaged=copy.deepcopy(network).eval(),
        optimizer=_optimizer(network, recipe),
        history=[],
    )
    if resume:
        restore_progress(progress, run, device)
    trainer = _Trainer(recipe, train, validation, device, step_bar)
    while progress.epoch < recipe.epochs:
        progress.history.append(trainer.epoch(progress))
        save_progress(progress, run)
        report(progress.history[-1])
    return progress.history


def _new_network(recipe: Recipe, *, pretrained: bool) -> RadiographNet:
    torch.manual_seed(recipe.seed)
    try:
        network = build_network(
            recipe.architecture,
            outputs=recipe.classes,
            dropout=recipe.dropout,
            pretrained=pretrained,
        )
    except KeyError as error:
        raise RunUnusable(f"recipe: unknown architecture {recipe.architecture}") from error
    except OSError as error:  # URLError is one
        raise PretrainedUnreachable(f"pretrained {recipe.architecture}: {error}") from error
    channels_last: RadiographNet = network.to(memory_format=torch.channels_last)
    return channels_last


class _Trainer:
    """Holds what does not change during a run."""

    def __init__(
        self,
        recipe: Recipe,
        train: Part,
        validation: Part,
        device: torch.device,
        step_bar: StepBar,
    ) -> None:
        self.recipe, self.device, self.validation = recipe, device, validation
        self.step_bar = step_bar
        self.images = train.images.to(device)
        self.classes = _outputs(train.classes, recipe.classes).to(device)
        counts = torch.bincount(self.classes.cpu(), minlength=recipe.classes).float()
        self.sampling = (1.0 / counts)[self.classes.cpu()]
        self.loss_weight = (
            (counts.sum() / (recipe.classes * counts)).to(device) if recipe.weighted_loss else None
        )
        self.steps_per_epoch = max(len(self.images) // recipe.batch_size, 1)
        self.main_steps = self.steps_per_epoch * recipe.main_epochs

    def epoch(self, progress: Progress) -> EpochFigures:
        """Train one epoch and look at validation."""
        started = time.perf_counter()
        size = self.recipe.size_of(progress.epoch)
        seed = self.recipe.seed * 100_003 + progress.epoch
        torch.manual_seed(seed)  # dropout
        progress.network.train()
        losses, hits, loading = [], [], 0.0
        for rows, generator in self.step_bar(
            self._batches(seed), progress.epoch, self.steps_per_epoch
        ):
            fetched = time.perf_counter()
            batch, targets, classes = self._draw(rows, progress.epoch, generator)
            loading += time.perf_counter() - fetched
            loss, scores = self._step(progress, batch, targets)
            losses.append(loss)
            hits.append((scores.argmax(dim=1) == classes).float().mean())
        logits = score(progress.averaged, self.validation.images, size=size, device=self.device)
        seconds = time.perf_counter() - started
        return EpochFigures(
            epoch=progress.epoch,
            size=size,
            learning_rate=self._learning_rate(progress.step),
            train_loss=float(torch.stack(losses).mean()),
            train_accuracy=float(torch.stack(hits).mean()),
            **_validation_figures(self.validation.classes.numpy(), logits),
            loading_fraction=loading / seconds,
            seconds=seconds,
        )

    def _batches(self, seed: int) -> Iterator[Batch]:
        """Rows drawn so that every class is seen equally often (WeightedRandomSampler)."""
        sampler = torch.Generator().manual_seed(seed)
        count = self.steps_per_epoch * self.recipe.batch_size
        rows = torch.multinomial(self.sampling, count, replacement=True, generator=sampler)
        generator = torch.Generator(self.device).manual_seed(seed)
        for batch_rows in rows.to(self.device).split(self.recipe.batch_size):
            yield batch_rows, generator

    def _draw(
        self, rows: torch.Tensor, epoch: int, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        recipe, finish = self.recipe, self.recipe.finish_of(epoch)
        limits = finish.augmentation if finish else recipe.augmentation
        batch = augment(
            self.images[rows], size=recipe.size_of(epoch), limits=limits, generator=generator
        )
        classes = self.classes[rows]
        targets = functional.one_hot(classes, recipe.classes).float()
        targets = targets * (1 - recipe.label_smoothing) + recipe.label_smoothing / recipe.classes
        if recipe.mixup_alpha and not finish:
            batch, targets = _mixup(batch, targets, recipe.mixup_alpha, generator)
        return batch, targets, classes

    def _step(
        self, progress: Progress, batch: torch.Tensor, targets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        for group in progress.optimizer.param_groups:
            group["lr"] = self._learning_rate(progress.step)
        precision = torch.float16 if self.device.type == "cuda" else torch.bfloat16
        if self.device.type == "cuda" and torch.cuda.is_bf16_supported():
            precision = torch.bfloat16  # no loss scaling needed
        with torch.autocast(self.device.type, dtype=precision):
            scores = progress.network(batch.contiguous(memory_format=torch.channels_last))
        scores = scores.float()
        loss = functional.cross_entropy(scores, targets, weight=self.loss_weight)
        progress.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        progress.optimizer.step()
        progress.step += 1
        finish = self.recipe.finish_of(progress.epoch)
        longest = finish.ema_decay if finish else self.recipe.ema_decay
        decay = min(longest, (1 + progress.step) / (10 + progress.step))
        _average(progress.averaged, progress.network, decay)
        return loss.detach(), scores.detach()

    def _learning_rate(self, step: int) -> float:
        recipe = self.recipe
        if recipe.finish and step >= self.main_steps:
            steps = self.steps_per_epoch * recipe.finish.epochs
            return recipe.finish.learning_rate * _cosine((step - self.main_steps) / steps)
        warmup = recipe.warmup_fraction * self.main_steps
        if step < warmup:
            return recipe.learning_rate * (step + 1) / warmup
        if recipe.schedule == "constant":
            return recipe.learning_rate
        return recipe.learning_rate * _cosine((step - warmup) / max(self.main_steps - warmup, 1))


def _cosine(done: float) -> float:
    """Fall from one to a hundredth along half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * min(done, 1.0))) * 0.99 + 0.01


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


@torch.no_grad()
def _average(averaged: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the averaged weights (and batch statistics) a little towards the trained ones."""
    for mean, value in zip(
        averaged.state_dict().values(), network.state_dict().values(), strict=True
    ):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": recipe.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=0.9, nesterov=True)
    maker = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return maker(groups, lr=recipe.learning_rate)


def _validation_figures(classes: np.ndarray, logits: np.ndarray) -> dict[str, float]:
    is_ill = classes != NORMAL_INDEX
    return {
        "validation_loss": float(np.logaddexp(0, np.where(is_ill, -logits, logits)).mean()),
        "validation_accuracy": float(((logits >= 0) == is_ill).mean()),
        "validation_auc": float(roc_auc_score(is_ill, logits)),
    }
