"""Puts the pages of saved runs together: one HTML file that needs no other, and Markdown."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jinja2 import Environment, PackageLoader, select_autoescape

from inference.bundle import BundleManifest
from training.disk import write_file
from training.errors import RunUnusable
from training.report.page import PAGE_ENDING, Page, load_page
from training.report.published import published_page
from training.report.runs import bundle_page, run_page
from training.run import HISTORY_FILE

TITLE = "Hilum: training report"
HTML_FILE, MARKDOWN_FILE, PICTURE_FOLDER = "report.html", "report.md", "pictures"


@dataclass(frozen=True, kw_only=True)
class Illustrated:
    """A page and the content of its pictures by file name."""

    page: Page
    pictures: Mapping[str, bytes]


def write_report(
    runs: Path, manifest: BundleManifest, out: Path, *, with_patients: bool
) -> list[Page]:
    """Write the report of everything below a folder, and of one bundle, and return its pages.

    Parameters
    ----------
    with_patients
        Show pictures on which patients' radiographs are seen.

    Raises
    ------
    RunUnusable
        A page of results is broken or lacks a picture.
    OutOfSpace
        The disk is full.
    """
    pages = _collect(runs, manifest)
    if not with_patients:
        pages = [_without_patients(illustrated) for illustrated in pages]
    write_file(out / HTML_FILE, render_html(pages).encode())
    for illustrated in pages:
        for file, content in illustrated.pictures.items():
            write_file(out / PICTURE_FOLDER / file, content)
    write_file(out / MARKDOWN_FILE, render_markdown([i.page for i in pages]).encode())
    return [illustrated.page for illustrated in pages]


def _collect(runs: Path, manifest: BundleManifest) -> list[Illustrated]:
    if not runs.is_dir():
        raise RunUnusable(f"{runs}: no folder of runs")
    pages = [
        Illustrated(page=bundle_page(manifest), pictures={}),
        Illustrated(page=published_page(manifest), pictures={}),
    ]
    for path in sorted(runs.rglob(f"*{PAGE_ENDING}")):
        pages.append(_read(path, runs))
    for path in sorted(runs.rglob(HISTORY_FILE)):
        page, drawn = run_page(path.parent, path.parent.relative_to(runs).as_posix())
        pages.append(Illustrated(page=page, pictures=drawn))
    return sorted(pages, key=lambda illustrated: illustrated.page.place)


def _read(path: Path, runs: Path) -> Illustrated:
    """Read a page; its pictures get names that no other page's have."""
    page = load_page(path)
    prefix = "-".join(path.parent.relative_to(runs).parts)
    named, contents = [], {}
    for picture in page.pictures:
        name = f"{prefix}-{picture.file}" if prefix else picture.file
        try:
            contents[name] = (path.parent / picture.file).read_bytes()
        except OSError as error:
            raise RunUnusable(f"{path.parent / picture.file}: {error.strerror}") from error
        named.append(replace(picture, file=name))
    return Illustrated(page=replace(page, pictures=tuple(named)), pictures=contents)


def _without_patients(illustrated: Illustrated) -> Illustrated:
    shown = tuple(p for p in illustrated.page.pictures if not p.shows_patients)
    return Illustrated(
        page=replace(illustrated.page, pictures=shown),
        pictures={picture.file: illustrated.pictures[picture.file] for picture in shown},
    )


def render_html(pages: Sequence[Illustrated]) -> str:
    """Render one file that needs no other: styles and pictures inside."""
    environment = Environment(
        loader=PackageLoader("training.report", "."), autoescape=select_autoescape(["html"])
    )
    return environment.get_template("report.html").render(
        title=TITLE,
        pages=[illustrated.page for illustrated in pages],
        pictures={
            file: base64.b64encode(content).decode()
            for illustrated in pages
            for file, content in illustrated.pictures.items()
        },
    )


def render_markdown(pages: Sequence[Page]) -> str:
    """Render Markdown whose pictures lie in the folder `pictures` beside it."""
    lines = [f"# {TITLE}", ""]
    for page in pages:
        lines += [f"## {page.title}", ""]
        for paragraph in page.paragraphs:
            lines += [paragraph, ""]
        for table in page.tables:
            lines += [f"**{table.title}**", ""] if table.title else []
            lines += [_row(table.columns), _row(["---"] * len(table.columns))]
            lines += [*map(_row, table.rows), ""]
        for picture in page.pictures:
            lines += [f"![{picture.title}]({PICTURE_FOLDER}/{picture.file})", ""]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    escaped = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"
