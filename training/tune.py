"""Tries settings of a recipe: a grid of named experiments, and a search that learns from itself."""

from collections.abc import Iterator

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
)

from config.training import Recipe, RecipeChanges, SearchSettings, TuneSettings
from training.experiments import Bench, Outcome, carry_out


def run_grid(recipe: Recipe, settings: TuneSettings, bench: Bench) -> Iterator[Outcome]:
    """Carry out the named experiments one after the other."""
    for name, changes in settings.experiments.items():
        yield carry_out(name, recipe.with_changes(changes), bench)


def run_search(recipe: Recipe, settings: SearchSettings, bench: Bench) -> Iterator[Outcome]:
    """Let optuna's tree-structured Parzen estimator propose settings, best outcome sought.

    Every proposal depends on the seed, its number and the outcomes before it alone, so an
    interrupted search proposes the same again and finds the finished experiments done.
    """
    space: dict[str, BaseDistribution] = {
        "learning_rate": FloatDistribution(*settings.learning_rate, log=True),
        "dropout": FloatDistribution(*settings.dropout),
        "batch_size": CategoricalDistribution(settings.batch_size),
    }
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    for number in range(settings.trials):
        study.sampler = optuna.samplers.TPESampler(seed=settings.seed + number)
        trial = study.ask(space)
        changes = RecipeChanges.model_validate(trial.params)
        outcome = carry_out(f"trial {number}", recipe.with_changes(changes), bench)
        study.tell(trial, outcome.score)
        yield outcome
