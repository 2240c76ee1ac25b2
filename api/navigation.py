"""Which pages there are, and who sees them in the bar at the top."""

from dataclasses import dataclass

from archive.account_records import Role, User


@dataclass(frozen=True, kw_only=True)
class Page:
    """One entry of the bar."""

    name: str
    path: str
    roles: frozenset[Role]


PAGES = (
    Page(name="Reading", path="/", roles=frozenset({Role.RADIOLOGIST})),
    Page(name="Studies", path="/studies", roles=frozenset(Role)),
    Page(name="Model", path="/model", roles=frozenset({Role.ML})),
    Page(name="Operation", path="/ops", roles=frozenset({Role.ADMIN})),
)


def pages_of(user: User) -> tuple[Page, ...]:
    """Return the pages that a person may open."""
    return tuple(page for page in PAGES if page.roles & user.roles)


def own_path(target: str) -> str:
    """Return `target` if it is a path of ours, else `/`; a redirect must not lead elsewhere."""
    is_own = target.startswith("/") and not target.startswith(("//", "/\\"))
    return target if is_own and target.isprintable() else "/"
