"""The `hilum echo` and `hilum send` commands: test tools for administrators."""

from pathlib import Path
from typing import Annotated

import typer

from config.command_line import ConfigOption, SecretsOption, fail, site_settings
from config.destinations import ClientTlsSettings
from dicom_node.echo import echo_peer
from dicom_node.errors import DicomNodeError
from dicom_node.links import try_destination
from dicom_node.send import send_files
from dicom_node.sender import Peer

CaOption = Annotated[
    Path | None, typer.Option(help="Speak TLS; PEM file with the authorities to trust.")
]


def echo(
    peer: Annotated[str, typer.Argument(help="A destination's name, or HOST:PORT.")],
    called: Annotated[str, typer.Option(help="Called AE title, for HOST:PORT.")] = "ANY-SCP",
    config: ConfigOption = None,
    ca: CaOption = None,
    secrets: SecretsOption = None,
) -> None:
    """Ask a peer whether it is there (C-ECHO; a DICOMweb server, by a search)."""
    settings = site_settings(config, secrets)
    known = next((one for one in settings.destinations if one.name == peer), None)
    try:
        if known is not None:
            seconds = try_destination(known, settings)
        else:
            host, port = _host_and_port(peer)
            seconds = echo_peer(
                Peer(ae_title=called, host=host, port=port, tls=_tls(ca)),
                calling_ae_title=settings.node.ae_title,
            )
    except DicomNodeError as error:
        fail(f"{peer}: {error}")
    typer.echo(f"{peer}: answered in {seconds * 1000:.0f} ms")


def send(
    peer: Annotated[str, typer.Argument(help="HOST:PORT")],
    paths: Annotated[list[Path], typer.Argument(help="Files or folders with DICOM objects.")],
    called: Annotated[str, typer.Option(help="Called AE title.")] = "HILUM",
    calling: Annotated[str, typer.Option(help="Calling AE title.")] = "STORESCU",
    ca: CaOption = None,
) -> None:
    """Send DICOM files (C-STORE); ends with 0 only if the peer took every one."""
    host, port = _host_and_port(peer)
    refused = 0
    try:
        for answer in send_files(
            host,
            port,
            paths,
            called_ae_title=called,
            calling_ae_title=calling,
            tls=_tls(ca),
        ):
            typer.echo(f"{answer.path}: {answer.words}")
            refused += not answer.is_stored
    except DicomNodeError as error:
        fail(f"{peer}: {error}")
    if refused:
        fail(f"{peer}: {refused} not stored")


def _tls(ca: Path | None) -> ClientTlsSettings | None:
    return None if ca is None else ClientTlsSettings(ca_certificates=ca)


def _host_and_port(text: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdigit():
        fail(f"{text}: neither a destination of the settings nor HOST:PORT")
    return host, int(port)
