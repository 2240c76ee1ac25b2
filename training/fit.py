"""Trains a network on a prepared set: one loop, one checkpoint per epoch, resumable to the bit."""

import copy
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from config.training import Recipe
from inference.network import RadiographNet, build_network
from training.dataset import PreparedSet
from training.errors import PretrainedUnreachable, RunUnusable
from training.optimise import optimizer_of
from training.ranks import Ranks
from training.run import (
    Beginning,
    EpochFigures,
    Progress,
    Teaching,
    open_run,
    restore_progress,
    save_progress,
)
from training.trainer import Batch, StepBar, Trainer

SMALLEST_PART = 8  # images of a limited validation part
FROM_RANDOM = Beginning()


def _silent(_figures: EpochFigures) -> None:
    """Report nothing."""


def no_bar(batches: Iterable[Batch], _epoch: int, _count: int) -> Iterable[Batch]:
    """Show nothing."""
    return batches


def fit(
    prepared: PreparedSet,
    recipe: Recipe,
    run: Path,
    *,
    ranks: Ranks,
    limit: int | None = None,
    resume: bool = False,
    beginning: Beginning = FROM_RANDOM,
    teaching: Teaching | None = None,
    report: Callable[[EpochFigures], None] = _silent,
    step_bar: StepBar = no_bar,
) -> list[EpochFigures]:
    """Train by a recipe and leave the averaged weights in `run`.

    Safe to call again with `resume`: it goes on after the last whole epoch and, on the same
    machine, ends with the same figures as a run that was never interrupted, because every
    epoch draws its random numbers from its own seed.

    Raises
    ------
    RunUnusable
        `resume` with another recipe or other data than the run was started with, or weights to
        begin with that do not fit the recipe.
    PretrainedUnreachable
        The pretrained weights cannot be fetched.
    OutOfSpace
        A checkpoint cannot be written; the one before it is still whole.
    """
    ranks.check_batch(recipe.batch_size)
    train, validation = prepared.part("train"), prepared.part("validation")
    if limit is not None:
        train, validation = train.first(limit), validation.first(max(limit // 4, SMALLEST_PART))
    network = new_network(recipe, beginning).to(ranks.device)
    if ranks.is_first:
        open_run(run, recipe, prepared, limit=limit, resume=resume, origins=(beginning, teaching))
    ranks.wait()
    progress = Progress(
        network=network,
        parallel=ranks.parallel(network),
        averaged=copy.deepcopy(network).eval(),
        optimizer=optimizer_of(network, recipe),
        history=[],
    )
    if resume:
        restore_progress(progress, run, ranks.device)
    trainer = Trainer(recipe, train, validation, ranks=ranks, teaching=teaching, step_bar=step_bar)
    while progress.epoch < recipe.epochs:
        progress.history.append(trainer.epoch(progress))
        if ranks.is_first:
            save_progress(progress, run)
            report(progress.history[-1])
    return progress.history


def new_network(recipe: Recipe, beginning: Beginning) -> RadiographNet:
    """Build the recipe's network with the weights that it is to begin with.

    Raises
    ------
    RunUnusable
        The architecture is unknown or not installed, or the weights are of another one.
    PretrainedUnreachable
        The pretrained weights cannot be fetched.
    """
    torch.manual_seed(recipe.seed)
    try:
        network = build_network(
            recipe.architecture,
            outputs=recipe.classes,
            dropout=recipe.dropout,
            pretrained=beginning.from_imagenet,
        )
    except KeyError as error:
        raise RunUnusable(f"recipe: unknown architecture {recipe.architecture}") from error
    except ImportError as error:
        raise RunUnusable(
            f"recipe: {recipe.architecture} needs the extra `imagenet` ({error.name} is missing)"
        ) from error
    except OSError as error:  # URLError is one
        raise PretrainedUnreachable(f"pretrained {recipe.architecture}: {error}") from error
    if beginning.weights is not None:
        try:
            network.load_state_dict(beginning.weights)
        except RuntimeError as error:
            raise RunUnusable(
                f"{beginning.origin}: not a network of this recipe's architecture and classes"
            ) from error
    channels_last: RadiographNet = network.to(memory_format=torch.channels_last)
    return channels_last
