"""The `hilum user`, `hilum token` and `hilum audit` commands.

The command line hands in how to open the archive of a site.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from api.auth.accounts import add_token, add_user, offer_password_link
from api.errors import ApiError
from archive.account_records import COMMAND_LINE, AuditAction, AuditEntry, Role, Scope
from archive.database import Archive
from archive.errors import ArchiveError
from config.command_line import ConfigOption, SecretsOption, fail, site_settings

OpenArchive = Callable[[Path | None, Path | None], Archive]


def add_commands(app: typer.Typer, open_archive: OpenArchive) -> None:
    """Mount the commands of this file."""
    app.add_typer(_user_commands(open_archive), name="user")
    app.add_typer(_token_commands(open_archive), name="token")
    app.add_typer(_audit_commands(open_archive), name="audit")


def _user_commands(open_archive: OpenArchive) -> typer.Typer:
    app = typer.Typer(help="Accounts of people.", no_args_is_help=True)

    @app.command("add")
    def add(
        login: str,
        name: Annotated[str, typer.Option(help="As in reports: Family^Given.")],
        role: Annotated[list[Role], typer.Option(help="May be given several times.")],
        password: Annotated[
            str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True)
        ],
        organisation: str = "",
        shared: Annotated[
            bool, typer.Option(help="Used by several people; may not review.")
        ] = False,
        config: ConfigOption = None,
        secrets: SecretsOption = None,
    ) -> None:
        """Make an account; asks for the password where it is not given."""
        archive = open_archive(config, secrets)
        try:
            user = add_user(
                archive,
                login=login,
                person_name=name,
                roles=frozenset(role),
                password=password,
                organisation=organisation,
                is_shared=shared,
            )
        except (ApiError, ArchiveError) as error:
            fail(str(error))
        _note(archive, AuditAction.USER_ADDED, login=user.login, roles=sorted(user.roles))
        typer.echo(f"{user.login}: {', '.join(sorted(user.roles))}")

    @app.command("link")
    def link(login: str, config: ConfigOption = None, secrets: SecretsOption = None) -> None:
        """Print a one-time address at which a person chooses their password, or another."""
        archive = open_archive(config, secrets)
        settings = site_settings(config, secrets)
        try:
            user = archive.repository.user_of_login(login)
            address = offer_password_link(archive, settings.api, user)
        except (ApiError, ArchiveError) as error:
            fail(str(error))
        _note(archive, AuditAction.PASSWORD_LINK, login=user.login)
        typer.echo(address)

    @app.command("close")
    def close(login: str, config: ConfigOption = None, secrets: SecretsOption = None) -> None:
        """Close an account: signed out at once, its own tokens ended; what it decided stays."""
        archive = open_archive(config, secrets)
        try:
            user = archive.repository.user_of_login(login)
            archive.repository.change_user(user.user_id, {"is_active": False})
        except ArchiveError as error:
            fail(str(error))
        _note(archive, AuditAction.USER_CHANGED, login=user.login, changed=["is_active"])
        typer.echo("closed")

    @app.command("list")
    def list_users(config: ConfigOption = None, secrets: SecretsOption = None) -> None:
        """List all accounts."""
        for user in open_archive(config, secrets).repository.users():
            state = "" if user.is_active else "  (closed)"
            typer.echo(f"{user.login:20} {', '.join(sorted(user.roles))}{state}")

    return app


def _token_commands(open_archive: OpenArchive) -> typer.Typer:
    app = typer.Typer(help="Tokens of programs.", no_args_is_help=True)

    @app.command("create")
    def create(
        name: str,
        scope: Annotated[list[Scope], typer.Option(help="May be given several times.")],
        days: Annotated[int, typer.Option(help="How long it is good.")] = 90,
        config: ConfigOption = None,
        secrets: SecretsOption = None,
    ) -> None:
        """Make a token and print it, this once."""
        archive = open_archive(config, secrets)
        try:
            new = add_token(
                archive,
                name=name,
                scopes=frozenset(scope),
                created_by=COMMAND_LINE,
                life=timedelta(days=days),
            )
        except (ApiError, ArchiveError) as error:
            fail(str(error))
        _note(archive, AuditAction.TOKEN_ADDED, token_id=new.token.token_id)
        typer.echo(new.text)

    @app.command("list")
    def list_tokens(config: ConfigOption = None, secrets: SecretsOption = None) -> None:
        """List all tokens, without their secrets."""
        for token in open_archive(config, secrets).repository.tokens():
            ended = "revoked" if token.revoked_at else f"until {token.expires_at:%Y-%m-%d}"
            scopes = ", ".join(sorted(token.scopes))
            typer.echo(f"{token.token_id}  {token.name:20} {scopes:20} {ended}")

    @app.command("revoke")
    def revoke(token_id: str, config: ConfigOption = None, secrets: SecretsOption = None) -> None:
        """End a token at once."""
        archive = open_archive(config, secrets)
        try:
            archive.repository.revoke_token(token_id)
        except ArchiveError as error:
            fail(str(error))
        _note(archive, AuditAction.TOKEN_REVOKED, token_id=token_id)
        typer.echo("revoked")

    return app


def _audit_commands(open_archive: OpenArchive) -> typer.Typer:
    app = typer.Typer(help="The audit trail.", no_args_is_help=True)

    @app.command("verify")
    def verify(config: ConfigOption = None, secrets: SecretsOption = None) -> None:
        """Recompute the chain of digests; ends with 0 only if no line was changed or removed."""
        try:
            count = open_archive(config, secrets).repository.verify_audit()
        except ArchiveError as error:
            fail(f"audit trail: {error}")
        typer.echo(f"{count} lines, every digest fits")

    @app.command("list")
    def list_events(
        limit: int = 50, config: ConfigOption = None, secrets: SecretsOption = None
    ) -> None:
        """List the newest lines."""
        for event in open_archive(config, secrets).repository.audit_events(limit=limit):
            entry = event.entry
            typer.echo(
                f"{event.event_id:8} {event.at:%Y-%m-%d %H:%M:%S} {entry.actor:20} "
                f"{entry.action:16} {entry.outcome:8} {entry.study_uid}"
            )

    return app


def _note(archive: Archive, action: AuditAction, **details: object) -> None:
    archive.repository.record_audit(AuditEntry(actor=COMMAND_LINE, action=action, details=details))
