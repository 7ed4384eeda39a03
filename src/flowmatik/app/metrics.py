"""`/metrics`: what was done since this process started, for Prometheus. What all processes of an installation
count adds up to what was done; the number of dead letters is the installation's in each of them."""

from collections.abc import Mapping
from typing import Any, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from flowmatik.app.model_metrics import DeploymentCollector
from flowmatik.contracts.budgets import ALERT_EVENT
from flowmatik.contracts.deployments import DeploymentWatch
from flowmatik.kernel.events import CloudEvent, EventBus

STARTED = "flowmatik.RunCreated"
ENDED = {
    "flowmatik.RunSucceeded": "succeeded",
    "flowmatik.RunFailed": "failed",
    "flowmatik.RunCancelled": "cancelled",
}
CALLED = "flowmatik.CallSucceeded"
FAILED = "flowmatik.CallFailed"
MICROS = 1_000_000


class Metrics:
    """Counters over the bus and the HTTP requests, and the dead letters there are, in a registry of their
    own."""

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._models: DeploymentCollector | None = None
        self._started = Counter("flowmatik_runs_started", "Runs created", registry=registry)
        self._ended = Counter("flowmatik_runs_ended", "Runs by final status", ["status"], registry=registry)
        self._tokens = Counter(
            "flowmatik_model_tokens", "Tokens of model calls", ["model", "direction"], registry=registry
        )
        self._cost = Counter(
            "flowmatik_model_cost_usd", "Settled cost of model calls", ["model"], registry=registry
        )
        self._unpriced = Counter(
            "flowmatik_model_calls_unpriced",
            "Model calls of which nobody can say what they cost",
            ["model"],
            registry=registry,
        )
        self._requests = Counter(
            "flowmatik_http_requests", "HTTP requests", ["method", "status"], registry=registry
        )

        self._budgets = Counter(
            "flowmatik_budget_alerts",
            "Budgets that came to a threshold",
            ["kind", "threshold"],
            registry=registry,
        )
        self._dead = Gauge(
            "flowmatik_dead_letters", "Events that a subscriber refused", ["subscriber"], registry=registry
        )

    def watch_models(self, watch: DeploymentWatch) -> None:
        """The deployments that this process calls, from now on."""
        if self._models is not None:
            self._registry.unregister(self._models)
        self._models = DeploymentCollector(watch)
        self._registry.register(self._models)

    def subscribe(self, bus: EventBus) -> None:
        """Counters begin anew with the process. Each event is counted in one process."""
        types = frozenset({STARTED, CALLED, FAILED, ALERT_EVENT, *ENDED})
        bus.observe("metrics", self.on_event, types=types)

    async def on_event(self, event: CloudEvent) -> None:
        if event.type == STARTED:
            self._started.inc()
        elif event.type in ENDED:
            self._ended.labels(ENDED[event.type]).inc()
        elif event.type == CALLED and isinstance(event.data.get("reply"), dict):
            self._on_model_call(cast("dict[str, Any]", event.data["reply"]), event.data)

        elif event.type == ALERT_EVENT:
            kind = str(event.data.get("scope", "")).partition(":")[0].partition("/")[0]
            self._budgets.labels(kind, str(event.data.get("threshold", ""))).inc()
        elif event.type == FAILED:
            named = cast("dict[str, Any]", event.data.get("values") or {})
            if "model" in named and "tool" not in named:  # a tool's failure may name a model, too
                self._on_cost(str(named["model"]), event.data, known=not event.data.get("unpriced", False))

    def on_request(self, method: str, status: int) -> None:
        self._requests.labels(method, str(status)).inc()

    def set_dead_letters(self, counts: Mapping[str, int]) -> None:
        self._dead.clear()
        for subscriber, count in counts.items():
            self._dead.labels(subscriber).set(count)

    def text(self) -> bytes:
        return generate_latest(self._registry)

    def _on_model_call(self, reply: dict[str, Any], data: dict[str, Any]) -> None:
        model = str(reply.get("model") or "unknown")
        usage = cast("dict[str, int]", reply.get("usage") or {})
        self._tokens.labels(model, "input").inc(usage.get("input_tokens", 0))
        self._tokens.labels(model, "output").inc(usage.get("output_tokens", 0))
        # As the run itself reckons: what was reserved stands for what the provider does not say.
        self._on_cost(
            model, data, known=reply.get("cost_micros") is not None or data.get("cost_micros", 0) > 0
        )

    def _on_cost(self, model: str, data: dict[str, Any], *, known: bool) -> None:
        if known:
            self._cost.labels(model).inc(int(data.get("cost_micros", 0)) / MICROS)
        else:
            self._unpriced.labels(model).inc()
