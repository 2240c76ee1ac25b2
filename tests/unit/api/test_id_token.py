"""An ID token is believed only if signature, parties, time and nonce are all right."""

import hmac
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from api.auth.id_token import IdTokenRefused, verified_claims

ISSUER = "https://login.hospital.example/realms/imaging"
RSA = RSAKey.generate_key(2048, parameters={"kid": "one"})
EC = ECKey.generate_key("P-256", parameters={"kid": "two"})
PUBLIC: dict[str, Any] = {"keys": [RSA.as_dict(is_private=False), EC.as_dict(is_private=False)]}


def claims_of(**changes: object) -> dict[str, Any]:
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "sub": "248289761001",
        "aud": "hilum",
        "iat": now,
        "exp": now + 300,
        "nonce": "n-0S6",
    } | changes
    return {name: value for name, value in claims.items() if value is not None}


def signed(key: RSAKey | ECKey = RSA, algorithm: str = "RS256", **changes: object) -> str:
    header = {"alg": algorithm, "kid": key.kid}
    return jwt.encode(header, claims_of(**changes), key, algorithms=[algorithm])


def verify(id_token: str, keys: Mapping[str, Any] | None = None) -> dict[str, Any]:
    return verified_claims(
        id_token, keys or PUBLIC, issuer=ISSUER, client_id="hilum", nonce="n-0S6"
    )


@pytest.mark.parametrize(("key", "algorithm"), [(RSA, "RS256"), (EC, "ES256"), (RSA, "PS256")])
@pytest.mark.parametrize(
    "changes", [{}, {"aud": ["hilum"]}, {"aud": ["hilum", "other"], "azp": "hilum"}]
)
def test_a_right_token_is_believed(
    key: RSAKey | ECKey, algorithm: str, changes: dict[str, Any]
) -> None:
    assert verify(signed(key, algorithm, **changes))["sub"] == "248289761001"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://login.evil.example"},
        {"iss": [ISSUER]},
        {"iss": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"aud": "other"},
        {"aud": []},
        {"aud": None},
        {"aud": ["hilum", "other"]},
        {"azp": "other"},
        {"exp": 1},
        {"exp": None},
        {"exp": float("nan")},
        {"iat": 1 << 40},
        {"iat": None},
        {"nonce": "another"},
        {"nonce": ["n-0S6"]},
        {"nonce": None},
    ],
)
def test_a_wrong_claim_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(IdTokenRefused):
        verify(signed(**changes))


def test_the_signature_of_somebody_else_is_refused() -> None:
    stranger = RSAKey.generate_key(2048, parameters={"kid": "one"})
    with pytest.raises(IdTokenRefused):
        verify(signed(stranger))
    with pytest.raises(IdTokenRefused):
        verify(signed(RSAKey.generate_key(2048, parameters={"kid": "unknown"})))


def test_changed_claims_are_refused() -> None:
    head, _, signature = signed().split(".")
    other = signed(sub="1").split(".")[1]
    with pytest.raises(IdTokenRefused):
        verify(f"{head}.{other}.{signature}")


def test_a_token_signed_with_a_public_key_as_secret_is_refused() -> None:
    # The provider's public key is known to all: as the secret of an HMAC it proves nothing.
    head, body = (
        urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "kid": "one"}, claims_of())
    )
    text = RSA.as_pem(private=False)
    mac = urlsafe_b64encode(hmac.digest(text, head + b"." + body, "sha256")).rstrip(b"=")
    forged = b".".join((head, body, mac)).decode()
    secret = OctKey.generate_key(256, parameters={"kid": "one"})
    key_sets: list[Mapping[str, Any]] = [PUBLIC, KeySet([secret]).as_dict(is_private=True)]
    for keys in key_sets:
        with pytest.raises(IdTokenRefused):
            verify(forged, keys)


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."])
def test_what_is_no_signed_token_is_refused(text: str) -> None:
    with pytest.raises(IdTokenRefused):
        verify(text)


def test_without_keys_nothing_is_believed() -> None:
    with pytest.raises(IdTokenRefused):
        verify(signed(), {"keys": []})
