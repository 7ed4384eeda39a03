"""Stories of runs that wait, ask people, are held and changed, take back what they did, and go on from
another one's history."""

from flowmatik.contracts.approvals import ApprovalPolicy, Escalation
from flowmatik.contracts.plans import Compensation, MapSpec, PlanTask, SubRunSpec, WaitSpec
from flowmatik.contracts.tools import Effect
from flowmatik.core import events as ev
from flowmatik.core.lineage import inherited
from tests.histories.playing import AT, LATER, Player

TOOLS = {
    "put": ev.PinnedTool(effect=Effect.IDEMPOTENT, timeout=5.0),
    "send": ev.PinnedTool(effect=Effect.ONCE, timeout=5.0),
}


def new(version: int, *plan: PlanTask) -> ev.RunCreated:
    return ev.RunCreated(
        run_id="run_1", workspace_id="w", goal="Do it.", created_at=AT, model="local/extractive", tools=TOOLS,
        plan=plan, decision_version=version,
    )  # fmt: skip


def step(name: str, *needs: str, undone: Compensation | None = None) -> PlanTask:
    return PlanTask(
        id=name, objective="", tool="put", effect=Effect.IDEMPOTENT, needs=needs, arguments={"name": name},
        compensation=undone,
    )  # fmt: skip


def waits(version: int) -> Player:
    """For a signal that came before, one that comes later, and a time."""
    waiting = (
        PlanTask(id="early", objective="", wait=WaitSpec(kind="signal", name="go")),
        PlanTask(id="late", objective="", wait=WaitSpec(kind="signal", name="end", timeout_seconds=60.0)),
        PlanTask(id="sleep", objective="", wait=WaitSpec(kind="time", seconds=5.0), needs=("early",)),
    )
    player = Player(new(version, *waiting, step("s", "late")))
    player.fact(ev.WaitEnded(wait_id="wait_1", outcome="signalled", value={"ok": True}))
    player.fact(ev.SignalReceived(name="go", data=2))
    player.fact(ev.WaitEnded(wait_id="wait_2", outcome="timed_out"))
    player.fact(ev.WaitEnded(wait_id="wait_3", outcome="due"))
    return player


def people_agree(version: int) -> Player:
    policy = ApprovalPolicy(
        approvers=("ana",),
        quorum=2,
        expires_seconds=60.0,
        escalations=(Escalation(after_seconds=5.0, approvers=("ben",)),),
    )
    task = PlanTask(
        id="s", objective="", tool="send", effect=Effect.ONCE, arguments={"to": "all"}, approval=policy
    )
    player = Player(new(version, task))
    [asked] = player.state.approvals.values()
    approval, digest = asked.request.approval_id, asked.arguments_hash
    player.fact(ev.ApprovalEscalated(approval_id=approval, step=1, approvers=("ben",)))
    player.fact(ev.ApprovalVoted(approval_id=approval, by="usr_ana", name="ana", decision="approve", at=AT,
                                 arguments_hash=digest))  # fmt: skip
    agreed = ev.ApprovalDecided(
        approval_id=approval, decision="approve", by="usr_ben", at=LATER, name="ben", arguments={"to": "all"},
        arguments_hash=digest,
    )  # fmt: skip
    player.fact(agreed)
    player.succeed("step", {"sent": True})
    return player


def held_and_changed(version: int) -> Player:
    player = Player(new(version, step("s"), step("t", "s")))
    player.fact(ev.RunPaused(by="ana", reason="wait"))
    player.succeed("step", {"done": 1})
    player.fact(ev.RunChanged(budget_micros=500, deadline_at=LATER, priority=3, by="ana"))
    player.fact(ev.RunUnpaused(by="ana"))
    player.succeed("step", {"done": 2})
    return player


def taken_back(version: int) -> Player:
    undo = Compensation(tool="put", arguments={"name": "undo"})
    lost = Compensation(tool="put", arguments={"name": {"$result": "no.such"}})
    player = Player(new(version, step("a", undone=undo), step("b", "a", undone=lost), step("c", "b")))
    player.succeed("step", {"done": "a"})
    player.succeed("step", {"done": "b"})
    player.fail("step", "tool.failed")
    player.succeed("compensate", {"undone": True})
    return player


def _failed(version: int) -> Player:
    player = Player(new(version, step("s"), step("t", "s"), step("u", "t")))
    player.succeed("step", {"done": "s"})
    player.fail("step", "tool.failed")
    return player


def retried(version: int) -> Player:
    parent = _failed(version)
    prefix = inherited(parent.stored(), len(parent.events))
    player = Player(new(version, *parent.state.created.plan), inherits=prefix)
    player.fact(ev.TaskRetried(parent="run_0", seq=len(parent.events), task_ids=("t",)))
    player.succeed("step", {"done": "t"})
    player.succeed("step", {"done": "u"})
    return player


def forked(version: int) -> Player:
    parent = _failed(version)
    upto = next(n for n, event in enumerate(parent.events, 1) if isinstance(event, ev.TaskSucceeded))
    player = Player(new(version, *parent.state.created.plan), inherits=inherited(parent.stored(), upto))
    player.fact(ev.RunForked(parent="run_0", seq=upto, effects="allow", arguments={"u": {"name": "other"}}))
    player.succeed("step", {"done": "t"})
    player.succeed("step", {"done": "u"})
    return player


def runs_within(version: int) -> Player:
    """One run of its own, then one for each of three items, one of which fails."""
    within = SubRunSpec(goal="part {item}", plan=(step("p"),))
    each = MapSpec(items=["a", "b", "c"], run=within, concurrency=2, on_failure="continue")
    player = Player(
        new(
            version,
            PlanTask(id="one", objective="", run=SubRunSpec(goal="part", plan=(step("p"),))),
            PlanTask(id="all", objective="", map=each, needs=("one",)),
        )
    )
    _end(player, "succeeded")
    player.succeed("items", {"count": 3})
    for status in ("succeeded", "failed", "succeeded"):
        _end(player, status)
    if player.state.open:
        player.succeed(next(iter(player.state.open.values())).purpose, {"items": 3})
    return player


def _end(player: Player, status: str) -> None:
    sub_id, sub = next(iter(player.state.subs.items()))
    result = {"output": {"done": True}} if status == "succeeded" else None
    player.fact(
        ev.SubRunEnded(sub_id=sub_id, child_id=sub.child_id, status=status, result=result, cost_micros=3)
    )
