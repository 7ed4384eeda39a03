"""What Prometheus sees of the deployments of models: read when it asks, so that no call waits for it."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from flowmatik.contracts.deployments import DeploymentWatch, Durations, State

STATES: tuple[State, ...] = ("closed", "half_open", "open", "held", "broken")


class DeploymentCollector(Collector):
    def __init__(self, watch: DeploymentWatch) -> None:
        self._watch = watch

    def collect(self) -> Iterable[Metric]:
        calls = CounterMetricFamily(
            "flowmatik_model_calls", "Attempts at model calls", labels=["deployment", "outcome"]
        )
        times = HistogramMetricFamily(
            "flowmatik_model_call_seconds", "Time of attempts that were answered", labels=["deployment"]
        )
        states = GaugeMetricFamily(
            "flowmatik_model_deployment_state", "1 for the state it is in", labels=["deployment", "state"]
        )
        busy = GaugeMetricFamily(
            "flowmatik_model_calls_in_flight", "Attempts under way", labels=["deployment"]
        )
        for one in self._watch.deployments():
            for outcome, count in one.calls.items():
                calls.add_metric([one.id, outcome], count)
            times.add_metric([one.id], _buckets(one.durations), one.durations.seconds)
            busy.add_metric([one.id], one.in_flight)
            for state in STATES:
                states.add_metric([one.id, state], float(one.state == state))
        own = HistogramMetricFamily(
            "flowmatik_model_overhead_seconds",
            "The gateway's own time for calls, without providers or waits",
        )
        taken = self._watch.overhead()
        own.add_metric([], _buckets(taken), taken.seconds)
        state = self._watch.list_state()
        faults = GaugeMetricFamily(
            "flowmatik_model_list_faults", "Faults of the model list's file; the list before goes on"
        )
        faults.add_metric([], float(len(state.faults)))
        return (calls, times, states, busy, own, faults)


def _buckets(durations: Durations) -> list[tuple[str, float]]:
    """Added up, as Prometheus has them."""
    total, rows = 0, list[tuple[str, float]]()
    for bound, count in durations.counts.items():
        total += count
        rows.append(("+Inf" if bound == float("inf") else f"{bound:g}", total))
    return rows
