"""Who is paid for a call that needed a summary, and how much it can have cost when it fails."""

from typing import Any

import pytest

from flowmatik.contracts.models import ModelReply, ModelRequest, Usage
from flowmatik.integrations.layers.settings import ContextSettings
from flowmatik.integrations.layers.summaries import Summaries
from flowmatik.integrations.layers.windowed import Windowed
from flowmatik.kernel.errors import ModelError, ModelRejected, ModelUnavailable
from flowmatik.testing.models import ScriptedModels
from tests.unit.integrations.layers.support import REPLY, Provider, ask
from tests.unit.integrations.layers.test_window import talk

SUMMARY = ModelReply(
    text="Short.",
    usage=Usage(input_tokens=50, output_tokens=9, cached_input_tokens=20),
    cost_micros=30,
    model="near/cheap",
)


def broke_off(most: int | None = None) -> ModelUnavailable:
    error = ModelUnavailable("broke off")
    error.most_micros = most
    return error


def busy() -> ModelUnavailable:
    return ModelUnavailable("busy", context={"status": 503})


def layer(main: Any, summary: Any = SUMMARY) -> Windowed:
    def say(answer: Any) -> Any:
        def script(request: ModelRequest) -> ModelReply:
            if isinstance(answer, Exception):
                raise answer
            return answer

        return script

    settings = ContextSettings(tokens=2000, policy="summarise", summariser="near/cheap")
    cheap = ScriptedModels(say(summary), worst_micros=500)
    return Windowed(Provider(say(main), worst_micros=1000), settings, Summaries(lambda: cheap, "near/cheap"))


async def failing(layer: Windowed) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await layer.complete(ask(*talk(12)))
    return caught.value


async def test_who_summed_up_and_who_answered_are_paid_apart() -> None:
    reply = await layer(REPLY).complete(ask(*talk(12)))
    assert (reply.cost_micros, reply.paid) == (37, {"far": 7, "near": 30})
    assert reply.usage.cached_input_tokens == 20


async def test_a_summary_that_is_known_to_have_cost_little_leaves_the_cost_known() -> None:
    reply = await layer(REPLY, broke_off(12)).complete(ask(*talk(12)))
    assert (reply.cost_micros, reply.paid) == (19, {"far": 7, "near": 12})
    unknown = await layer(REPLY, broke_off()).complete(ask(*talk(12)))
    assert (unknown.cost_micros, unknown.paid) == (None, {"far": 7, "near": 0})


@pytest.mark.parametrize(
    ("error", "most", "paid"),
    [
        (busy(), 30, {"near": 30}),
        (ModelRejected("no", context={"status": 400}), 30, {"near": 30}),
        (broke_off(100), 130, {"near": 30, "far": 100}),
        (broke_off(), None, {"near": 30, "far": 0}),
    ],
)
async def test_a_failure_after_a_paid_summary_can_have_cost_both(
    error: ModelError, most: int | None, paid: dict[str, int]
) -> None:
    failed = await failing(layer(error))
    assert (failed.most_micros, failed.paid) == (most, paid)
    assert "status" not in failed.context
