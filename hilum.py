"""The command line and the only composition root.

Reads the settings, opens the archive and starts what was asked for. Heavy rooms (torch, the web)
are imported by the command that needs them, so that every other command starts at once.
"""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn

import structlog
import typer

from archive.database import Archive, open_archive
from archive.errors import ArchiveError, NotFound
from archive.records import DeliveryState, ProcessKind, StudyUid
from config.logs import configure_logs
from config.settings import Settings, SettingsInvalid, load_settings

app = typer.Typer(
    help="Chest-radiograph AI node: DICOM in, structured reports back into the same study.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
log = structlog.get_logger()

CONFIGURATION_ERROR = 2
FAILURE = 1
# A part that ends by itself is started again after this long, doubled each time up to the most.
FIRST_RESTART_SECONDS = 0.5
LONGEST_RESTART_SECONDS = 30.0
# What is being received or sent when SIGTERM comes is finished within this time.
STOP_SECONDS = 10.0

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
            _stop_when_parent_ends(stop)
        _run_part(parts[0], settings, stop)
        return
    configure_logs(settings.logs, process="supervisor")
    _open_archive(settings)
    arguments = [*_option("--config", config), *_option("--secrets", secrets)]
    group = ProcessGroup([_command_for(part, arguments) for part in parts], _stop_on_signals())
    raise typer.Exit(group.run(on_ready=_say_ready))


def _run_part(part: ProcessKind, settings: Settings, stop: threading.Event) -> None:
    archive = _open_archive(settings)
    log.info("starting", kind=part)
    _entry_of(part)(settings, archive, stop, on_ready=_say_ready)
    log.info("stopped", kind=part)


def _entry_of(part: ProcessKind) -> Callable[..., None]:
    if part is ProcessKind.NODE:
        from dicom_node.listener import run
    elif part is ProcessKind.WORKER:
        from inference.worker import run
    elif part is ProcessKind.SENDER:
        from dicom_node.delivery import run
    else:
        from api.app import run
    return run


def _say_ready() -> None:
    typer.echo("ready")
    sys.stdout.flush()


class ProcessGroup:
    """The parts of an installation as child processes, started again when they end.

    A child says `ready` on its standard output and stops when its standard input ends, so that
    none outlives this process even if it is killed.

    Parameters
    ----------
    commands
        One command per child.
    stop
        Set by the signals that end the group.
    """

    def __init__(self, commands: list[list[str]], stop: threading.Event) -> None:
        self._commands = commands
        self._stop = stop
        self._exit_status = 0
        self._waiting_for = threading.Semaphore(0)

    def run(self, *, on_ready: Callable[[], None]) -> int:
        """Keep the children running until told to stop; returns the exit status."""
        keepers = [
            threading.Thread(target=self._keep_running, args=(command,), daemon=True)
            for command in self._commands
        ]
        for keeper in keepers:
            keeper.start()
        if self._all_ready():
            on_ready()
        self._stop.wait()
        for keeper in keepers:
            keeper.join(STOP_SECONDS + 2)
        return self._exit_status

    def _all_ready(self) -> bool:
        for _ in self._commands:
            while not self._waiting_for.acquire(timeout=0.1):
                if self._stop.is_set():
                    return False
        return True

    def _keep_running(self, command: list[str]) -> None:
        pause = FIRST_RESTART_SECONDS
        was_ready = False
        while not self._stop.is_set():
            started = time.monotonic()
            status, ready = self._run_once(command, count_ready=not was_ready)
            was_ready = was_ready or ready
            if self._stop.is_set():
                return
            if status == CONFIGURATION_ERROR:
                self._exit_status = status
                self._stop.set()
                return
            lived_long = time.monotonic() - started > LONGEST_RESTART_SECONDS
            pause = FIRST_RESTART_SECONDS if lived_long else min(pause * 2, LONGEST_RESTART_SECONDS)
            log.error("part ended, starting it again", status=status, seconds=pause)
            self._stop.wait(pause)

    def _run_once(self, command: list[str], *, count_ready: bool) -> tuple[int, bool]:
        child = subprocess.Popen(  # noqa: S603  # our own command line
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        threading.Thread(target=self._end_with_group, args=(child,), daemon=True).start()
        ready = False
        assert child.stdout is not None  # noqa: S101  # PIPE above
        for line in child.stdout:
            if line.strip() == b"ready" and not ready:
                ready = True
                if count_ready:
                    self._waiting_for.release()
        return child.wait(), ready

    def _end_with_group(self, child: "subprocess.Popen[bytes]") -> None:
        while child.poll() is None and not self._stop.wait(0.2):
            pass
        if child.poll() is not None:
            return
        child.terminate()
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()


def _command_for(part: ProcessKind, arguments: list[str]) -> list[str]:
    return [
        sys.executable, "-m", "hilum", "serve", "--only", part.value, "--supervised", *arguments,
    ]  # fmt: skip


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _stop_when_parent_ends(stop: threading.Event) -> None:
    def watch() -> None:
        sys.stdin.buffer.read()
        stop.set()

    threading.Thread(target=watch, daemon=True).start()


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
    address = next((one for one in settings.destinations if one.name == peer), None)
    host, port = (address.host, address.port) if address else _host_and_port(peer)
    try:
        seconds = echo_peer(
            host,
            port,
            called_ae_title=address.ae_title if address else called,
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
        for sent in send_files(host, port, paths, called_ae_title=called, calling_ae_title=calling):
            typer.echo(f"{sent.path}: {sent.words}")
            refused += not sent.is_stored
    except DicomNodeError as error:
        _fail(f"{peer}: {error}")
    if refused:
        _fail(f"{peer}: {refused} not stored")


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
    if sys.argv[1:2] == ["train"] or "--help" in sys.argv[1:2]:
        from training.commands import app as training

        app.add_typer(training, name="train")
    app()


if __name__ == "__main__":
    main()
