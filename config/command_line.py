"""What the commands of every room share: the options of a site, and how a command fails."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from config.process_group import CONFIGURATION_ERROR
from config.settings import Settings, SettingsInvalid, load_settings

FAILURE = 1

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="The site's settings file (YAML).")
]
SecretsOption = Annotated[
    Path | None, typer.Option("--secrets", help="Folder with one file per secret setting.")
]


def fail(words: str, *, status: int = FAILURE) -> NoReturn:
    """End the command with one line on standard error and a status that is not 0."""
    typer.echo(words, err=True)
    raise typer.Exit(status)


def site_settings(config: Path | None, secrets: Path | None) -> Settings:
    """Return the site's settings, or end the command naming the file and key at fault."""
    try:
        return load_settings(config, secrets_folder=secrets)
    except SettingsInvalid as error:
        fail(str(error), status=CONFIGURATION_ERROR)
