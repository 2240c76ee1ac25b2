"""The hospital's OpenID provider: where it is, sending people there, and what it says of them.

OpenID Connect Core 1.0, Discovery 1.0 and RP-Initiated Logout 1.0; PKCE as RFC 7636 says. Nothing
is kept between requests: keys and addresses are asked for at each sign-in, so that a provider may
change them.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
import structlog
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from pydantic import BaseModel, ConfigDict, ValidationError

from api.auth.id_token import IdTokenRefused, verified_claims
from api.errors import PartUnavailable, Unauthenticated
from archive.account_records import OidcAttempt
from config.settings import OidcSettings

TIMEOUT_SECONDS = 8.0
# OpenID Connect Discovery 1.0 section 4.
DISCOVERY_PATH = "/.well-known/openid-configuration"

_log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Whom the provider has signed in."""

    subject: str
    """Issuer and subject, which name a person for good (OpenID Connect Core section 5.7)."""
    claims: Mapping[str, Any]
    id_token: str


class _Provider(BaseModel):
    """What is used of the discovery document."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class OpenIdProvider:
    """One provider, and us as one of its clients.

    Parameters
    ----------
    settings
        Which provider.
    own_address
        How browsers reach us, without a path.

    Raises
    ------
    OSError
        The client's secret or the certificate cannot be read.
    """

    def __init__(self, settings: OidcSettings, own_address: str) -> None:
        self._settings = settings
        self._return_address = f"{own_address}/sign-in/return"
        self._signed_out_address = f"{own_address}/sign-in"
        file = settings.client_secret_file
        self._secret = file.read_text(encoding="utf-8").strip() if file else None
        self._tls = ssl.create_default_context(cafile=settings.ca_certificate)

    @property
    def settings(self) -> OidcSettings:
        """Which provider, and whom it may send."""
        return self._settings

    def address_to_sign_in(self, state: str, attempt: OidcAttempt) -> str:
        """Return where a browser is sent to sign in (OpenID Connect Core section 3.1.2.1).

        Raises
        ------
        PartUnavailable
            The provider does not answer, or not as a provider does.
        """
        with self._client() as client:
            provider = self._discover(client)
            address, _ = client.create_authorization_url(
                provider.authorization_endpoint,
                state=state,
                code_verifier=attempt.code_verifier,
                nonce=attempt.nonce,
            )
        return str(address)

    def identity(self, code: str, attempt: OidcAttempt, *, issuer: str | None) -> Identity:
        """Return whom the provider has signed in; a code is good for one call.

        Parameters
        ----------
        code
            As the browser brought it back.
        attempt
            What was remembered when the browser was sent away.
        issuer
            The response's `iss` (RFC 9207), where there is one.

        Raises
        ------
        PartUnavailable
            The provider does not answer, or not as a provider does.
        Unauthenticated
            What it answers is not to be believed.
        """
        with self._client() as client:
            provider = self._discover(client)
            is_named = provider.authorization_response_iss_parameter_supported
            if issuer != provider.issuer and (issuer is not None or is_named):
                raise _refused("the answer is of another provider")
            token = self._fetch_token(client, provider, code, attempt)
            claims = self._claims(client, provider, token, attempt)
        subject = f"{provider.issuer} {claims['sub']}"
        return Identity(subject=subject, claims=claims, id_token=token["id_token"])

    def address_to_sign_out(self, id_token: str) -> str | None:
        """Return where a browser is sent to end the provider's own session, where it can.

        RP-Initiated Logout 1.0 section 2. None also while the provider does not answer: signing
        out here never waits for it.
        """
        try:
            with self._client() as client:
                endpoint = self._discover(client).end_session_endpoint
        except PartUnavailable:
            return None
        if endpoint is None:
            return None
        query = {
            "id_token_hint": id_token,
            "client_id": self._settings.client_id,
            "post_logout_redirect_uri": self._signed_out_address,
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    def _client(self) -> Any:
        # Any: Authlib ships no types.
        return OAuth2Client(
            client_id=self._settings.client_id,
            client_secret=self._secret,
            token_endpoint_auth_method="client_secret_basic" if self._secret else "none",
            scope=" ".join(self._settings.scopes),
            redirect_uri=self._return_address,
            code_challenge_method="S256",
            timeout=TIMEOUT_SECONDS,
            verify=self._tls,
        )

    def _discover(self, client: Any) -> _Provider:
        address = self._settings.issuer.rstrip("/") + DISCOVERY_PATH
        try:
            provider = _Provider.model_validate(_json_of(client, address))
        except ValidationError:
            raise _unavailable("its description is not one of a provider") from None
        if provider.issuer != self._settings.issuer:
            raise _unavailable("it calls itself otherwise than oidc.issuer")
        if any(not _is_as_safe(one, provider.issuer) for one in _endpoints_of(provider)):
            raise _unavailable("one of its addresses is not https")
        methods = provider.token_endpoint_auth_methods_supported
        if self._secret and "client_secret_basic" not in methods:
            client.token_endpoint_auth_method = "client_secret_post"  # noqa: S105 - a method
        return provider

    def _fetch_token(
        self, client: Any, provider: _Provider, code: str, attempt: OidcAttempt
    ) -> Mapping[str, Any]:
        try:
            token: Mapping[str, Any] = client.fetch_token(
                provider.token_endpoint,
                grant_type="authorization_code",
                code=code,
                code_verifier=attempt.code_verifier,
            )
        except OAuthError as error:
            raise _refused("the provider does not take its own code") from error
        except (httpx2.HTTPError, ValueError) as error:
            raise _unavailable(type(error).__name__) from None
        if not isinstance(token.get("id_token"), str):
            raise _unavailable("it gives no ID token")
        return token

    def _claims(
        self, client: Any, provider: _Provider, token: Mapping[str, Any], attempt: OidcAttempt
    ) -> Mapping[str, Any]:
        """Return the ID token's claims, and those that only the userinfo address tells."""
        try:
            claims = verified_claims(
                token["id_token"],
                _json_of(client, provider.jwks_uri),
                issuer=provider.issuer,
                client_id=self._settings.client_id,
                nonce=attempt.nonce,
            )
        except IdTokenRefused as error:
            raise _refused(str(error)) from None
        if provider.userinfo_endpoint is None:
            return claims
        bearer = {"Authorization": f"Bearer {token.get('access_token', '')}"}
        further = _json_of(client, provider.userinfo_endpoint, bearer)
        # OpenID Connect Core section 5.3.2: otherwise it is about somebody else.
        if further.get("sub") != claims["sub"]:
            raise _refused("the userinfo is about somebody else")
        return {**further, **claims}


def _json_of(
    client: Any, address: str, headers: Mapping[str, str] | None = None
) -> Mapping[str, Any]:
    try:
        response = client.request("GET", address, headers=headers, withhold_token=True)
        response.raise_for_status()
        content = response.json()
    except (httpx2.HTTPError, ValueError) as error:
        raise _unavailable(type(error).__name__) from None
    if not isinstance(content, dict):
        raise _unavailable("it answers with something else than an object")
    return content


def _endpoints_of(provider: _Provider) -> list[str]:
    wanted = [provider.authorization_endpoint, provider.token_endpoint, provider.jwks_uri]
    return [
        *wanted,
        *(one for one in (provider.userinfo_endpoint, provider.end_session_endpoint) if one),
    ]


def _is_as_safe(address: str, issuer: str) -> bool:
    """Return whether an address is https; http only where the issuer is, on this machine."""
    return urlsplit(address).scheme in {"https", urlsplit(issuer).scheme}


def _unavailable(why: str) -> PartUnavailable:
    _log.warning("OpenID provider cannot be used", reason=why)
    return PartUnavailable("the hospital's sign-in does not answer now", code="no_provider")


def _refused(why: str) -> Unauthenticated:
    _log.warning("OpenID sign-in refused", reason=why)
    return Unauthenticated("the hospital's sign-in was not completed", code="sign_in_refused")
