"""Every route has a rule: nobody without signing in, nobody with the wrong role or scope."""

from collections.abc import Iterator
from inspect import getclosurevars

import pytest
from fastapi.routing import APIRoute

from api.app import create_app
from api.auth.access import Rule
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
OPEN_PAGES = {
    "/docs", "/sign-in", "/sign-out", "/setup", "/set-password",
    "/sign-in/provider", "/sign-in/return",
}  # fmt: skip
# Whose pages: every other one is for everybody who is signed in.
PAGES_OF = {"/admin": Role.ADMIN, "/ops": Role.ADMIN, "/model": Role.ML}


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
        "{session_id}": "0123456789abcdef",
        "{user_id}": "999",
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


def pages() -> set[tuple[str, str]]:
    """Method and path of every page and of every button on one."""
    return {
        (method, route.path)
        for route in every_route()
        if not route.include_in_schema and route.path not in OPEN_PAGES
        for method in route.methods or ()
    }


def test_every_page_sends_who_is_not_signed_in_to_sign_in(archive: Archive) -> None:
    stranger = a_stranger(archive)
    assert {path for _, path in pages()} >= {"/", "/admin", "/me", "/help", "/display-test"}
    for method, path in pages():
        response = stranger.request(method, address_of(path))
        if method == "GET":
            assert response.status_code == 303, path
            assert response.headers["location"].startswith("/sign-in?next=/"), path
        else:
            assert response.status_code == 401, (method, path)


def test_no_page_takes_a_token_for_a_person(archive: Archive) -> None:
    headers = {"authorization": f"Bearer {token_of(archive, *Scope)}"}
    stranger = a_stranger(archive)
    for method, path in pages():
        assert stranger.request(method, address_of(path), headers=headers).status_code == 403, path


@pytest.mark.parametrize("role", list(Role))
def test_every_page_is_for_its_role_and_the_bar_shows_no_other(
    archive: Archive, role: Role
) -> None:
    client = a_client(archive, login="ito", roles=[role])
    for method, path in sorted(pages()):
        response = client.request(method, address_of(path))
        wanted = next((one for page, one in PAGES_OF.items() if path.startswith(page)), role)
        assert (response.status_code == 403) == (wanted is not role), (method, path)
    bar = client.get("/studies").text.partition("</header>")[0]
    for page, wanted in PAGES_OF.items():
        assert (f'href="{page}"' in bar) == (wanted is role), page
    assert ('href="/"' in bar) == (role is Role.RADIOLOGIST)


def test_every_documented_route_refuses_every_role_but_those_of_its_rule(archive: Archive) -> None:
    clients = {role: a_client(archive, login=role.value, roles=[role]) for role in Role}
    refused = 0
    for route in every_route():
        for method in route.methods or ():
            is_own = (method, route.path) == ("DELETE", "/api/v1/session")
            if not route.include_in_schema or (method, route.path) in OPEN or is_own:
                continue
            wanted = roles_of(route)
            for role, client in clients.items():
                if route.path == "/api/v1/events" and role in wanted:
                    continue  # a stream that does not end
                status = client.request(method, address_of(route.path)).status_code
                assert status != 401, (method, route.path, role)
                assert (status == 403) == (role not in wanted), (method, route.path, role)
                refused += status == 403
    assert refused > 40


@pytest.mark.parametrize(
    ("beginning", "role"),
    [
        ("/api/v1/users", Role.ADMIN),
        ("/api/v1/tokens", Role.ADMIN),
        ("/api/v1/audit", Role.ADMIN),
        ("/api/v1/deliveries", Role.ADMIN),
        ("/api/v1/destinations", Role.ADMIN),
        ("/api/v1/exports", Role.ML),
        ("/api/v1/worklist", Role.RADIOLOGIST),
        ("/api/v1/studies/{study_uid}/reviews", Role.RADIOLOGIST),
    ],
)
def test_the_rules_give_each_role_its_own(beginning: str, role: Role) -> None:
    found = [route for route in every_route() if route.path.startswith(beginning)]
    assert found
    assert {roles_of(route) for route in found} == {frozenset({role})}


def roles_of(route: APIRoute) -> frozenset[Role]:
    """The roles that the rule of a route names."""
    for dependency in route.dependant.dependencies:
        rule = getclosurevars(dependency.call).nonlocals.get("rule") if dependency.call else None
        if isinstance(rule, Rule):
            return rule.roles
    raise AssertionError(f"{route.path} has no rule")


def every_route() -> Iterator[APIRoute]:
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
