"""The `hilum rules` commands: try the rules of a site on files before they are in force."""

from pathlib import Path
from typing import Annotated

import typer

from config.command_line import ConfigOption, SecretsOption, fail, site_settings
from config.process_group import CONFIGURATION_ERROR
from config.rules import Action, Rule, RuleBook
from config.rules_file import SHIPPED_RULES_FILE, RulesInvalid, read_rules
from config.settings import Settings
from dicom_node.errors import HeaderUnreadable
from dicom_node.header import read_stored_header
from dicom_node.rules import RuledImage, explain

PRIORITY_WORDS = ("routine", "high", "stat")

app = typer.Typer(help="Which studies are analysed, and where results go.", no_args_is_help=True)

RulesOption = Annotated[
    Path | None, typer.Option("--rules", help="A rules file, in place of the site's.")
]


@app.command("test")
def try_rules(
    files: Annotated[list[Path], typer.Argument(help="The DICOM files of one study.")],
    rules: RulesOption = None,
    calling: Annotated[str, typer.Option(help="AE title that would send them.")] = "",
    called: Annotated[str, typer.Option(help="AE title that they would be sent to.")] = "",
    config: ConfigOption = None,
    secrets: SecretsOption = None,
) -> None:
    """Say which rule decides about a study and why, and why none before it did.

    Prints values of the files, so mind who watches the terminal.
    """
    settings = site_settings(config, secrets)
    book = _book(settings, rules)
    images = [_image(file, book, calling=calling, called=called) for file in files]
    trials = explain(book, images)
    for trial in trials[:-1]:
        typer.echo(f"no match: {trial.rule.name}: {trial.why}")
    last = trials[-1]
    typer.echo(f"match:    {last.rule.name}: {last.why}")
    typer.echo(_consequence(last.rule))


@app.command("check")
def check_rules(
    rules: RulesOption = None, config: ConfigOption = None, secrets: SecretsOption = None
) -> None:
    """Check the rules: ends with 0, or names file, line and key at fault."""
    book = _book(site_settings(config, secrets), rules)
    typer.echo(f"{book.file}: ok, {len(book.rules)} rules, version {book.sha256[:12]}")


def _book(settings: Settings, rules: Path | None) -> RuleBook:
    names = [destination.name for destination in settings.destinations]
    try:
        return read_rules(rules or settings.rules.file or SHIPPED_RULES_FILE, names)
    except RulesInvalid as error:
        fail(str(error), status=CONFIGURATION_ERROR)


def _image(file: Path, book: RuleBook, *, calling: str, called: str) -> RuledImage:
    try:
        header, syntax = read_stored_header(file, {"SpecificCharacterSet", *_in_data_set(book)})
    except HeaderUnreadable:
        fail(f"{file}: not a DICOM file")
    return RuledImage(
        header=header,
        meta={
            "SendingApplicationEntityTitle": calling,
            "ReceivingApplicationEntityTitle": called,
            "TransferSyntaxUID": str(syntax),
        },
    )


def _in_data_set(book: RuleBook) -> frozenset[str]:
    of_association = {"SendingApplicationEntityTitle", "ReceivingApplicationEntityTitle"}
    return book.keywords - of_association - {"TransferSyntaxUID"}


def _consequence(rule: Rule) -> str:
    if rule.action is Action.DISCARD:
        return "the study is discarded: stored and listed, not analysed, nothing is sent"
    where = "every destination" if rule.destinations is None else ", ".join(rule.destinations)
    urgency = "" if rule.priority is None else f", at least {PRIORITY_WORDS[rule.priority]}"
    return f"the study is analysed{urgency}; results go to {where or 'no destination'}"
