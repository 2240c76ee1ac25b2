from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from archive.database import Archive, make_engine, upgrade
from archive.schema import metadata


def test_the_migrations_lead_to_the_tables_of_the_schema(any_archive: Archive) -> None:
    with any_archive.repository._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_upgrading_twice_changes_nothing(database_url: str) -> None:
    engine = make_engine(database_url)
    upgrade(engine)
    upgrade(engine)
    engine.dispose()
