"""The migrations lead to the schema, from nothing and from an archive that is in use."""

from datetime import UTC, datetime
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import JSON, Engine, MetaData, Table, insert
from sqlalchemy.types import TypeEngine

from archive.database import MIGRATIONS, Archive, make_engine, upgrade
from archive.records import FileKey, SopInstanceUid
from archive.repository import Repository
from archive.schema import metadata

# The last that held two digests of each received object.
TWO_DIGESTS = "0010"


def test_the_migrations_lead_to_the_tables_of_the_schema(any_archive: Archive) -> None:
    with any_archive.repository._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_upgrading_twice_changes_nothing(database_url: str) -> None:
    engine = make_engine(database_url)
    upgrade(engine)
    upgrade(engine)
    engine.dispose()


def test_what_an_earlier_version_received_is_known_after_the_upgrade(database_url: str) -> None:
    engine = make_engine(database_url)
    upgrade_to(engine, TWO_DIGESTS)
    old = MetaData()
    old.reflect(engine)
    with engine.begin() as connection:
        study = filled(old.tables["studies"], study_uid="1.2.3", state="REPORTED")
        connection.execute(insert(old.tables["studies"]), study)
        instance = filled(
            old.tables["instances"],
            sop_instance_uid="1.2.3.1",
            study_uid="1.2.3",
            file_key="received/1.dcm",
            file_sha256="a" * 64,
            data_set_sha256="b" * 64,
        )
        connection.execute(insert(old.tables["instances"]), instance)

    upgrade(engine)

    repository = Repository(engine)
    found = repository.recorded_file(SopInstanceUid("1.2.3.1"))
    assert found is not None
    assert (found.file_key, found.file_sha256) == (FileKey("received/1.dcm"), "a" * 64)
    repository.dispose()


def upgrade_to(engine: Engine, revision: str) -> None:
    """Make the tables as a certain revision had them."""
    with engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def filled(table: Table, **given: Any) -> dict[str, Any]:
    """A row with the given values, and something of the right type wherever one is needed."""
    row = dict(given)
    for column in table.columns:
        needs_a_value = not column.nullable and column.server_default is None
        if column.name not in row and needs_a_value:
            row[column.name] = _something(column.type)
    return row


def _something(kind: TypeEngine[Any]) -> object:
    if isinstance(kind, JSON):
        return []
    return datetime.now(UTC) if kind.python_type is datetime else kind.python_type()
