"""The command line and the only composition root.

Reads the settings, opens the archive and starts what was asked for. Heavy rooms (torch, the web)
are imported by the command that needs them, so that every other command starts at once.
"""

import contextlib
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import structlog
import typer
import yaml

from archive.account_records import Role
from archive.database import Archive, open_archive
from archive.errors import ArchiveError, NotFound
from archive.records import DeliveryState, ProcessKind, StudyUid
from config.logs import configure_logs
from config.process_group import CONFIGURATION_ERROR, ProcessGroup, stop_when_parent_ends
from config.settings import Settings, SettingsInvalid, load_settings

if TYPE_CHECKING:
    from dicom_node.demo_pacs import Pacs

app = typer.Typer(
    help="Chest-radiograph AI node: DICOM in, structured reports back into the same study.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
log = structlog.get_logger()

FAILURE = 1
DEMO_FOLDER = Path("var/demo")
DEMO_LOGIN = "demo"
# Commands that are imported only when they are asked for.
ACCOUNT_COMMANDS = frozenset({"user", "token", "audit"})

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="The site's settings file (YAML).")
]
SecretsOption = Annotated[
    Path | None, typer.Option("--secrets", help="Folder with one file per secret setting.")
]


@app.command("check-config")
def check_config(file: Path, secrets: SecretsOption = None) -> None:
    """Check a settings file: ends with 0, or names the file and the key at fault."""
    _settings(file, secrets)
    typer.echo(f"{file}: ok")


@app.command()
def serve(
    config: ConfigOption = None,
    secrets: SecretsOption = None,
    only: Annotated[
        str, typer.Option(help="Parts to run, with commas: node, worker, sender, api.")
    ] = ",".join(ProcessKind),
    supervised: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Run the parts asked for, each its own process, until SIGTERM; prints `ready` once."""
    parts = _parts(only)
    settings = _settings(config, secrets)
    if len(parts) == 1:
        configure_logs(settings.logs, process=parts[0])
        stop = _stop_on_signals()
        if supervised:
            stop_when_parent_ends(stop)
        elif parts == [ProcessKind.API]:
            _offer_setup(settings, _open_archive(settings))
        _run_part(parts[0], settings, stop)
        return
    configure_logs(settings.logs, process="supervisor")
    archive = _open_archive(settings)
    if ProcessKind.API in parts:
        _offer_setup(settings, archive)
    archive.repository.dispose()
    arguments = [*_option("--config", config), *_option("--secrets", secrets)]
    group = ProcessGroup([_command_for(part, arguments) for part in parts], _stop_on_signals())
    raise typer.Exit(group.run(on_ready=_say_ready))


def _offer_setup(settings: Settings, archive: Archive) -> None:
    """Print where the first account is made, once there is none; the address works once."""
    from api.auth.accounts import offer_setup_link

    link = offer_setup_link(archive, settings.api)
    if link is not None:
        typer.echo(f"first account: {link}")


def _run_part(part: ProcessKind, settings: Settings, stop: threading.Event) -> None:
    archive = _open_archive(settings)
    log.info("starting", kind=part)
    run, refused, status = _entry_of(part)
    try:
        run(settings, archive, stop, on_ready=_say_ready)
    except refused as error:
        _fail(f"{part}: {error}", status=status)
    log.info("stopped", kind=part)


def _entry_of(part: ProcessKind) -> "tuple[Callable[..., None], type[Exception], int]":
    """Return what runs a part, the error that keeps it from starting, and its exit status."""
    if part is ProcessKind.WORKER:
        from inference.errors import BundleInvalid
        from inference.worker import run as work

        return work, BundleInvalid, CONFIGURATION_ERROR
    if part is ProcessKind.API:
        from api.app import run as serve_pages

        return serve_pages, OSError, FAILURE
    from dicom_node.errors import DicomNodeError

    if part is ProcessKind.NODE:
        from dicom_node.listener import run as listen

        return listen, DicomNodeError, FAILURE
    from dicom_node.delivery import run as deliver

    return deliver, DicomNodeError, FAILURE


def _say_ready() -> None:
    typer.echo("ready")
    sys.stdout.flush()


def _command_for(part: ProcessKind, arguments: list[str]) -> list[str]:
    return [
        sys.executable, "-m", "hilum", "serve", "--only", part.value, "--supervised", *arguments,
    ]  # fmt: skip


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


@app.command()
def echo(
    peer: Annotated[str, typer.Argument(help="A destination's name, or HOST:PORT.")],
    called: Annotated[str, typer.Option(help="Called AE title, for HOST:PORT.")] = "ANY-SCP",
    config: ConfigOption = None,
    secrets: SecretsOption = None,
) -> None:
    """Ask a peer whether it is there (C-ECHO)."""
    from dicom_node.echo import echo_peer
    from dicom_node.errors import DicomNodeError

    settings = _settings(config, secrets)
    known = next((one for one in settings.destinations if one.name == peer), None)
    host, port = (known.host, known.port) if known else _host_and_port(peer)
    try:
        seconds = echo_peer(
            host,
            port,
            called_ae_title=known.ae_title if known else called,
            calling_ae_title=settings.node.ae_title,
        )
    except DicomNodeError as error:
        _fail(f"{peer}: {error}")
    typer.echo(f"{peer}: answered in {seconds * 1000:.0f} ms")


@app.command()
def send(
    peer: Annotated[str, typer.Argument(help="HOST:PORT")],
    paths: Annotated[list[Path], typer.Argument(help="Files or folders with DICOM objects.")],
    called: Annotated[str, typer.Option(help="Called AE title.")] = "HILUM",
    calling: Annotated[str, typer.Option(help="Calling AE title.")] = "STORESCU",
) -> None:
    """Send DICOM files (C-STORE); ends with 0 only if the peer took every one."""
    from dicom_node.errors import DicomNodeError
    from dicom_node.send import send_files

    host, port = _host_and_port(peer)
    refused = 0
    try:
        for answer in send_files(
            host, port, paths, called_ae_title=called, calling_ae_title=calling
        ):
            typer.echo(f"{answer.path}: {answer.words}")
            refused += not answer.is_stored
    except DicomNodeError as error:
        _fail(f"{peer}: {error}")
    if refused:
        _fail(f"{peer}: {refused} not stored")


@app.command()
def demo(
    once: Annotated[bool, typer.Option(help="End once the reports have arrived.")] = False,
    studies: Annotated[
        Path | None, typer.Option(help="Folder with DICOM objects to send, not the samples.")
    ] = None,
) -> None:
    """Show a radiograph's whole way: a PACS, the node, real associations, reports in the PACS."""
    from dicom_node.demo_pacs import running_pacs

    # The demonstration's own corner; what an earlier one left there is of no use.
    shutil.rmtree(DEMO_FOLDER, ignore_errors=True)
    stop = _stop_on_signals()
    with running_pacs(DEMO_FOLDER / "pacs", _free_port(4242)) as pacs:
        file = _write_demo_settings(DEMO_FOLDER / "site.yaml", pacs)
        settings = _settings(file, None)
        configure_logs(settings.logs, process="demo")
        typer.echo(f"PACS: {pacs.description}, {pacs.ae_title} at {pacs.host}:{pacs.port}")
        typer.echo(f"settings: {file}")
        archive = _open_archive(settings)
        commands = [_command_for(part, ["--config", str(file)]) for part in ProcessKind]
        group = ProcessGroup(commands, stop)
        files = [studies] if studies else _write_samples(DEMO_FOLDER / "samples")

        def show() -> None:
            _say_ready()
            status = _show_studies(files, settings, archive, pacs)
            if once or status:
                group.end(status)
                return
            typer.echo(f"page: http://{settings.api.host}:{settings.api.port}/   (Ctrl-C ends)")
            typer.echo(f"login: {DEMO_LOGIN}   password: {_add_demo_user(archive)}")

        status = group.run(on_ready=show)
        archive.repository.dispose()
    raise typer.Exit(status)


def _add_demo_user(archive: Archive) -> str:
    """Make an account for this demonstration and return its password."""
    from api.auth.accounts import add_user
    from api.auth.secrets import new_secret

    password = new_secret()[:16]
    add_user(
        archive,
        login=DEMO_LOGIN,
        person_name="Demo^Reader",
        roles=frozenset(Role),
        password=password,
    )
    return password


def _show_studies(files: list[Path], settings: Settings, archive: Archive, pacs: "Pacs") -> int:
    from dicom_node.demonstration import reports_as_they_arrive, send_all
    from dicom_node.errors import DicomNodeError
    from inference.report.plain_text import as_text

    shown = []
    try:
        sent = send_all(files, settings.node)
        typer.echo(f"sent: {len(sent)} studies")
        for study in reports_as_they_arrive(sent, archive, pacs):
            shown.append(study)
            name = study.study.attributes.patient_name
            typer.echo(f"report in the PACS: {study.study.state:12} {name}")
    except (DicomNodeError, ArchiveError) as error:
        typer.echo(f"demo: {error}", err=True)
        return FAILURE
    typer.echo("\nOne of the reports, as the PACS keeps it:\n")
    typer.echo(as_text(shown[0].reports[0]))
    return 0


def _write_demo_settings(file: Path, pacs: "Pacs") -> Path:
    settings = {
        "node": {"port": _free_port(11112), "quiet_period_seconds": 0.5},
        "peers": [{"ae_title": "DEMO", "host": "127.0.0.1"}],
        "destinations": [
            {"name": "pacs", "ae_title": pacs.ae_title, "host": pacs.host, "port": pacs.port}
        ],
        "archive": {
            "root": str(file.parent / "files"),
            "database_url": f"sqlite:///{file.parent / 'hilum.db'}",
        },
        "api": {"port": _free_port(8000)},
        "logs": {"level": "WARNING"},
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return file


def _write_samples(folder: Path) -> list[Path]:
    from training.sample_studies import sample_studies

    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, ds in sample_studies():
        files.append(folder / f"{name}.dcm")
        ds.save_as(files[-1], enforce_file_format=True)
    return files


def _free_port(wanted: int) -> int:
    """Return `wanted` if nothing listens there on loopback, else a free port."""
    for port in (wanted, 0):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)) as server:
            found: int = server.getsockname()[1]
            return found
    _fail("no free port on 127.0.0.1")


jobs = typer.Typer(help="Look at the queues and put failed work back.", no_args_is_help=True)
app.add_typer(jobs, name="jobs")


@jobs.command("list")
def list_jobs(config: ConfigOption = None, secrets: SecretsOption = None) -> None:
    """Show how much waits at each stage and which deliveries were given up."""
    repository = _open_archive(_settings(config, secrets)).repository
    for depth in repository.queue_depths():
        typer.echo(f"{depth.stage:10} {depth.count:6}  oldest {depth.oldest_age_seconds:8.0f} s")
    for delivery in repository.deliveries(state=DeliveryState.GAVE_UP):
        typer.echo(
            f"delivery {delivery.delivery_id} to {delivery.destination}: gave up after "
            f"{delivery.attempt} attempts: {delivery.reason}"
        )


@jobs.command("retry")
def retry_jobs(
    deliveries: Annotated[
        list[int] | None, typer.Argument(help="Deliveries to send again.")
    ] = None,
    study: Annotated[str, typer.Option(help="Study Instance UID to analyse again.")] = "",
    config: ConfigOption = None,
    secrets: SecretsOption = None,
) -> None:
    """Send deliveries again (if none is named, all given up), or analyse a study again."""
    repository = _open_archive(_settings(config, secrets)).repository
    if study:
        try:
            repository.request_analysis(StudyUid(study))
        except NotFound as error:
            _fail(str(error))
        typer.echo("queued")
        return
    wanted = deliveries or [
        one.delivery_id for one in repository.deliveries(state=DeliveryState.GAVE_UP)
    ]
    typer.echo(f"{repository.replay_deliveries(wanted)} due now")


models = typer.Typer(help="The model bundles of this installation.", no_args_is_help=True)
app.add_typer(models, name="model")


@models.command("list")
def list_models() -> None:
    """Name the bundles that ship, with version and architecture."""
    from inference.bundle import read_manifest
    from inference.worker import SHIPPED_BUNDLES

    for folder in sorted(SHIPPED_BUNDLES.glob("*/")):
        manifest = read_manifest(folder)
        typer.echo(f"{folder.name}: {manifest.name} {manifest.version} ({manifest.architecture})")


@models.command("show")
def show_model(
    bundle: Annotated[str, typer.Argument(help="Name or folder of a bundle.")] = "default",
) -> None:
    """Print a bundle's model card."""
    from inference.worker import bundle_folder

    try:
        card = bundle_folder(bundle) / "docs" / "README.md"
        typer.echo(card.read_text(encoding="utf-8"))
    except OSError as error:
        _fail(f"{bundle}: {error.strerror}")


@models.command("verify")
def verify_model(
    bundle: Annotated[str, typer.Argument(help="Name or folder of a bundle.")] = "default",
) -> None:
    """Check a bundle's hashes and run its test vectors again."""
    from inference.errors import InferenceError
    from inference.model import load_classifier, verify_vectors
    from inference.worker import bundle_folder

    folder = bundle_folder(bundle)
    try:
        difference = verify_vectors(load_classifier(folder), folder)
    except InferenceError as error:
        _fail(f"{bundle}: {error}")
    typer.echo(f"{bundle}: intact; test vectors differ by at most {difference:.1e}")


database = typer.Typer(help="The database.", no_args_is_help=True)
app.add_typer(database, name="db")


@database.command("upgrade")
def upgrade_database(config: ConfigOption = None, secrets: SecretsOption = None) -> None:
    """Bring the schema to this version's."""
    _open_archive(_settings(config, secrets))
    typer.echo("the schema is up to date")


def _settings(config: Path | None, secrets: Path | None) -> Settings:
    try:
        return load_settings(config, secrets_folder=secrets)
    except SettingsInvalid as error:
        _fail(str(error), status=CONFIGURATION_ERROR)


def _open_archive(settings: Settings) -> Archive:
    try:
        return open_archive(settings.archive)
    except ArchiveError as error:
        _fail(f"archive: {error}")


def _parts(only: str) -> list[ProcessKind]:
    try:
        parts = [ProcessKind(name.strip()) for name in only.split(",") if name.strip()]
    except ValueError as error:
        _fail(f"--only: {error}", status=CONFIGURATION_ERROR)
    if not parts:
        _fail("--only names no part", status=CONFIGURATION_ERROR)
    return list(dict.fromkeys(parts))


def _option(name: str, value: Path | None) -> list[str]:
    return [name, str(value)] if value else []


def _host_and_port(text: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdigit():
        _fail(f"{text}: neither a destination of the settings nor HOST:PORT")
    return host, int(port)


def _fail(words: str, *, status: int = FAILURE) -> NoReturn:
    typer.echo(words, err=True)
    raise typer.Exit(status)


def main() -> None:
    """Entry of the console script; mounts the training commands only when they are asked for."""
    wants_help = "--help" in sys.argv[1:2]
    if set(sys.argv[1:2]) & ACCOUNT_COMMANDS or wants_help:
        from api.commands import add_commands

        add_commands(app, lambda config, secrets: _open_archive(_settings(config, secrets)))
    if sys.argv[1:2] == ["train"] or wants_help:
        from training.commands import app as training

        app.add_typer(training, name="train")
    app()


if __name__ == "__main__":
    main()
