"""The `hilum train` commands that look at images and at what was found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from training.command_options import image_bar, installed_bundles, one_line

app = typer.Typer()


@app.command()
def eda(
    data: Annotated[Path, typer.Option("--data", help="Folder in the Kaggle layout.")],
    out: Annotated[Path, typer.Option("--out", help="Run folder.")],
) -> None:
    """Look at the images: classes, shapes, grey values, duplicates, patients in both splits."""
    with one_line():
        from training.explore import explore
        from training.report.exploration import save_exploration

        found = explore(data, progress=image_bar)
        save_exploration(found, out)
        for split, counts in found.counts.items():
            shown = ", ".join(f"{count} {name}" for name, count in counts.items())
            typer.echo(f"{split}: {shown}; {found.patients[split]} patient keys")
        typer.echo(f"patient keys in both splits: {len(found.patients_in_both)}")
        typer.echo(f"groups of byte-identical images: {len(found.duplicates)}")


@app.command()
def report(
    runs: Annotated[Path, typer.Option("--runs", help="Folder with run folders.")],
    out: Annotated[Path, typer.Option("--out", help="Where the report goes.")],
    bundle: Annotated[str, typer.Option("--bundle", help="Name or folder.")] = "default",
    without_patients: Annotated[
        bool,
        typer.Option("--without-patients", help="Leave out pictures that show radiographs."),
    ] = False,
) -> None:
    """Put everything found in saved runs into one HTML file, and Markdown."""
    with one_line():
        from inference.bundle import verify_bundle
        from training.evaluate import locate_bundle
        from training.report.document import HTML_FILE, write_report

        manifest = verify_bundle(locate_bundle(bundle, installed_bundles()))
        pages = write_report(runs, manifest, out, with_patients=not without_patients)
        for page in pages:
            typer.echo(page.title)
        typer.echo(out / HTML_FILE)
