"""Reads an ID token of the OpenID provider, and believes it only if everything about it is right.

OpenID Connect Core 1.0 section 3.1.3.7. The provider alone can sign: no shared secret, no `none`.
"""

from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

# RFC 7518 section 3.1 and RFC 9864: signatures by a key pair.
ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519",
)  # fmt: skip
# RFC 7518 section 6.1; keys of another kind in the provider's list are not for us.
KEY_TYPES = ("RSA", "EC", "OKP")
CLOCK_DIFFERENCE_SECONDS = 60


class IdTokenRefused(Exception):
    """The ID token is not to be believed; sign in again."""


def verified_claims(
    id_token: str, keys: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str
) -> dict[str, Any]:
    """Return what the provider says of a person.

    Parameters
    ----------
    id_token
        A JSON Web Token in its compact form.
    keys
        The provider's JSON Web Key Set (RFC 7517 section 5).
    issuer
        Who must have issued it.
    client_id
        For whom it must be.
    nonce
        Of this very sign-in.

    Raises
    ------
    IdTokenRefused
        Saying which part is wrong, without its value.
    """
    try:
        token = jwt.decode(id_token, _public_keys(keys), algorithms=ALGORITHMS)
        registry = jwt.JWTClaimsRegistry(
            leeway=CLOCK_DIFFERENCE_SECONDS,
            iss={"essential": True, "value": issuer},
            sub={"essential": True},
            aud={"essential": True, "value": client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        registry.validate(token.claims)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise IdTokenRefused(f"the ID token is not right: {type(error).__name__}") from None
    _refuse_other_parties(token.claims, client_id)
    if not isinstance(token.claims["nonce"], str):
        raise IdTokenRefused("the ID token is not right: nonce")
    return token.claims


def _public_keys(keys: Mapping[str, Any]) -> KeySet:
    usable = [
        key
        for key in keys.get("keys", ())
        if isinstance(key, dict) and key.get("kty") in KEY_TYPES and key.get("use", "sig") == "sig"
    ]
    return KeySet.import_key_set({"keys": usable})


def _refuse_other_parties(claims: Mapping[str, Any], client_id: str) -> None:
    """Refuse a token that is also for somebody else, unless it was asked for by us."""
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    party = claims.get("azp")
    if (len(audiences) > 1 and party is None) or (party is not None and party != client_id):
        raise IdTokenRefused("the ID token is not right: azp")
