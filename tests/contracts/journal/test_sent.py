"""What every journal says of what callers have sent."""

from dataclasses import replace

from flowmatik.core.journal.sent_port import Signals
from tests.contracts.journal.stores import Store, creation


async def test_the_run_of_a_key_is_that_of_its_workspace(store: Store) -> None:
    journal = store.journal
    await journal.create(replace(creation("run_a"), idempotency_key="k"))
    await journal.create(replace(creation("run_b"), idempotency_key=""))
    assert await journal.run_of_key("default", "k") == "run_a"
    assert await journal.run_of_key("other", "k") == ""
    assert await journal.run_of_key("default", "l") == ""
    assert await journal.run_of_key("default", "") == ""


async def test_signals_are_counted_and_weighed_and_nothing_else_is(store: Store) -> None:
    journal = store.journal
    await journal.create(creation("run_a"))
    await journal.create(creation("run_b"))
    assert await journal.signals_of("run_a") == Signals(count=0, size=0)
    for input_id, kind, payload in (("1", "signal", "ñ"), ("2", "signal", "{}"), ("3", "pause", "{}")):
        await journal.post("run_a", input_id, kind, payload)
    await journal.post("run_b", "1", "signal", "{}")
    assert await journal.signals_of("run_a") == Signals(count=2, size=4)
    assert await journal.signals_of("run_none") == Signals(count=0, size=0)
