"""Every route has a rule: nobody without signing in, nobody with the wrong role or scope."""

from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute

from api.app import create_app
from archive.account_records import Role, Scope
from archive.database import Archive
from tests.web import a_client, a_stranger, token_of, web_settings

# What anybody may ask: supervisors, monitoring, the description, and how to sign in.
OPEN = {
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/metrics"),
    ("POST", "/api/v1/session"),
}
OPEN_PAGES = {"/docs", "/sign-in", "/sign-out", "/setup"}


def documented(archive: Archive) -> Iterator[tuple[str, str]]:
    for path, item in create_app(web_settings(), archive).openapi()["paths"].items():
        for method in item:
            yield method.upper(), path


def address_of(path: str) -> str:
    """A path with every parameter filled in."""
    for name, value in {
        "{study_uid}": "1.2.3.1",
        "{series_uid}": "1.2.3.1.1",
        "{sop_instance_uid}": "1.2.3.1.1.1",
        "{token_id}": "0123456789",
        "{destination}": "pacs",
    }.items():
        path = path.replace(name, value)
    while "{" in path:
        head, _, rest = path.partition("{")
        path = head + "1" + rest.partition("}")[2]
    return path


def test_every_documented_route_refuses_who_is_not_signed_in(archive: Archive) -> None:
    stranger = a_stranger(archive)
    operations = set(documented(archive))
    assert len(operations) > 15
    for method, path in operations - OPEN:
        response = stranger.request(method, address_of(path))
        assert response.status_code == 401, (method, path)
        assert response.json()["code"] == "unauthenticated"
        assert response.headers["www-authenticate"].startswith("Bearer")


def test_every_documented_route_refuses_a_token_without_its_scope(archive: Archive) -> None:
    # One scope that no route shares with all others at once: a token of none cannot be made.
    tokens = {scope: token_of(archive, scope) for scope in Scope}
    stranger = a_stranger(archive)
    for method, path in set(documented(archive)) - OPEN:
        allowed = set()
        for scope, text in tokens.items():
            headers = {"authorization": f"Bearer {text}"}
            if stranger.request(method, address_of(path), headers=headers).status_code != 403:
                allowed.add(scope)
        assert len(allowed) <= 1, (method, path, allowed)


@pytest.mark.parametrize("role", list(Role))
def test_account_administration_is_for_administrators(archive: Archive, role: Role) -> None:
    client = a_client(archive, roles=[role])
    for method, path in documented(archive):
        if not path.startswith(("/api/v1/users", "/api/v1/tokens", "/api/v1/audit")):
            continue
        response = client.request(method, address_of(path))
        assert (response.status_code == 403) == (role is not Role.ADMIN), (method, path)


def test_every_page_sends_who_is_not_signed_in_to_sign_in(archive: Archive) -> None:
    app = create_app(web_settings(), archive)
    stranger = a_stranger(archive)
    pages = {
        route.path
        for route in every_route(app)
        if not route.include_in_schema and "GET" in (route.methods or ())
    }
    assert "/" in pages
    for path in pages - OPEN_PAGES - {"/sign-in/provider", "/sign-in/return"}:
        response = stranger.get(address_of(path))
        assert response.status_code == 303, path
        assert response.headers["location"].startswith("/sign-in?next=/"), path


def every_route(app: object) -> Iterator[APIRoute]:
    from api.routes import ALL_ROUTERS

    for router in ALL_ROUTERS:
        yield from (route for route in router.routes if isinstance(route, APIRoute))


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer nonsense",
        "Bearer hilum_0123456789_" + "x" * 43,
        "Basic YW5uOnB3",
        "Bearer ",
        "bearer",
    ],
)
def test_a_wrong_token_is_401_even_beside_a_good_session(
    archive: Archive, authorization: str
) -> None:
    client = a_client(archive)
    response = client.get("/api/v1/studies", headers={"authorization": authorization})
    assert response.status_code == 401


def test_a_token_may_do_what_its_scope_says(archive: Archive) -> None:
    headers = {"authorization": f"Bearer {token_of(archive, Scope.READ)}"}
    stranger = a_stranger(archive)
    assert stranger.get("/api/v1/studies", headers=headers).status_code == 200
    assert stranger.get("/api/v1/deliveries", headers=headers).status_code == 403


def test_a_revoked_token_is_401(archive: Archive) -> None:
    text = token_of(archive, Scope.READ)
    [token] = archive.repository.tokens()
    archive.repository.revoke_token(token.token_id)
    response = a_stranger(archive).get(
        "/api/v1/studies", headers={"authorization": f"Bearer {text}"}
    )
    assert response.status_code == 401
