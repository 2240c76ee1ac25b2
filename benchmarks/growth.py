"""What questions to the archive cost after ten times the work: `python -m benchmarks.growth`.

Two archives hold the same work of today (studies that wait for a worker, for a reader, for a
destination) and histories of 3,000 and 30,000 studies that were analysed, delivered and read. Every
question is put to both in turns; printed are the medians and their ratio. `--postgresql` measures
on PostgreSQL instead of SQLite.
"""

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy import text

from archive.database import Archive, make_engine, open_archive
from config.settings import ArchiveSettings
from tests.builders.history import (
    QUESTIONS_OF_THE_HISTORY,
    Question,
    fill,
    questions_of_the_day,
)
from tests.postgresql import PostgresServer

HISTORY = 3_000
TIMES = 10
WAITING = 200
ROUNDS = 30
FIRST_ROUNDS = 4  # not counted


@contextlib.contextmanager
def archives(*, is_on_postgresql: bool) -> Iterator[tuple[Archive, Archive]]:
    """Yield an archive with the small history and one with the great one."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if is_on_postgresql:
            server = stack.enter_context(PostgresServer.running())
            urls = [stack.enter_context(server.new_database()) for _ in range(2)]
        else:
            urls = [f"sqlite:///{folder / name}.db" for name in ("small", "great")]
        small, great = (
            _filled(folder / str(count), url, count)
            for url, count in zip(urls, (HISTORY, HISTORY * TIMES), strict=True)
        )
        yield small, great
        small.repository.dispose()
        great.repository.dispose()


def _filled(folder: Path, url: str, history: int) -> Archive:
    archive = open_archive(ArchiveSettings(root=folder, database_url=url))
    engine = make_engine(url)
    fill(archive, engine, history=history, waiting=WAITING)
    if engine.dialect.name == "postgresql":
        # What its own housekeeping does within minutes of so many new rows.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()
    return archive


def measure(
    asked: Mapping[str, Question], small: Archive, great: Archive
) -> dict[str, tuple[float, float]]:
    """Put every question to both archives in turns; return the median milliseconds."""
    taken: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in asked}
    for turn in range(FIRST_ROUNDS + ROUNDS):
        both = [(small, 0), (great, 1)]
        for name, question in asked.items():
            for archive, place in both if turn % 2 else reversed(both):
                began_at = time.perf_counter()
                question(archive.repository)
                if turn >= FIRST_ROUNDS:
                    taken[name][place].append((time.perf_counter() - began_at) * 1000)
    return {name: (statistics.median(a), statistics.median(b)) for name, (a, b) in taken.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgresql", action="store_true")
    is_on_postgresql = parser.parse_args().postgresql
    with archives(is_on_postgresql=is_on_postgresql) as (small, great):
        for asked in (questions_of_the_day(), QUESTIONS_OF_THE_HISTORY):
            print(f"{'milliseconds':32}{HISTORY:>9,}{HISTORY * TIMES:>9,} studies")
            for name, (few, many) in measure(asked, small, great).items():
                print(f"{name:32}{few:9.2f}{many:9.2f}{many / few:8.2f} x")


if __name__ == "__main__":
    main()
