"""What can be wrong with how a profile says that runs are planned."""

from collections.abc import Iterator

from flowmatik.agents.profiles.faults import Told
from flowmatik.agents.profiles.model import Profile

PLANNER = "planner"  # the role of whoever plans


def planning_faults(profile: Profile) -> Iterator[tuple[list[int | str], Told]]:
    rules = profile.planning
    if rules is None:
        return
    if profile.role != PLANNER:
        told = f"is for agents with the role {PLANNER}, and this one is {profile.role!r}; take it out"
        yield ["planning"], (told, "planning_role", {"role": profile.role})
    order = rules.order or []
    for n, name in enumerate(order):
        if name in order[:n]:
            told = f"{name!r} stands twice; keep one"
            yield ["planning", "order", n], (told, "planning_twice", {"value": name})
    if rules.approval and (said := rules.approval.policy().fault()):
        told = f"cannot be used: {said.text}"
        yield ["planning", "approval"], (told, "approval", {"said": said.shown()})
