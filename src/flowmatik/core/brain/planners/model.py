"""The planner that asks a model for a plan, and tells it at most twice why its plan cannot run."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from flowmatik.contracts.plans import Declined
from flowmatik.core.brain import plan
from flowmatik.core.brain.commands import StartCall
from flowmatik.core.brain.fallback import SAYS_SO, is_hopeless
from flowmatik.core.brain.gates import BRAIN
from flowmatik.core.brain.plan_faults import Fault
from flowmatik.core.brain.planners.port import Asks, Proposed, Step, Unread
from flowmatik.core.brain.planners.recall import recalled, run_failed
from flowmatik.core.state import RunState
from flowmatik.kernel.errors import PlanInvalid

PLAN_REPAIRS = 2


class ModelPlanner:
    name = "model"
    repairs = True

    def step(self, state: RunState, now: str) -> Step:
        created = state.created
        if created.model.startswith("local/") and state.plan_reply is None:
            return Declined(planner=self.name, code="no_model", reason="no model is configured that plans")
        if (asks := recalled(state, now)) is not None:
            return asks
        failure = state.plan_failure
        if failure and is_hopeless(failure.code) and created.decision_version >= SAYS_SO:
            failed = run_failed(now, failure.code, failure.message, dict(failure.values))
            return Asks(commands=(failed,))
        if state.plan_open:
            return Asks()
        if state.plan_failed or (state.plan_reply is None and state.plan_attempts > PLAN_REPAIRS):
            return self._declined(state)
        if state.plan_reply is None:
            return Asks(commands=(StartCall(kind="model", name=created.model, purpose="plan"),))
        try:
            plans = plan.parse_model_plans(state.plan_reply.text)
            return Proposed(plans=tuple(plans if created.decision_version >= BRAIN else plans[:1]))
        except PlanInvalid as error:
            details = cast("Sequence[Mapping[str, Any]]", error.context["details"])
            return Unread(faults=tuple(Fault(**one) for one in details))

    def _declined(self, state: RunState) -> Declined:
        failure = state.plan_failure
        if failure is not None:
            fault = {"code": failure.code, "values": failure.values, "text": failure.message}
            reason = f"the model could not plan ({failure.message})"
            return Declined(planner=self.name, code="failed", reason=reason, values={"fault": fault})
        unsaid: dict[str, Any] = {"code": "", "values": {}, "text": "–"}
        first = state.plan_details[0] if state.plan_details else unsaid
        reason = f"none of the model's {state.plan_attempts} plans can run ({first['text']})"
        values: dict[str, Any] = {"fault": first, "attempts": state.plan_attempts}
        return Declined(planner=self.name, code="rejected", reason=reason, values=values)
