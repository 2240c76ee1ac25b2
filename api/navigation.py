"""Which pages there are, who sees them in the bar at the top, and which paths are ours."""

from dataclasses import dataclass

from archive.account_records import Role, User

EVERY_ROLE = frozenset(Role)


@dataclass(frozen=True, kw_only=True)
class Page:
    """One entry of the bar."""

    name: str
    path: str
    roles: frozenset[Role] = EVERY_ROLE

    def holds(self, path: str) -> bool:
        """Return whether an address is this page or one below it."""
        return path == self.path or (self.path != "/" and path.startswith(f"{self.path}/"))


PAGES = (
    Page(name="Reading", path="/", roles=frozenset({Role.RADIOLOGIST})),
    Page(name="Studies", path="/studies"),
    Page(name="Model", path="/model", roles=frozenset({Role.ML})),
    Page(name="Operation", path="/ops", roles=frozenset({Role.ADMIN})),
    Page(name="Admin", path="/admin", roles=frozenset({Role.ADMIN})),
)
# At the end of the bar, for everybody; one's own page stands there under one's name.
OWN_PAGE = Page(name="My account", path="/me")
FURTHER_PAGES = (
    Page(name="Help", path="/help"),
    Page(name="Display test", path="/display-test"),
)
ADMIN_PAGES = (
    Page(name="Accounts", path="/admin"),
    Page(name="Tokens", path="/admin/tokens"),
    Page(name="Audit trail", path="/admin/audit"),
)


def pages_of(user: User) -> tuple[Page, ...]:
    """Return the pages that a person may open."""
    return tuple(page for page in PAGES if page.roles & user.roles)


def page_above(path: str) -> str:
    """Return the path of the page that an address belongs to; `/` for none."""
    pages = (*PAGES, OWN_PAGE, *FURTHER_PAGES, *ADMIN_PAGES)
    return max((page.path for page in pages if page.holds(path)), key=len, default="/")


def own_path(target: str) -> str:
    """Return `target` if it is a path of ours, else `/`; a redirect must not lead elsewhere."""
    is_own = target.startswith("/") and not target.startswith(("//", "/\\"))
    return target if is_own and target.isprintable() else "/"
