"""The `hilum model` commands."""

from typing import Annotated

import typer

from config.command_line import fail
from inference.bundle import SHIPPED_BUNDLES, bundle_folder, read_manifest
from inference.errors import InferenceError
from inference.model import load_classifier, verify_vectors

app = typer.Typer(help="The model bundles of this installation.", no_args_is_help=True)

BundleArgument = Annotated[str, typer.Argument(help="Name or folder of a bundle.")]


@app.command("list")
def list_models() -> None:
    """Name the bundles that ship, with version and architecture."""
    for folder in sorted(SHIPPED_BUNDLES.glob("*/")):
        try:
            manifest = read_manifest(folder)
        except InferenceError as error:
            typer.echo(f"{folder.name}: {error}", err=True)
            continue
        typer.echo(f"{folder.name}: {manifest.name} {manifest.version} ({manifest.architecture})")


@app.command("show")
def show_model(bundle: BundleArgument = "default") -> None:
    """Print a bundle's model card."""
    try:
        card = bundle_folder(bundle) / "docs" / "README.md"
        typer.echo(card.read_text(encoding="utf-8"))
    except OSError as error:
        fail(f"{bundle}: {error.strerror}")


@app.command("verify")
def verify_model(bundle: BundleArgument = "default") -> None:
    """Check a bundle's hashes and run its test vectors again."""
    folder = bundle_folder(bundle)
    try:
        difference = verify_vectors(load_classifier(folder), folder)
    except InferenceError as error:
        fail(f"{bundle}: {error}")
    typer.echo(f"{bundle}: intact; test vectors differ by at most {difference:.1e}")
