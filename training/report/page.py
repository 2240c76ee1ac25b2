"""A page of the report: what one command found, written beside its results, shown by `report`."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from training.disk import write_file
from training.errors import RunUnusable

PAGE_ENDING = ".page.json"


@dataclass(frozen=True, kw_only=True)
class ResultTable:
    """A table of ready-made texts."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A PNG beside the page."""

    title: str
    file: str
    shows_patients: bool = False


@dataclass(frozen=True, kw_only=True)
class Page:
    """One command's findings."""

    title: str
    place: int  # in the report, smallest first
    paragraphs: tuple[str, ...] = ()
    tables: tuple[ResultTable, ...] = ()
    pictures: tuple[Picture, ...] = ()


def save_page(page: Page, folder: Path, name: str, pictures: Mapping[str, bytes]) -> None:
    """Write the pictures, then the page; an older page of that name is replaced.

    Parameters
    ----------
    pictures
        Content of each PNG by its file name.

    Raises
    ------
    OutOfSpace
        The disk is full.
    """
    for file, content in pictures.items():
        write_file(folder / file, content)
    text = f"{json.dumps(asdict(page), indent=1)}\n"
    write_file(folder / f"{name}{PAGE_ENDING}", text.encode())


def load_page(path: Path) -> Page:
    """Read a page that `save_page` wrote.

    Raises
    ------
    RunUnusable
        The file is not such a page.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return Page(
            title=record["title"],
            place=record["place"],
            paragraphs=tuple(record["paragraphs"]),
            tables=tuple(_table(**table) for table in record["tables"]),
            pictures=tuple(Picture(**picture) for picture in record["pictures"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise RunUnusable(f"{path}: not a page of results") from error


def _table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> ResultTable:
    return ResultTable(title=title, columns=tuple(columns), rows=tuple(tuple(row) for row in rows))


def four(value: float | None) -> str:
    """Write a figure with four decimals, an absent one as a dash."""
    return "-" if value is None or value != value else f"{value:.4f}"
