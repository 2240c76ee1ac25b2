"""What people may let programs do in their name."""

from archive.account_records import Role, Scope

# What people of a role may let their own programs do; as the rules of the routes say.
SCOPES_OF_ROLE = {
    Role.RADIOLOGIST: frozenset({Scope.READ, Scope.PREDICT}),
    Role.ML: frozenset({Scope.READ, Scope.PREDICT, Scope.EXPORT}),
    Role.ADMIN: frozenset({Scope.READ, Scope.PREDICT, Scope.STORE, Scope.OPERATE}),
}


def scopes_of(roles: frozenset[Role]) -> frozenset[Scope]:
    """Return what people of these roles may let their own programs do."""
    return frozenset().union(*(SCOPES_OF_ROLE[role] for role in roles))
