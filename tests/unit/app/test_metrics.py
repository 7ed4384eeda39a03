"""What Prometheus gets to see."""

from dataclasses import replace

from flowmatik.app.metrics import Metrics
from flowmatik.contracts.deployments import DeploymentHealth, Durations, ListFault, ListState
from tests.unit.app.samples import event


async def test_runs_calls_and_requests_are_counted() -> None:
    metrics = Metrics()
    call = replace(
        event(2, "CallSucceeded"),
        data={
            "cost_micros": 2500,
            "reply": {
                "model": "openai/m",
                "cost_micros": 2500,
                "usage": {"input_tokens": 10, "output_tokens": 4},
            },
        },
    )
    tool = replace(event(3, "CallSucceeded"), data={"cost_micros": 0, "reply": None})
    for one in (event(1, "RunCreated"), call, tool, event(4, "RunSucceeded"), event(4, "TaskRouted")):
        await metrics.on_event(one)
    metrics.on_request("GET", 200)
    text = metrics.text().decode()
    assert "flowmatik_runs_started_total 1.0" in text
    assert 'flowmatik_runs_ended_total{status="succeeded"} 1.0' in text
    assert 'flowmatik_model_tokens_total{direction="input",model="openai/m"} 10.0' in text
    assert 'flowmatik_model_tokens_total{direction="output",model="openai/m"} 4.0' in text
    assert 'flowmatik_model_cost_usd_total{model="openai/m"} 0.0025' in text
    assert 'flowmatik_http_requests_total{method="GET",status="200"} 1.0' in text


async def test_what_nobody_can_price_is_counted_and_adds_nothing() -> None:
    metrics = Metrics()
    reply = {"model": "custom/m", "cost_micros": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
    paid = {"model": "openai/m", "cost_micros": None}  # settled at what was reserved
    for name, data in (
        ("CallSucceeded", {"cost_micros": 0, "reply": reply}),
        ("CallFailed", {"cost_micros": 0, "unpriced": True, "values": {"model": "custom/m"}}),
        ("CallSucceeded", {"cost_micros": 2500, "reply": paid}),
        ("CallFailed", {"cost_micros": 500, "values": {"model": "openai/m"}}),
        ("CallFailed", {"cost_micros": 0, "values": {"model": "embedder", "tool": "memory_search"}}),
    ):
        await metrics.on_event(replace(event(1, name), data=data))
    text = metrics.text().decode()
    assert 'flowmatik_model_calls_unpriced_total{model="custom/m"} 2.0' in text
    assert 'flowmatik_model_cost_usd_total{model="custom/m"}' not in text
    assert 'flowmatik_model_cost_usd_total{model="openai/m"} 0.003' in text
    assert 'calls_unpriced_total{model="openai/m"}' not in text
    assert "embedder" not in text


def test_dead_letters_are_those_that_there_are_now() -> None:
    metrics = Metrics()
    metrics.set_dead_letters({"audit": 3, "costs": 1})
    assert 'flowmatik_dead_letters{subscriber="audit"} 3.0' in metrics.text().decode()
    metrics.set_dead_letters({"audit": 1})
    text = metrics.text().decode()
    assert 'flowmatik_dead_letters{subscriber="audit"} 1.0' in text
    assert "costs" not in text


class Watched:
    """A DeploymentWatch of one deployment."""

    def list_state(self) -> ListState:
        return ListState(file="models.yaml", faults=(ListFault(place="", code="c", text="t"),))

    def deployments(self, workspace_id: str | None = None) -> tuple[DeploymentHealth, ...]:
        times = Durations(counts={0.5: 2, 1.0: 1, float("inf"): 1}, seconds=7.5)
        one = DeploymentHealth(
            id="fast:far/x",
            name="fast",
            model="far/x",
            state="open",
            in_flight=3,
            calls={"ok": 4, "timeout": 2},
            durations=times,
        )
        return (one,)

    def overhead(self) -> Durations:
        return Durations(counts={0.001: 5, float("inf"): 0}, seconds=0.002)


def test_deployments_are_counted_by_outcome_with_their_times_and_states() -> None:
    metrics = Metrics()
    metrics.watch_models(Watched())
    metrics.watch_models(Watched())
    text = metrics.text().decode()
    for line in (
        'flowmatik_model_calls_total{deployment="fast:far/x",outcome="timeout"} 2.0',
        'flowmatik_model_call_seconds_bucket{deployment="fast:far/x",le="1"} 3.0',
        'flowmatik_model_call_seconds_bucket{deployment="fast:far/x",le="+Inf"} 4.0',
        'flowmatik_model_call_seconds_sum{deployment="fast:far/x"} 7.5',
        'flowmatik_model_deployment_state{deployment="fast:far/x",state="open"} 1.0',
        'flowmatik_model_deployment_state{deployment="fast:far/x",state="closed"} 0.0',
        'flowmatik_model_calls_in_flight{deployment="fast:far/x"} 3.0',
        "flowmatik_model_overhead_seconds_count 5.0",
        "flowmatik_model_list_faults 1.0",
    ):
        assert text.count(line) == 1, line
