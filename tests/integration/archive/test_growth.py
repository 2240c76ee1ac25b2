"""What the day's questions cost does not grow with the history; counted in SQLite's steps."""

from collections.abc import Iterator

import pytest
from sqlalchemy import event

from archive.database import Archive, open_archive
from config.settings import ArchiveSettings
from tests.builders.history import fill, questions_of_the_day

SMALL, GREAT = 60, 600
WAITING = 12
# A step or two differ with the depth of an index.
MOST_TIMES = 1.2


class Steps:
    """Counts the instructions of SQLite's machine for one archive."""

    def __init__(self, archive: Archive) -> None:
        self._repository = archive.repository
        self._count = 0
        engine = archive.repository._engine
        event.listen(engine, "checkout", lambda connection, *_: self._watch(connection))
        engine.dispose()

    def _watch(self, connection: object) -> None:
        connection.set_progress_handler(self._step, 1)  # type: ignore[attr-defined]  # sqlite3's

    def _step(self) -> int:
        self._count += 1
        return 0

    def of(self, name: str) -> int:
        """Return the steps of a question, asked for the second time."""
        question = questions_of_the_day()[name]
        question(self._repository)
        before = self._count
        question(self._repository)
        return self._count - before


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Steps, Steps]]:
    folder = tmp_path_factory.mktemp("growth")
    archives = []
    for history in (SMALL, GREAT):
        url = f"sqlite:///{folder / str(history)}.db"
        archive = open_archive(ArchiveSettings(root=folder / str(history), database_url=url))
        fill(archive, archive.repository._engine, history=history, waiting=WAITING)
        archives.append(archive)
    small, great = archives
    yield Steps(small), Steps(great)
    for archive in archives:
        archive.repository.dispose()


@pytest.mark.parametrize("name", questions_of_the_day())
def test_a_question_about_today_costs_the_same_with_ten_times_the_history(
    counted: tuple[Steps, Steps], name: str
) -> None:
    small, great = (steps.of(name) for steps in counted)
    assert small > 0
    assert great <= small * MOST_TIMES
