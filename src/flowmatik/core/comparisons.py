"""What a caller names to replay a run against, looked up."""

from collections.abc import Sequence
from dataclasses import replace

from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.runs import ReplayReport
from flowmatik.core import events as ev
from flowmatik.core.against import replay_against, version_named, with_agent
from flowmatik.core.journal.port import StoredEvent
from flowmatik.core.pins import pinned
from flowmatik.core.replay import replay
from flowmatik.core.services import EngineServices


async def replayed_against(
    services: EngineServices,
    workspace_id: str,
    run_id: str,
    history: Sequence[StoredEvent],
    against: str | AgentVersion,
) -> ReplayReport:
    """Raises InvalidInput, and NotFound (`not_found.agent`) for a version that the catalogue lacks. A history
    whose beginning cannot be read is replayed as it is, which says so."""
    version, agent = None, None
    if isinstance(against, AgentVersion):
        agent = against
    elif (version := version_named(against)) is None:
        agent = await services.catalogue.get(workspace_id, against)
    try:
        created = ev.decode(history[0])
    except Exception:  # the report names it
        created = None
    if not isinstance(created, ev.RunCreated):
        return replay(run_id, history, services.loop)
    if agent is not None:
        begun, name = with_agent(created, agent, _tools(services, agent)), agent.ref()
    else:
        version = created.decision_version if version is None else version
        begun, name = replace(created, decision_version=version), str(version)
    return replay_against(run_id, history, begun, services.loop, name)


def _tools(services: EngineServices, agent: AgentVersion) -> dict[str, ev.PinnedTool]:
    specs = services.tools.specs()
    return {name: pinned(specs[name]) for name in agent.tools if name in specs}
