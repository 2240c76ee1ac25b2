"""The command line and the only composition root.

Reads the settings, opens the archive and starts what was asked for. Heavy rooms (torch, the web)
are imported by the command that needs them, so that every other command starts at once.
"""

import contextlib
import importlib
import multiprocessing
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import structlog
import typer
import yaml

from archive.account_records import AuditAction, AuditEntry, Role
from archive.commands import archive_of_site, database, jobs, opened_archive
from archive.database import Archive, open_archive
from archive.errors import ArchiveError
from archive.records import ProcessKind, StudyState
from config.command_line import FAILURE, ConfigOption, SecretsOption, fail, site_settings
from config.logs import configure_logs
from config.process_group import CONFIGURATION_ERROR, ProcessGroup, stop_when_parent_ends
from config.renewal import Renewal
from config.settings import Settings, load_settings
from config.starting import (
    collector_at_rest,
    give_freed_memory_back,
    leave_out_what_a_worker_needs_not,
    let_threads_sleep,
)

if TYPE_CHECKING:
    from dicom_node.demo_pacs import Pacs

app = typer.Typer(
    help="Chest-radiograph AI node: DICOM in, structured reports back into the same study.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
log = structlog.get_logger()

DEMO_FOLDER = Path("var/demo")
DEMO_LOGIN = "demo"


@app.command("check-config")
def check_config(file: Path, secrets: SecretsOption = None) -> None:
    """Check a settings file: ends with 0, or names the file and the key at fault."""
    settings = site_settings(file, secrets)
    _checked_rules(settings)
    _checked_model(settings)
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
    settings = site_settings(config, secrets)
    reread = partial(load_settings, config, secrets_folder=secrets)
    if len(parts) == 1:
        if ProcessKind.NODE in parts:
            _checked_rules(settings)
        configure_logs(settings.logs, process=parts[0])
        stop = _stop_on_signals()
        _reload_on_hangup(settings, lambda: None)
        if supervised:
            stop_when_parent_ends(stop)
        elif parts == [ProcessKind.API]:
            _offer_setup(settings, opened_archive(settings.archive))
        _run_part(parts[0], settings, stop, reread)
        return
    configure_logs(settings.logs, process="supervisor")
    _in_a_process_of_its_own(_prepare, settings, parts)
    arguments = [*_option("--config", config), *_option("--secrets", secrets)]
    commands = {part: _command_for(part, arguments) for part in parts}
    group = ProcessGroup(list(commands.values()), _stop_on_signals())
    commands.pop(ProcessKind.NODE, None)
    renewal = Renewal(
        settings,
        reread=reread,
        check=partial(_fault_of, config, secrets),
        start_again=partial(group.start_again, commands.values()),
    )
    _reload_on_hangup(settings, renewal.take)
    raise typer.Exit(group.run(on_ready=_say_ready))


def _prepare(settings: Settings, parts: Sequence[ProcessKind]) -> None:
    """Do once what all parts need: check the rules, make the tables, offer the first account."""
    if ProcessKind.NODE in parts:
        _checked_rules(settings)
    archive = opened_archive(settings.archive)
    if ProcessKind.API in parts:
        _offer_setup(settings, archive)
    archive.repository.dispose()


def _in_a_process_of_its_own(
    do: Callable[..., None], *arguments: Settings | Sequence[ProcessKind]
) -> None:
    """Do something that imports much and is over soon, of which this process shall keep nothing.

    The supervisor runs as long as the site does: what it keeps, 50 MB, is taken from the others.
    """
    process = multiprocessing.get_context("fork").Process(target=_ending, args=(do, *arguments))
    process.start()
    process.join()
    if process.exitcode:
        raise typer.Exit(process.exitcode)


def _ending(do: Callable[..., None], *arguments: Settings | Sequence[ProcessKind]) -> None:
    try:
        do(*arguments)
    except typer.Exit as error:
        sys.exit(error.exit_code)


def _offer_setup(settings: Settings, archive: Archive) -> None:
    """Print where the first account is made, once there is none; the address works once."""
    from api.auth.accounts import offer_setup_link

    link = offer_setup_link(archive, settings.api)
    if link is not None:
        typer.echo(f"first account: {link}")


def _run_part(
    part: ProcessKind,
    settings: Settings,
    stop: threading.Event,
    reread: Callable[[], Settings],
) -> None:
    archive = opened_archive(settings.archive)
    log.info("starting", kind=part)
    with collector_at_rest() as wake_collector:
        run, refused, status = _entry_of(part)
        if part is ProcessKind.NODE:
            run = partial(run, reread=reread)
        archive.repository.record_audit(AuditEntry(actor=part, action=AuditAction.STARTED))

        def begin() -> None:
            wake_collector()
            _say_ready()

        try:
            run(settings, archive, stop, on_ready=begin)
        except refused as error:
            fail(f"{part}: {error}", status=status)
        finally:
            with contextlib.suppress(ArchiveError):
                archive.repository.record_audit(AuditEntry(actor=part, action=AuditAction.STOPPED))
    log.info("stopped", kind=part)


def _entry_of(part: ProcessKind) -> "tuple[Callable[..., None], type[Exception], int]":
    """Return what runs a part, the error that keeps it from starting, and its exit status."""
    if part is ProcessKind.WORKER:
        let_threads_sleep()
        give_freed_memory_back()
        leave_out_what_a_worker_needs_not()
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


def _checked_rules(settings: Settings) -> None:
    """End the command if the rules of the site cannot be used, naming file, line and key."""
    from config.rules_file import RulesInvalid, load_rules

    try:
        load_rules(settings)
    except RulesInvalid as error:
        fail(str(error), status=CONFIGURATION_ERROR)


def _checked_model(settings: Settings) -> None:
    """End the command if the model bundle of the site is not here, or not as it was published."""
    from inference.bundle import bundle_folder, verify_bundle
    from inference.errors import BundleInvalid

    try:
        verify_bundle(bundle_folder(settings.model.bundle, settings.installed_bundles))
    except BundleInvalid as error:
        fail(f"model.bundle: {error}", status=CONFIGURATION_ERROR)


def _fault_of(config: Path | None, secrets: Path | None) -> str:
    """Return what `check-config` says against a settings file; nothing where there is none."""
    if config is None:
        return ""
    options = _option("--secrets", secrets)
    checked = subprocess.run(  # noqa: S603  # our own command line
        [sys.executable, "-m", "hilum", "check-config", str(config), *options],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return checked.stderr.strip() if checked.returncode else ""


def _reload_on_hangup(settings: Settings, renew: Callable[[], None]) -> None:
    """Have SIGHUP renew what runs here, and ask the nodes to read rules, peers and TLS files."""
    asked = threading.Event()
    signal.signal(signal.SIGHUP, lambda *_: asked.set())

    def pass_on() -> None:
        while asked.wait():
            asked.clear()
            try:
                archive = open_archive(settings.archive)
                archive.repository.ask_rule_reload(asked_by="SIGHUP")
                archive.repository.dispose()
            except ArchiveError as error:
                log.error(
                    "the nodes cannot be asked to read their files again",
                    error=type(error).__name__,
                )
            renew()

    threading.Thread(target=pass_on, daemon=True).start()


@app.command()
def demo(
    once: Annotated[bool, typer.Option(help="End once the reports have arrived.")] = False,
    studies: Annotated[
        Path | None, typer.Option(help="Folder with DICOM objects to send, not the samples.")
    ] = None,
) -> None:
    """Show a radiograph's whole way: a PACS, the node, real associations, reports in the PACS."""
    from dicom_node.demo_pacs import running_pacs

    chosen = _files_to_send(studies) if studies else []
    # The demonstration's own corner; what an earlier one left there is of no use.
    shutil.rmtree(DEMO_FOLDER, ignore_errors=True)
    stop = _stop_on_signals()
    with running_pacs(DEMO_FOLDER / "pacs", _free_port(4242)) as pacs:
        file = _write_demo_settings(DEMO_FOLDER / "site.yaml", pacs)
        settings = site_settings(file, None)
        configure_logs(settings.logs, process="demo")
        typer.echo(f"PACS: {pacs.description}, {pacs.ae_title} at {pacs.host}:{pacs.port}")
        typer.echo(f"settings: {file}")
        archive = opened_archive(settings.archive)
        commands = [_command_for(part, ["--config", str(file)]) for part in ProcessKind]
        group = ProcessGroup(commands, stop)
        files = chosen or _write_samples(DEMO_FOLDER / "samples")

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


def _files_to_send(studies: Path) -> list[Path]:
    from dicom_node.demonstration import DemonstrationFailed, files_to_send

    try:
        return files_to_send(studies)
    except DemonstrationFailed as error:
        fail(f"demo: {error}")


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
    example = next((one for one in shown if one.study.state is StudyState.REPORTED), shown[0])
    typer.echo("\nOne of the reports, as the PACS keeps it:\n")
    typer.echo(as_text(example.reports[0]))
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
    fail("no free port on 127.0.0.1")


def _parts(only: str) -> list[ProcessKind]:
    try:
        parts = [ProcessKind(name.strip()) for name in only.split(",") if name.strip()]
    except ValueError as error:
        fail(f"--only: {error}", status=CONFIGURATION_ERROR)
    if not parts:
        fail("--only names no part", status=CONFIGURATION_ERROR)
    return list(dict.fromkeys(parts))


def _option(name: str, value: Path | None) -> list[str]:
    return [name, str(value)] if value else []


def _mount(asked: str) -> None:
    """Mount the commands of the rooms; those that import heavy ones only when asked for."""
    app.add_typer(jobs, name="jobs")
    app.add_typer(database, name="db")
    if asked == "jobs":
        jobs.command("show")(_in_room("api.job_commands:show"))
    if asked in ("user", "token", "audit", *_FOR_HELP):
        _in_room("api.commands:add_commands")(app, archive_of_site)
    for name, place in _GROUPS.items():
        if asked in (name, *_FOR_HELP):
            app.add_typer(_in_room(place), name=name)
    for name, place in _COMMANDS.items():
        if asked in (name, *_FOR_HELP):
            app.command(name)(_in_room(place))


def _in_room(place: str) -> Any:  # a command, or a group of them
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


# Typed for a list of all commands.
_FOR_HELP = ("", "--help")
# Groups of commands and single ones by what is typed first: where they are.
_GROUPS = {
    "destinations": "archive.destination_commands:app",
    "archive": "archive.storage_commands:archive",
    "retention": "archive.retention_commands:retention",
    "rules": "dicom_node.rules_commands:app",
    "model": "inference.commands:app",
    "train": "training.commands:app",
}
_COMMANDS = {
    "backup": "archive.storage_commands:backup",
    "echo": "dicom_node.commands:echo",
    "send": "dicom_node.commands:send",
    "pull": "dicom_node.pull_command:pull_studies",
    "export": "api.export_commands:export",
}


def main() -> None:
    """Entry of the console script."""
    _mount(sys.argv[1] if len(sys.argv) > 1 else "")
    app()


if __name__ == "__main__":
    main()
