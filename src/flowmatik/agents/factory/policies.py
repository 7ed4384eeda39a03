"""What each workspace lets the factory do, kept in the store."""

from pydantic import TypeAdapter

from flowmatik.agents.factory.policy import check_within, narrowed
from flowmatik.contracts.authors import Author
from flowmatik.contracts.database import Database
from flowmatik.contracts.factory import FactoryPolicyView, FactoryRules
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock

_RULES = TypeAdapter(FactoryRules)


class StoredPolicies:
    """`installation` leaves nothing open but the cost."""

    def __init__(self, database: Database, installation: FactoryRules, clock: Clock) -> None:
        self._database = database
        self._installation = installation
        self._clock = clock

    async def get(self, workspace_id: str) -> FactoryPolicyView:
        found = await self._database.within(workspace_id).fetch(
            "SELECT rules, changed_by, changed_at, reason FROM factory_policies WHERE workspace_id = $1",
            workspace_id,
        )
        if not found:
            return FactoryPolicyView(own=FactoryRules(), holds=narrowed(self._installation, FactoryRules()))
        rules, by, at, reason = found[0]
        own = _RULES.validate_python(canonical.loads(str(rules)))
        return FactoryPolicyView(
            own=own,
            holds=narrowed(self._installation, own),
            changed_by=str(by),
            changed_at=str(at),
            reason=str(reason),
        )

    async def put(self, workspace_id: str, rules: FactoryRules, author: Author) -> FactoryPolicyView:
        """Raises InvalidInput (`input.factory_beyond`)."""
        check_within(self._installation, rules)
        at = self._clock.now().isoformat()
        values = (workspace_id, canonical.dumps(rules), author.by, at, author.reason)
        await self._database.within(workspace_id).transaction(
            [
                (
                    "INSERT INTO factory_policies (workspace_id, rules, changed_by, changed_at, reason)"
                    " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (workspace_id) DO UPDATE"
                    " SET rules = excluded.rules, changed_by = excluded.changed_by,"
                    " changed_at = excluded.changed_at, reason = excluded.reason",
                    values,
                )
            ]
        )
        return await self.get(workspace_id)
