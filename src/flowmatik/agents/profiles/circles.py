"""Agents that would ask each other in a circle: refused when the profile that closes it is applied."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

import yaml

from flowmatik.agents.profiles.faults import fault_at
from flowmatik.contracts.agents import AgentVersion
from flowmatik.kernel.errors import ProfileInvalid


def check_circles(text: str, filename: str, agent: AgentVersion, known: Sequence[AgentVersion]) -> None:
    """Raises ProfileInvalid, with the place and the way, for each delegate that leads back to the agent.
    Agents that are not there yet are looked at when they come."""
    asks = {one.name: one.delegates for one in known} | {agent.name: agent.delegates}
    found = [(n, _way(asks, name, agent.name)) for n, name in enumerate(agent.delegates)]
    ways = [(n, (agent.name, *way)) for n, way in found if way]
    if not ways:
        return
    node: yaml.Node | None = cast("Any", yaml).compose(text, Loader=yaml.SafeLoader)
    faults = [
        fault_at(
            filename,
            node,
            ["delegates", n],
            (
                f"would ask back for the agent itself ({' → '.join(way)}); take it out, or out there",
                "partner_circle",
                {"way": " → ".join(way)},
            ),
        )
        for n, way in ways
    ]
    lines = [fault.line() for fault in faults]
    details = [asdict(fault) for fault in faults]
    raise ProfileInvalid("\n".join(lines), context={"file": filename, "faults": lines, "details": details})


def _way(asks: Mapping[str, Sequence[str]], start: str, end: str) -> tuple[str, ...]:
    """From `start` to `end`, the shortest; nothing when there is none."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    for way in ways:
        if way[-1] == end:
            return way
        for name in asks.get(way[-1], ()):
            if name not in seen:
                seen.add(name)
                ways.append((*way, name))
    return ()
