"""What all tests share: the real peers, the real radiographs, archives to work on.

A test names the peer program it needs with ``@pytest.mark.peer("dcmtk")``. Where that program is
not installed the test is skipped and named at the end; with ``REQUIRE_PEERS=1`` it fails instead.
"""

import gc
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from archive.database import Archive, open_archive
from config.settings import ArchiveSettings
from tests.orthanc import Orthanc
from tests.postgresql import PostgresServer, find_server_programs

DATA_VARIABLE = "HILUM_TEST_DATA"
PEERS_ARE_REQUIRED = os.environ.get("REQUIRE_PEERS") == "1"

JAVA_JARS = Path("/usr/share/java")

# What the tests import makes a million objects that stay: the garbage collector would look through
# them again and again, for a third of the time that it takes to collect the tests.
gc.disable()


def _missing(peer: str) -> str:
    """Return what of a peer is not installed, or nothing."""
    programs = {
        "dcmtk": [
            *("storescu", "storescp", "echoscu", "dcmsend", "dsrdump", "dsr2html"),
            *("dcmqrscp", "findscu", "movescu", "getscu"),
        ],
        "dicom3tools": ["dciodvfy", "dcsrdump"],
        "orthanc": ["Orthanc", "ip"],
        "pixelmed": ["java"],
        "chromium": ["chromium"],
        "openssl": ["openssl"],
        "rsyslog": ["rsyslogd"],
        "jing": ["jing"],
        "openjph": ["ojph_compress"],
        "docker-compose": ["docker-compose"],
    }
    if peer == "postgresql":
        return "" if find_server_programs() else "postgresql server programs"
    if peer not in programs:
        raise pytest.UsageError(f"unknown peer {peer!r}")
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    absent = [name for name in programs[peer] if shutil.which(name, path=search) is None]
    if peer == "pixelmed":
        jars = ("pixelmed.jar", "Saxon-HE.jar")
        absent.extend(name for name in jars if not (JAVA_JARS / name).exists())
    if peer == "orthanc" and os.geteuid() != 0:
        absent.append("the right to make a network namespace")
    return ", ".join(absent)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pictures", help="folder that the tests of pages write their pictures to")


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    gc.unfreeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("peer"):
        for peer in mark.args:
            if absent := _missing(peer):
                _refuse(f"needs {peer} ({absent} not installed)")
    if item.get_closest_marker("data") and not os.environ.get(DATA_VARIABLE):
        _refuse(f"needs {DATA_VARIABLE}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let no test be skipped unseen where everything must run."""
    report = yield
    if report.skipped and PEERS_ARE_REQUIRED:
        report.outcome = "failed"
        report.longrepr = (
            f"{item.nodeid} was skipped, which REQUIRE_PEERS=1 forbids: {call.excinfo}"
        )
    return report


def _refuse(reason: str) -> None:
    if PEERS_ARE_REQUIRED:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder with real radiographs; its README says what is in it."""
    folder = os.environ.get(DATA_VARIABLE)
    if not folder:
        _refuse(f"needs {DATA_VARIABLE}")
    path = Path(str(folder)).resolve()
    if not path.is_dir():
        pytest.fail(f"{DATA_VARIABLE}={folder} is not a folder", pytrace=False)
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of this test run, on a free loopback port."""
    if not find_server_programs():
        _refuse("needs postgresql (server programs not installed)")
    with PostgresServer.running() as server:
        yield server


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    """An empty Orthanc, alone in its own network namespace."""
    folder = tmp_path / "orthanc"
    folder.mkdir()
    with Orthanc.running(folder) as server:
        yield server


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a database without a row, every migration done; to be copied."""
    folder = tmp_path_factory.mktemp("migrated")
    file = folder / "hilum.db"
    _make_tables(f"sqlite:///{file}", folder)
    return file


@pytest.fixture(scope="session")
def migrated_postgresql(
    postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The name of a database without a row, every migration done; to be copied."""
    with postgres.new_database() as url:
        _make_tables(url, tmp_path_factory.mktemp("migrated"))
        yield url.rpartition("/")[2]


def _make_tables(database_url: str, folder: Path) -> None:
    open_archive(ArchiveSettings(root=folder, database_url=database_url)).repository.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.peer("postgresql"))])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database, on SQLite and on PostgreSQL; with tables where `any_archive` is asked for.

    To make the tables takes longer than most tests, so they are copied.
    """
    has_tables = "any_archive" in request.fixturenames
    if request.param == "sqlite":
        file = tmp_path / "hilum.db"
        if has_tables:
            shutil.copyfile(request.getfixturevalue("migrated_sqlite"), file)
        yield f"sqlite:///{file}"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    like = request.getfixturevalue("migrated_postgresql") if has_tables else "template1"
    with server.new_database(like=like) as url:
        yield url


@pytest.fixture
def any_archive(database_url: str, tmp_path: Path) -> Iterator[Archive]:
    """An empty archive, once on SQLite and once on PostgreSQL."""
    archive = open_archive(ArchiveSettings(root=tmp_path / "files", database_url=database_url))
    yield archive
    archive.repository.dispose()


@pytest.fixture
def archive(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Archive]:
    """An empty archive on SQLite."""
    file = tmp_path / "hilum.db"
    shutil.copyfile(migrated_sqlite, file)
    opened = open_archive(
        ArchiveSettings(root=tmp_path / "files", database_url=f"sqlite:///{file}")
    )
    yield opened
    opened.repository.dispose()
