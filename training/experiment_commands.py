"""The `hilum train` commands that train several networks and set them side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.training import DEFAULT_TRAINING_FILE, load_training_settings
from training.command_options import (
    DataOption,
    EpochsOption,
    LimitOption,
    ResultsOption,
    SettingsOption,
    TestOption,
    image_bar,
    one_line,
    recipe_of,
    show_epoch,
    step_bar,
)

if TYPE_CHECKING:
    from training.experiments import Bench, Outcome

app = typer.Typer()


def _bench(data: Path, out: Path, *, seed: int, limit: int | None, with_test: bool) -> Bench:
    import torch

    from training.dataset import open_data
    from training.experiments import Bench
    from training.kaggle import OFFICIAL_SPLITS
    from training.ranks import Ranks

    splits = OFFICIAL_SPLITS if with_test else ("train",)
    return Bench(
        prepared=open_data(data, seed=seed, splits=splits, progress=image_bar),
        folder=out,
        ranks=Ranks(device=torch.device("cuda" if torch.cuda.is_available() else "cpu")),
        limit=limit,
        with_test=with_test,
        report=lambda name, figures: show_epoch(figures, name),
        step_bar=step_bar,
    )


def _shown(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Print each outcome as it comes."""
    found = []
    for outcome in outcomes:
        measured = outcome.validation
        typer.echo(
            f"{outcome.name}: accuracy {measured.accuracy:.4f}, recall {measured.recall:.4f}, "
            f"AUC {measured.auc:.4f}, shifted AUC {outcome.shifted_auc:.4f}, "
            f"{outcome.milliseconds_per_image:.1f} ms per image"
        )
        found.append(outcome)
    return found


@app.command()
def tune(
    data: DataOption,
    out: ResultsOption,
    search: Annotated[
        bool, typer.Option("--search", help="Search instead of the named experiments.")
    ] = False,
    trials: Annotated[int | None, typer.Option(min=1, help="Of the search.")] = None,
    limit: LimitOption = None,
    epochs: EpochsOption = None,
    with_test: TestOption = False,
    settings: SettingsOption = DEFAULT_TRAINING_FILE,
) -> None:
    """Try learning rates, batch sizes and dropouts: a named grid, or a search."""
    with one_line():
        from training.report.experiments import save_outcomes
        from training.tune import run_grid, run_search

        loaded = load_training_settings(settings)
        recipe = recipe_of(loaded, loaded.tune.recipe, epochs)
        bench = _bench(data, out, seed=loaded.split_seed, limit=limit, with_test=with_test)
        kind, title = ("search", "Search") if search else ("tune", "Tuning")
        if search:
            chosen = loaded.tune.search
            chosen = chosen.model_copy(update={"trials": trials}) if trials else chosen
            outcomes = _shown(run_search(recipe, chosen, bench))
        else:
            outcomes = _shown(run_grid(recipe, loaded.tune, bench))
        save_outcomes(kind, title, outcomes, out, is_limited=bool(limit or epochs))
        best = max(outcomes, key=lambda outcome: outcome.score)
        typer.echo(f"best on validation and shifted validation: {best.name}")


@app.command()
def compare(
    data: DataOption,
    out: ResultsOption,
    limit: LimitOption = None,
    epochs: EpochsOption = None,
    with_test: TestOption = False,
    settings: SettingsOption = DEFAULT_TRAINING_FILE,
) -> None:
    """Train the settings' architectures by one recipe and set them side by side."""
    with one_line():
        from training.experiments import carry_out
        from training.report.experiments import save_outcomes

        loaded = load_training_settings(settings)
        recipe = recipe_of(loaded, loaded.compare.recipe, epochs)
        bench = _bench(data, out, seed=loaded.split_seed, limit=limit, with_test=with_test)
        outcomes = _shown(
            carry_out(name, recipe.model_copy(update={"architecture": name}), bench)
            for name in loaded.compare.architectures
        )
        title = f"Architectures by the recipe {loaded.compare.recipe}"
        save_outcomes("compare", title, outcomes, out, is_limited=bool(limit or epochs))


@app.command()
def folds(
    data: DataOption,
    out: ResultsOption,
    limit: LimitOption = None,
    epochs: EpochsOption = None,
    settings: SettingsOption = DEFAULT_TRAINING_FILE,
) -> None:
    """Cross-validate a recipe: patients in folds, each fold held out in turn."""
    with one_line():
        from training.experiments import carry_out
        from training.folds import held_out
        from training.report.experiments import save_outcomes

        loaded = load_training_settings(settings)
        count = loaded.folds.count
        recipe = recipe_of(loaded, loaded.folds.recipe, epochs)
        bench = _bench(data, out, seed=loaded.split_seed, limit=limit, with_test=False)

        def bench_of(fold: int) -> Bench:
            prepared = held_out(bench.prepared, fold=fold, count=count, seed=loaded.split_seed)
            return replace(bench, prepared=prepared)

        outcomes = _shown(
            carry_out(f"fold {fold + 1} of {count}", recipe, bench_of(fold))
            for fold in range(count)
        )
        title = f"{count} folds by patient, recipe {loaded.folds.recipe}"
        save_outcomes("folds", title, outcomes, out, is_limited=bool(limit or epochs))


@app.command()
def ensemble(
    data: DataOption,
    out: ResultsOption,
    member: Annotated[list[Path], typer.Option("--member", help="Run folder; give several.")],
    distil: Annotated[
        bool, typer.Option("--distil", help="Also train one network towards their mean answer.")
    ] = False,
    limit: LimitOption = None,
    epochs: EpochsOption = None,
    with_test: TestOption = False,
    settings: SettingsOption = DEFAULT_TRAINING_FILE,
) -> None:
    """Let finished runs vote, average their answers, and teach one network."""
    with one_line():
        from training.ensemble import combine, load_members, teaching_of
        from training.experiments import carry_out
        from training.report.experiments import save_ensemble

        loaded = load_training_settings(settings)
        recipe = recipe_of(loaded, loaded.ensemble.recipe, epochs)
        bench = _bench(data, out, seed=loaded.split_seed, limit=limit, with_test=with_test)
        members = load_members(member, bench.prepared)
        combined = []
        for answer in combine(
            members, bench.prepared, ranks=bench.ranks, limit=limit, with_test=with_test
        ):
            typer.echo(
                f"{' + '.join(answer.members)}, {answer.way}: "
                f"accuracy {answer.validation.accuracy:.4f}, AUC {answer.validation.auc:.4f}"
            )
            combined.append(answer)
        student = None
        if distil:
            share = loaded.ensemble.teacher_share
            teaching = teaching_of(members, share=share, classes=recipe.classes, ranks=bench.ranks)
            [student] = _shown([carry_out("student", recipe, replace(bench, teaching=teaching))])
        save_ensemble(combined, student, out, is_limited=bool(limit or epochs))
