"""Who gives commands on the home of this machine: its administrator, by file permission."""

from flowmatik.contracts.security import Principal


def local_principal(workspace_id: str) -> Principal:
    return Principal(
        id="local", name="local administrator", workspace_id=workspace_id, scopes=frozenset({"admin"})
    )
