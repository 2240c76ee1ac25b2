"""What the web process refuses, named after what the client should do next.

Each class is one outcome with its HTTP status and its stable `code`; `problems.py` writes it as
problem+json. Nothing here may repeat what a client sent, for it may be patient data.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One place in a request that is wrong."""

    location: str
    """Where, as `query.limit` or `body.comment`."""
    message: str
    code: str


class ApiError(Exception):
    """The request cannot be served.

    Parameters
    ----------
    detail
        What is wrong with this request, in words for the client.
    code
        Overrides the class's stable code where an outcome has finer kinds.
    headers
        Response headers that belong to the outcome, such as ``Retry-After``.
    faults
        The places that are wrong, where there are several.
    """

    status = 500
    code = "internal_error"
    title = "The server failed"

    def __init__(
        self,
        detail: str,
        *,
        code: str = "",
        headers: Mapping[str, str] | None = None,
        faults: Sequence[Fault] = (),
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.headers = dict(headers or {})
        self.faults = tuple(faults)


class RequestMalformed(ApiError):
    """The request's body cannot be parsed; send it in the form that its media type names."""

    status = 400
    code = "malformed_request"
    title = "The request cannot be parsed"


class UnknownThing(ApiError):
    """There is nothing under this address; do not ask again."""

    status = 404
    code = "not_found"
    title = "There is nothing here"


class StateForbids(ApiError):
    """What is asked for does not fit the state that the thing is in now; look at it first."""

    status = 409
    code = "state_conflict"
    title = "Not in this state"


class BodyTooLarge(ApiError):
    """The request's body is larger than this installation takes."""

    status = 413
    code = "body_too_large"
    title = "The body is too large"


class MediaTypeUnknown(ApiError):
    """The body is of a kind that this address does not read."""

    status = 415
    code = "unsupported_media_type"
    title = "This kind of content is not read here"


class RequestInvalid(ApiError):
    """The request can be parsed, and says something that is not permitted; change it."""

    status = 422
    code = "invalid_request"
    title = "The request is not valid"


class RulesRefused(ApiError):
    """The rules file cannot be used; correct it, the old rules stay in force."""

    status = 422
    code = "rules_invalid"
    title = "The rules are not valid"


class ImageRefused(ApiError):
    """The image is none that the model was made for; its `code` is the refusal."""

    status = 422
    code = "image_refused"
    title = "The image is not scored"


class PartUnavailable(ApiError):
    """A part of the process group does not answer now; try again after `Retry-After`."""

    status = 503
    code = "unavailable"
    title = "Not available now"

    def __init__(self, detail: str, *, code: str = "", retry_after_seconds: int = 5) -> None:
        super().__init__(detail, code=code, headers={"Retry-After": str(retry_after_seconds)})


class Unauthenticated(ApiError):
    """Nobody is signed in; sign in and ask again."""

    status = 401
    code = "unauthenticated"
    title = "Sign in first"

    def __init__(self, detail: str, *, code: str = "") -> None:
        super().__init__(detail, code=code, headers={"WWW-Authenticate": 'Bearer realm="hilum"'})


class SignInNeeded(Exception):
    """A page was asked for by somebody who is not signed in; show them where to."""

    def __init__(self, path: str) -> None:
        super().__init__("sign in to see this page")
        self.path = path


class Forbidden(ApiError):
    """Who asks may not do this; asking again does not help."""

    status = 403
    code = "forbidden"
    title = "Not permitted"


class CrossSite(ApiError):
    """A page of another site made the browser ask; refused whoever is signed in."""

    status = 403
    code = "cross_site"
    title = "Not from another site"


class NameTaken(ApiError):
    """There is one of this name already; choose another."""

    status = 409
    code = "name_taken"
    title = "The name is taken"


class RevisionMismatch(ApiError):
    """Somebody changed it since it was looked at; look again, then decide."""

    status = 412
    code = "revision_mismatch"
    title = "It was changed in the meantime"


class RevisionMissing(ApiError):
    """Say by If-Match which state the decision is about."""

    status = 428
    code = "revision_required"
    title = "If-Match is needed"


class TooManyAttempts(ApiError):
    """Too many tries; wait for `Retry-After` seconds."""

    status = 429
    code = "too_many_attempts"
    title = "Too many attempts"

    def __init__(self, *, retry_after_seconds: int) -> None:
        super().__init__(
            "too many attempts to sign in; wait a moment",
            headers={"Retry-After": str(retry_after_seconds)},
        )


class ImageNotShown(ApiError):
    """The object holds nothing that the viewer can show; its detail says why."""

    status = 422
    code = "image_not_shown"
    title = "The image cannot be shown"


class PersonalAccountNeeded(Forbidden):
    """A review is signed by one person; sign in with an account of your own."""

    code = "personal_account_needed"
    title = "An account of your own is needed"


class NotAcceptable(ApiError):
    """Nothing that is offered here is among what the client takes."""

    status = 406
    code = "not_acceptable"
    title = "Not offered in this form"
