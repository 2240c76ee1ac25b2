"""How weights move: optimizer, learning rate over the run, and the running mean that is kept."""

import math

import torch
from torch import nn

from config.training import Recipe


def optimizer_of(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Make the recipe's optimizer; biases and batch-norm weights are not decayed."""
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


def learning_rate(recipe: Recipe, step: int, steps_per_epoch: int) -> float:
    """Learning rate at a step of the run, counted from 0."""
    main_steps = steps_per_epoch * recipe.main_epochs
    if recipe.finish and step >= main_steps:
        steps = steps_per_epoch * recipe.finish.epochs
        return recipe.finish.learning_rate * _cosine((step - main_steps) / steps)
    warmup = recipe.warmup_fraction * main_steps
    if step < warmup:
        return recipe.learning_rate * (step + 1) / warmup
    if recipe.schedule == "constant":
        return recipe.learning_rate
    return recipe.learning_rate * _cosine((step - warmup) / max(main_steps - warmup, 1))


def _cosine(done: float) -> float:
    """Fall from one to a hundredth along half a cosine."""
    return 0.5 * (1 + math.cos(math.pi * min(done, 1.0))) * 0.99 + 0.01


@torch.no_grad()
def average(averaged: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the averaged weights (and batch statistics) a little towards the trained ones."""
    for mean, value in zip(
        averaged.state_dict().values(), network.state_dict().values(), strict=True
    ):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)
