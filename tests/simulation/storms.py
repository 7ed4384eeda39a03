"""What befalls those who tell each other where to look: their Redis forgets or goes, some are cut from it,
some from the journal, and whoever chooses for all is killed."""

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from flowmatik.core.journal.dispatch_port import DISPATCH
from flowmatik.core.services import Role
from tests.simulation.lines import Process
from tests.simulation.redis import FOR_EVER, Redis
from tests.simulation.virtual_time import nap

if TYPE_CHECKING:
    from tests.simulation.world import World

ALIKE = (Role.ALL,)
PARTED = (Role.GATEWAY, Role.WORKER, Role.WORKER, Role.SCHEDULER)
AFTER = ("clear", "clear", "losing", "forgets", "gone", "deaf worker", "deaf workers")


def roles(world: "World", count: int) -> list[Role]:
    """Processes that do everything, or each its own thing, with one or two schedulers."""
    if world.chance.random() < 0.5:
        return [*ALIKE] * max(count, 2)
    return [*PARTED, *[Role.SCHEDULER] * (count > 1)]


async def blow(world: "World", redis: Redis) -> None:
    """For ever."""
    chance = world.chance
    while True:
        await nap(chance.uniform(0.5, 5.0))
        now = world.now()
        some = chance.choice(world.processes) if world.processes else None
        match chance.choice(["flush", "away", "deaf", "deaf", "cut", "cut", "leader"]):
            case "flush":
                redis.flush()
            case "away":
                redis.leave(now + chance.uniform(0.1, 10.0))
            case "deaf" if some:
                some.deaf_until = now + chance.uniform(0.5, 15.0)
            case "cut" if some:
                some.cut_until = now + chance.uniform(0.5, 12.0)
            case "leader" if chance.random() < 0.5:
                _kill_leader(world)
            case _:
                pass


def _kill_leader(world: "World") -> None:
    leads = cast("dict[str, tuple[str, float]]", vars(vars(world.store)["_leads"])["_leads"])
    owner, _ = leads.get(DISPATCH, ("", 0.0))
    for process in [one for one in world.processes if one.handle.lease.owner == owner]:
        process.dead = True
        world.killed(process)


def clear(world: "World", redis: Redis) -> None:
    """The storm is over, and yet: Redis may be gone for good, or some may never reach it again."""
    chance = world.chance
    for process in world.processes:
        process.deaf_until = process.cut_until = 0.0
    redis.away_until = 0.0
    world.after = chance.choice(AFTER)
    workers = [process for process in world.processes if process.role.drives]
    match world.after:
        case "forgets":
            redis.flush()
        case "gone":
            redis.leave(FOR_EVER)
        case "deaf worker" if workers:
            _deafen(chance.choice(workers))
        case "deaf workers":
            for process in workers:
                _deafen(process)
        case _:
            pass
    if world.after != "losing":
        redis.losses = replace(redis.losses, lost=0.0, doubled=0.0, late=0.0, reply_lost=0.0)


def _deafen(process: Process) -> None:
    process.deaf_until = FOR_EVER
