"""The JSON of accounts, sessions, tokens and the audit trail."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StrictBool, StringConstraints

from api.auth.accounts import NewToken
from api.auth.passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD
from api.schemas import ApiModel, WholeNumber
from archive import account_records as records
from archive.account_records import Role, Scope

# Control characters have no place in a name, a comment or a password.
_PLAIN = r"^[^\x00-\x1f\x7f]*$"
PlainText = Annotated[str, StringConstraints(pattern=_PLAIN, max_length=200)]
Login = Annotated[str, StringConstraints(pattern=_PLAIN, min_length=1, max_length=64)]
# As `auth/accounts.py` checks them; here so that the document says so.
NewLogin = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]*$", max_length=64)
]
PersonName = Annotated[
    str,
    StringConstraints(pattern=r"^[\^ ]*[^\\=\^ \x00-\x1f\x7f][^\\=\x00-\x1f\x7f]*$", max_length=64),
]
NewPassword = Annotated[
    str, StringConstraints(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD)
]
Password = Annotated[str, StringConstraints(max_length=256)]


class Credentials(ApiModel):
    """What a person types to sign in."""

    login: Login = Field(examples=["ito"])
    password: Password = Field(examples=["correct horse battery"])


class SessionBody(ApiModel):
    """Who is signed in."""

    login: str
    person_name: str = Field(description="DICOM PN.", examples=["Ito^Ken^^Dr"])
    organisation: str
    roles: list[Role]
    may_review: bool = Field(description="A radiologist with an account of their own.")


class NewUserBody(ApiModel):
    """An account to be made."""

    login: NewLogin = Field(examples=["ito"])
    person_name: PersonName = Field(
        description="As it will stand in verified reports, Family^Given.", examples=["Ito^Ken"]
    )
    organisation: PlainText = ""
    roles: list[Role] = Field(min_length=1, max_length=len(Role), examples=[["radiologist"]])
    password: NewPassword | None = Field(
        default=None,
        description="Without one, the person chooses it by a link.",
        examples=["correct horse battery"],
    )
    is_shared: bool = Field(
        default=False, strict=True, description="Used by several people: may not review."
    )


class UserChanges(ApiModel):
    """What is to change of an account; what is left out stays."""

    person_name: PersonName | None = None
    organisation: PlainText | None = None
    roles: list[Role] | None = Field(default=None, min_length=1, max_length=len(Role))
    password: NewPassword | None = None
    is_shared: StrictBool | None = None
    is_active: StrictBool | None = None


class UserBody(ApiModel):
    """One account."""

    user_id: int
    login: str
    person_name: str
    organisation: str
    roles: list[Role]
    is_active: bool
    is_shared: bool
    has_password: bool
    has_provider: bool = Field(description="Signs in through the OpenID provider.")
    has_password_link: bool = Field(description="A link to choose a password waits to be used.")
    created_at: datetime
    last_sign_in_at: datetime | None


class PasswordLinkBody(ApiModel):
    """Where a person chooses their password."""

    address: str = Field(description="Good once, for three days; it is shown this once.")


class UserList(ApiModel):
    """All accounts."""

    users: list[UserBody]


class NewTokenBody(ApiModel):
    """A token to be made."""

    name: PlainText = Field(examples=["nightly export"])
    scopes: list[Scope] = Field(min_length=1, max_length=len(Scope), examples=[["predict"]])
    days: WholeNumber = Field(ge=1, le=366, description="How long it is good.", examples=[90])


class TokenBody(ApiModel):
    """One token, without its secret."""

    token_id: str
    name: str
    scopes: list[Scope]
    created_by: str
    is_personal: bool = Field(description="Ends with the account of who made it.")
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None


class NewTokenAnswer(TokenBody):
    """A token just made."""

    text: str = Field(description="The token itself; it is shown this once.")


class TokenList(ApiModel):
    """All tokens, the newest first."""

    tokens: list[TokenBody]


class AuditEventBody(ApiModel):
    """One line of the audit trail."""

    event_id: int
    at: datetime
    actor: str
    action: str
    outcome: str
    study_uid: str
    address: str
    details: dict[str, Any]
    previous_digest: str
    digest: str = Field(description="SHA-256 of this line and of the digest before it.")


class AuditPage(ApiModel):
    """Some lines, the newest first; the next page is in the Link header."""

    events: list[AuditEventBody]
    next_before: int | None = Field(description="Give it as `before`; null on the last page.")


class AuditCheck(ApiModel):
    """Whether the audit trail is whole."""

    is_whole: bool
    line_count: int = Field(ge=0)
    detail: str


def session_body(user: records.User) -> SessionBody:
    """Return the JSON of who is signed in."""
    return SessionBody(
        login=user.login,
        person_name=user.person_name,
        organisation=user.organisation,
        roles=sorted(user.roles),
        may_review=Role.RADIOLOGIST in user.roles and not user.is_shared,
    )


def user_body(user: records.User) -> UserBody:
    """Return the JSON of an account."""
    return UserBody(
        user_id=user.user_id,
        login=user.login,
        person_name=user.person_name,
        organisation=user.organisation,
        roles=sorted(user.roles),
        is_active=user.is_active,
        is_shared=user.is_shared,
        has_password=user.has_password,
        has_provider=user.has_provider,
        has_password_link=user.has_password_link,
        created_at=user.created_at,
        last_sign_in_at=user.last_sign_in_at,
    )


def token_body(token: records.ApiToken) -> TokenBody:
    """Return the JSON of a token."""
    return TokenBody(
        token_id=token.token_id,
        name=token.name,
        scopes=sorted(token.scopes),
        created_by=token.created_by,
        is_personal=token.user_id is not None,
        created_at=token.created_at,
        expires_at=token.expires_at,
        revoked_at=token.revoked_at,
        last_used_at=token.last_used_at,
    )


def new_token_answer(new: NewToken) -> NewTokenAnswer:
    """Return the JSON of a token just made, with its text."""
    return NewTokenAnswer(**dict(token_body(new.token)), text=new.text)


def audit_event_body(event: records.AuditEvent) -> AuditEventBody:
    """Return the JSON of a line of the audit trail."""
    entry = event.entry
    return AuditEventBody(
        event_id=event.event_id,
        at=event.at,
        actor=entry.actor,
        action=entry.action,
        outcome=entry.outcome,
        study_uid=entry.study_uid,
        address=entry.address,
        details=entry.details,
        previous_digest=event.previous_digest,
        digest=event.digest,
    )
