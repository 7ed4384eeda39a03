"""Who goes next: shares by weight, priorities within a workspace, limits, and room for newcomers."""

from collections import Counter
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from flowmatik.contracts.limits import EVERYWHERE, Limit
from flowmatik.core.engine.choice import Room, choose
from flowmatik.core.engine.limits import Limits
from flowmatik.core.journal.dispatch_port import Queue, ReadyRun


def run(number: int, workspace: str = "a", agent: str = "", priority: int = 0) -> ReadyRun:
    return ReadyRun(
        run_id=f"run_{workspace}_{agent}_{number:05}",
        workspace_id=workspace,
        agent=agent,
        priority=priority,
        created_at=f"2026-01-01T00:00:{number:02}Z",
    )


def chosen(
    waiting: list[ReadyRun],
    free: int,
    *,
    spare: int = 0,
    underway: Mapping[Queue, int] | None = None,
    limits: tuple[Limit, ...] = (),
) -> list[ReadyRun]:
    return choose(waiting, underway or {}, Limits(limits), Room(free=free, spare=spare))


def by_workspace(runs: list[ReadyRun]) -> Counter[str]:
    return Counter(one.workspace_id for one in runs)


def test_workspaces_share_what_is_free_whatever_their_crowds() -> None:
    waiting = [run(n, "crowd") for n in range(100)] + [run(n, "few") for n in range(100)]
    assert by_workspace(chosen(waiting, 10)) == {"crowd": 5, "few": 5}


def test_what_is_under_way_counts() -> None:
    waiting = [run(n, w) for n in range(20) for w in ("a", "b")]
    assert by_workspace(chosen(waiting, 6, underway={("a", ""): 4})) == {"a": 1, "b": 5}


def test_a_weight_of_three_is_three_times_as_much() -> None:
    waiting = [run(n, w) for n in range(50) for w in ("a", "b")]
    limits = (Limit(workspace_id="b", scope="runs", weight=3.0),)
    assert by_workspace(chosen(waiting, 40, limits=limits)) == {"a": 10, "b": 30}


def test_the_higher_priority_goes_first_then_the_older_run() -> None:
    waiting = [run(3), run(1), run(2, priority=5), run(4, priority=-1), run(5, agent="x", priority=5)]
    assert [one.run_id for one in chosen(waiting, 5)] == [
        "run_a__00002",
        "run_a_x_00005",
        "run_a__00001",
        "run_a__00003",
        "run_a__00004",
    ]


def test_orphans_come_before_everybody() -> None:
    lost = ReadyRun(run_id="lost", workspace_id="a", agent="", priority=-9, created_at="z", orphan=True)
    assert chosen([run(1, "b"), lost], 1) == [lost]


def test_a_limited_agent_does_not_hold_up_the_others_of_its_workspace() -> None:
    waiting = [run(n, agent="slow") for n in range(10)] + [run(50, agent="quick")]
    limits = (Limit(workspace_id="a", scope="agent:slow", most=2),)
    found = chosen(waiting, 8, limits=limits, underway={("a", "slow"): 1})
    assert Counter(one.agent for one in found) == {"slow": 1, "quick": 1}


def test_a_limit_for_everybody_holds_over_all_workspaces() -> None:
    waiting = [run(n, w, agent="gpu") for n in range(5) for w in ("a", "b")]
    limits = (Limit(workspace_id=EVERYWHERE, scope="agent:gpu", most=3),)
    assert len(chosen(waiting, 10, limits=limits)) == 3


def test_a_newcomer_begins_though_others_fill_the_house() -> None:
    waiting = [run(n, "crowd") for n in range(5)] + [run(n, "new") for n in range(5)]
    found = chosen(waiting, 0, spare=2, underway={("crowd", ""): 8})
    assert [one.run_id for one in found] == ["run_new__00000"], "one, and only for who has nothing"


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["", "x"]), st.integers(-2, 2)), max_size=40),
    st.dictionaries(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["", "x"])), st.integers(0, 5), max_size=6
    ),
    st.dictionaries(
        st.tuples(st.sampled_from(["", "a", "b"]), st.sampled_from(["runs", "agent:x"])),
        st.integers(0, 6),
        max_size=4,
    ),
    st.integers(0, 12),
    st.integers(0, 3),
)
def test_no_limit_is_passed_and_no_room_wasted(
    given_runs: list[tuple[str, str, int]],
    underway: dict[tuple[str, str], int],
    most: dict[tuple[str, str], int],
    free: int,
    spare: int,
) -> None:
    waiting = [run(n, w, a, p) for n, (w, a, p) in enumerate(given_runs)]
    limits = tuple(Limit(workspace_id=w, scope=s, most=m) for (w, s), m in most.items())
    found = chosen(waiting, free, spare=spare, underway=underway, limits=limits)
    assert len(found) == len({one.run_id for one in found}) <= free + spare
    counts: Counter[tuple[str, str]] = Counter()
    for (workspace, agent), count in underway.items():
        for place in (workspace, EVERYWHERE):
            counts[place, "runs"] += count
            counts[place, f"agent:{agent}"] += count
    before = counts.copy()
    for one in found:
        for place in (one.workspace_id, EVERYWHERE):
            counts[place, "runs"] += 1
            counts[place, f"agent:{one.agent}"] += 1
    for key, limit in most.items():
        assert counts[key] <= max(limit, before[key])
    if len(found) < free:
        left = [one for one in waiting if one not in found]
        assert all(_is_bounded(one, counts, most) for one in left)


def _is_bounded(one: ReadyRun, counts: Counter[tuple[str, str]], most: dict[tuple[str, str], int]) -> bool:
    scopes = ["runs", *([f"agent:{one.agent}"] if one.agent else [])]
    keys = [(place, scope) for place in (one.workspace_id, EVERYWHERE) for scope in scopes]
    return any(key in most and counts[key] >= most[key] for key in keys)


def test_processes_that_choose_at_the_same_moment_pass_a_limit_each_by_what_was_left_of_it_alone() -> None:
    most, seen, processes = 5, {("a", ""): 3}, 4
    limits = (Limit(workspace_id="a", scope="runs", most=most),)
    queues = [[run(10 * place + n) for n in range(10)] for place in range(processes)]
    begun = [len(chosen(queue, 50, underway=seen, limits=limits)) for queue in queues]
    assert begun == [2] * processes
    after = {("a", ""): 3 + sum(begun)}
    assert after["a", ""] <= most * processes
    assert chosen(queues[0], 50, underway=after, limits=limits) == []
