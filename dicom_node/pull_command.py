"""The `hilum pull` command: analyse studies that an archive keeps."""

import signal
import threading
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from archive.commands import opened_archive
from config.command_line import ConfigOption, SecretsOption, fail, site_settings
from config.logs import uid_digest
from config.settings import Settings
from config.sources import SourceSettings
from dicom_node.errors import DicomNodeError
from dicom_node.pull import Plan, Search, plan, pull
from dicom_node.upper_layer import prepare_pynetdicom

DATE = "%Y-%m-%d"


def pull_studies(
    source: Annotated[str, typer.Argument(help="Name of a source of the settings.")],
    since: Annotated[
        datetime | None, typer.Option("--from", formats=[DATE], help="First study date.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", formats=[DATE], help="Last study date.")
    ] = None,
    modality: Annotated[list[str] | None, typer.Option(help="Any of these.")] = None,
    body_part: Annotated[str, typer.Option(help="Only series of this Body Part Examined.")] = "",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many studies.")] = None,
    rate: Annotated[float, typer.Option(min=0.01, help="Studies a minute, at most.")] = 60.0,
    dry_run: Annotated[bool, typer.Option(help="Say what would come, and fetch nothing.")] = False,
    config: ConfigOption = None,
    secrets: SecretsOption = None,
) -> None:
    """Fetch an archive's studies to be analysed; what is here already is not fetched again.

    Start it again after a break: it goes on with what is missing.
    """
    settings = site_settings(config, secrets)
    wanted = _source(settings, source)
    archive = opened_archive(settings.archive)
    prepare_pynetdicom()
    search = Search(
        date_range=_range(since, until), modalities=tuple(modality or ()), body_part=body_part
    )
    try:
        found = plan(wanted, search, settings, archive)
    except DicomNodeError as error:
        fail(f"{source}: {error}")
    planned = found.planned[:limit]
    typer.echo(_summary(found, len(planned)))
    if dry_run:
        for one in planned:
            study = one.study
            typer.echo(f"{study.study_date} {'/'.join(study.modalities)} {study.study_uid}")
        return
    stop = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    progress = pull(wanted, planned, settings, archive, studies_per_minute=rate, stop=stop)
    fetched = failed = 0
    for done in track(
        progress, description="studies", total=len(planned), console=Console(stderr=True)
    ):
        problem = done.problem
        if done.retrieved is not None and (done.retrieved.failed or not done.retrieved.completed):
            problem = f"{done.retrieved.completed} objects came, {done.retrieved.failed} did not"
        fetched, failed = fetched + (not problem), failed + bool(problem)
        if problem:
            typer.echo(f"study {uid_digest(done.planned.study.study_uid)}: {problem}", err=True)
    typer.echo(f"fetched {fetched} studies, {failed} failed")
    if failed or fetched < len(planned):
        fail(f"{source}: not everything came; start it again to go on")


def _source(settings: Settings, name: str) -> SourceSettings:
    for one in settings.sources:
        if one.name == name:
            return one
    known = ", ".join(one.name for one in settings.sources) or "none"
    fail(f"{name}: no source of the settings; there are: {known}")


def _range(since: datetime | None, until: datetime | None) -> str:
    if since is None and until is None:
        return ""
    first, last = (f"{day:%Y%m%d}" if day else "" for day in (since, until))
    return first if first == last else f"{first}-{last}"


def _summary(found: Plan, count: int) -> str:
    return f"{found.here_already} studies are here already, {count} to fetch"
