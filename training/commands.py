"""The `hilum train` commands: options in, one clear line out when something is wrong."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from config.training import DEFAULT_TRAINING_FILE, load_training_settings
from training import experiment_commands, report_commands
from training.command_options import (
    DataOption,
    EpochsOption,
    LimitOption,
    SettingsOption,
    image_bar,
    installed_bundles,
    one_line,
    recipe_of,
    show_epoch,
    step_bar,
)
from training.errors import TrainingError

# torch is imported by the commands that need it, so that `--help` answers at once.
if TYPE_CHECKING:
    from training.metrics import Figures
    from training.run import Beginning

SAMPLES = Path(__file__).with_name("samples")

app = typer.Typer(name="train", help="Make and measure model bundles.", no_args_is_help=True)

app.add_typer(experiment_commands.app)
app.add_typer(report_commands.app)


@app.command()
def prepare(
    data: Annotated[Path, typer.Option("--data", help="Folder in the Kaggle layout.")],
    out: Annotated[Path, typer.Option("--out", help="Where objects and arrays go.")],
    settings: SettingsOption = DEFAULT_TRAINING_FILE,
) -> None:
    """Turn a Kaggle folder into DICOM-like objects, split by patient, preprocessed once."""
    with one_line():
        from training.prepare import prepare as run_prepare

        prepared = run_prepare(
            data, out, seed=load_training_settings(settings).split_seed, progress=image_bar
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
    limit: LimitOption = None,
    epochs: EpochsOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run.")] = False,
    pretrained: Annotated[
        bool, typer.Option("--pretrained", help="Begin with ImageNet weights.")
    ] = False,
    begin_with: Annotated[
        str | None,
        typer.Option("--begin-with", help="Begin with the weights of this bundle or run."),
    ] = None,
    taught_by: Annotated[
        list[Path] | None,
        typer.Option("--taught-by", help="Run folder of a teacher; may be given several times."),
    ] = None,
    film_block: Annotated[
        bool,
        typer.Option("--film-block", help="Hold out the lowest film numbers, not random patients."),
    ] = False,
    settings: SettingsOption = DEFAULT_TRAINING_FILE,
) -> None:
    """Train a network; one checkpoint per epoch. Several processes: start it through torchrun."""
    with one_line():
        from training.dataset import open_data
        from training.ensemble import load_member, teaching_of
        from training.film_block import lowest_films_held_out
        from training.fit import fit as run_fit
        from training.fit import no_bar
        from training.ranks import joined_ranks

        loaded = load_training_settings(settings)
        chosen = recipe_of(loaded, recipe, epochs)
        beginning = _beginning(begin_with, pretrained=pretrained)
        prepared = open_data(data, seed=loaded.split_seed, splits=("train",), progress=image_bar)
        if film_block:
            prepared = lowest_films_held_out(prepared, share=loaded.film_block.share)
        members = [load_member(run, prepared) for run in taught_by or ()]
        with joined_ranks() as ranks:
            teaching = teaching_of(
                members,
                share=loaded.ensemble.teacher_share,
                classes=chosen.classes,
                ranks=ranks,
            )
            run_fit(
                prepared,
                chosen,
                run,
                ranks=ranks,
                limit=limit,
                resume=resume,
                beginning=beginning,
                teaching=teaching,
                report=show_epoch,
                step_bar=step_bar if ranks.is_first else no_bar,
            )


def _beginning(name: str | None, *, pretrained: bool) -> Beginning:
    from training.beginning import begin_with
    from training.run import IMAGENET, Beginning

    if name and pretrained:
        raise TrainingError("--begin-with and --pretrained exclude each other")
    if name:
        return begin_with(name, installed_bundles())
    return Beginning(origin=IMAGENET if pretrained else None)


@app.command("average")
def average_runs(
    run: Annotated[Path, typer.Option("--run", help="Finished run folder.")],
    with_weights: Annotated[str, typer.Option("--with", help="Bundle or run to average with.")],
    out: Annotated[Path, typer.Option("--out", help="Run folder to write.")],
    share: Annotated[float, typer.Option(min=0.0, max=1.0, help="Of the other's weights.")] = 0.5,
) -> None:
    """Average the weights of a run with those it began with, or others of the same start."""
    with one_line():
        from training.averaging import average_weights
        from training.beginning import begin_with

        average_weights(run, begin_with(with_weights, installed_bundles()), out, share=share)
        typer.echo(out)


@app.command()
def evaluate(
    data: DataOption,
    bundle: Annotated[str, typer.Option("--bundle", help="Name or folder.")] = "default",
    split: Annotated[str, typer.Option("--split", help="test or validation.")] = "test",
    out: Annotated[
        Path | None, typer.Option("--out", help="Run folder for curves, tables and failures.")
    ] = None,
    settings: SettingsOption = DEFAULT_TRAINING_FILE,
) -> None:
    """Print a bundle's figures on labelled images; with --out also curves and failures."""
    with one_line():
        from inference.model import load_classifier
        from training.dataset import open_data
        from training.evaluate import evaluate_fully, locate_bundle
        from training.report.evaluation import save_evaluation

        if split not in ("test", "validation"):
            raise TrainingError(f"no split {split}; there are test, validation")
        classifier = load_classifier(locate_bundle(bundle, installed_bundles()))
        official = "test" if split == "test" else "train"
        prepared = open_data(
            data,
            seed=load_training_settings(settings).split_seed,
            splits=(official,),
            progress=image_bar,
        )
        part = prepared.part(split)
        evaluation = evaluate_fully(classifier, part, split=split)
        if out is not None:
            save_evaluation(evaluation, part, out)
        _show_figures(split, evaluation.figures)
        typer.echo(json.dumps(evaluation.record(), indent=1))


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


@app.command()
def publish(
    data: DataOption,
    run: Annotated[Path, typer.Option("--run", help="Finished run folder.")],
    out: Annotated[Path, typer.Option("--out", help="Bundle folder.")],
    version: Annotated[str, typer.Option("--version", help="Version of the bundle.")],
    name: Annotated[str, typer.Option("--name", help="Name of the bundle.")] = "default",
    calibrate_by: Annotated[
        Path | None,
        typer.Option(
            "--calibrate-by", help="Run folder of `fit --film-block`, same kind of network."
        ),
    ] = None,
    skip_test: Annotated[
        bool, typer.Option("--skip-test", help="Leave the test split unseen (interim bundles).")
    ] = False,
    settings: SettingsOption = DEFAULT_TRAINING_FILE,
) -> None:
    """Calibrate on held-out films, measure the test split once, write the bundle."""
    with one_line():
        from training.dataset import open_data
        from training.publish import Identity, judge_of
        from training.publish import publish as run_publish
        from training.run import load_run
        from training.vectors import sample_vectors

        loaded = load_training_settings(settings)
        prepared = open_data(data, seed=loaded.split_seed, progress=image_bar)
        manifest = run_publish(
            load_run(run),
            prepared,
            out,
            identity=Identity(name=name, version=version, created=datetime.now(UTC).date()),
            settings=loaded.publish,
            vectors=sample_vectors(SAMPLES),
            judge=judge_of(calibrate_by, prepared, loaded.film_block) if calibrate_by else None,
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
    with one_line():
        from training.dataset import open_data
        from training.evaluate import locate_bundle
        from training.publish import add_gate

        folder = locate_bundle(bundle, installed_bundles())
        prepared = open_data(
            data, seed=load_training_settings(settings).split_seed, progress=image_bar
        )
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
    with one_line():
        from inference.model import load_classifier
        from training.dataset import open_data
        from training.evaluate import locate_bundle
        from training.samples import write_samples

        prepared = open_data(
            data,
            seed=load_training_settings(settings).split_seed,
            splits=("train",),
            progress=image_bar,
        )
        classifier = load_classifier(locate_bundle(bundle, installed_bundles()))
        for name, sample in write_samples(prepared, classifier, out, seed=seed).items():
            typer.echo(f"{name}: P(pneumonia) {sample.probability:.3f}")
