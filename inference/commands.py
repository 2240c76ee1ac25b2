"""The `hilum model` commands."""

from pathlib import Path
from typing import Annotated

import typer

from config.command_line import ConfigOption, SecretsOption, fail, site_settings
from inference.bundle import (
    CARD_FILE,
    BundleManifest,
    bundle_folder,
    folders_of_bundles,
    read_manifest,
)
from inference.errors import InferenceError
from inference.installing import install_bundle
from inference.model import largest_vector_difference, load_classifier, verify_vectors
from inference.served import load_served, threads_of

app = typer.Typer(help="The model bundles of this installation.", no_args_is_help=True)

BundleArgument = Annotated[str, typer.Argument(help="Name or folder of a bundle.")]


@app.command("list")
def list_models(config: ConfigOption = None, secrets: SecretsOption = None) -> None:
    """Name the bundles that ship and the installed ones, with version and architecture."""
    settings = site_settings(config, secrets)
    for folder in folders_of_bundles(settings.installed_bundles):
        try:
            manifest = read_manifest(folder)
        except InferenceError as error:
            typer.echo(f"{folder.name}: {error}", err=True)
            continue
        in_use = "  in use" if folder.name == settings.model.bundle else ""
        typer.echo(f"{folder.name}: {_named(manifest)} ({manifest.architecture}){in_use}")


@app.command("show")
def show_model(
    bundle: BundleArgument = "default",
    config: ConfigOption = None,
    secrets: SecretsOption = None,
) -> None:
    """Print a bundle's model card."""
    try:
        card = _folder(bundle, config, secrets) / CARD_FILE
        typer.echo(card.read_text(encoding="utf-8"))
    except OSError as error:
        fail(f"{bundle}: {error.strerror}")


@app.command("verify")
def verify_model(
    bundle: BundleArgument = "default",
    config: ConfigOption = None,
    secrets: SecretsOption = None,
) -> None:
    """Check a bundle's hashes and run its test vectors again, as published and as served here."""
    settings = site_settings(config, secrets)
    folder = bundle_folder(bundle, settings.installed_bundles)
    try:
        _, difference = _verified(folder)
        typer.echo(f"{bundle}: intact; test vectors differ by at most {difference:.1e}")
        if settings.model.device == "cpu":  # a GPU may be another machine's
            served = load_served(folder, settings.model, threads=threads_of(settings.worker))
            difference = largest_vector_difference(served, folder)
            typer.echo(f"{bundle}: served by {served.engine_name}; they differ by {difference:.1e}")
    except InferenceError as error:
        fail(f"{bundle}: {error}")


@app.command("install")
def install_model(
    folder: Annotated[Path, typer.Argument(help="A bundle, as `hilum train publish` writes one.")],
    name: Annotated[
        str | None, typer.Option(help="To find it by; else its own name and version.")
    ] = None,
    config: ConfigOption = None,
    secrets: SecretsOption = None,
) -> None:
    """Verify a bundle as `verify` does, then take a copy of it in, to be served by its name.

    What is installed is never replaced: versions lie side by side.
    """
    installed = site_settings(config, secrets).installed_bundles
    try:
        manifest, difference = _verified(folder)
        place = install_bundle(folder, manifest, installed, name=name)
    except InferenceError as error:
        fail(f"not installed: {error}")
    typer.echo(f"{folder}: intact; test vectors differ by at most {difference:.1e}")
    typer.echo(f"{_named(manifest)} is installed in {place}")
    typer.echo(f"to serve it: `model: {{bundle: {place.name}}}`, hilum check-config, restart")


def _folder(bundle: str, config: Path | None, secrets: Path | None) -> Path:
    return bundle_folder(bundle, site_settings(config, secrets).installed_bundles)


def _verified(folder: Path) -> tuple[BundleManifest, float]:
    """Return a bundle's manifest, and how far this machine is from what it promises."""
    classifier = load_classifier(folder)
    return classifier.manifest, verify_vectors(classifier, folder)


def _named(manifest: BundleManifest) -> str:
    return f"{manifest.name} {manifest.version}"
