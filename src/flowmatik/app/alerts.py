"""Webhooks for alerts, put together."""

from collections.abc import Mapping

from flowmatik.app.settings import process_environment
from flowmatik.app.stores import Stores
from flowmatik.app.texts import catalogue
from flowmatik.contracts.alerts import SECRETS
from flowmatik.contracts.budgets import ALERT_EVENT
from flowmatik.core.build import EngineHandle
from flowmatik.core.engine.housekeeping import Chore
from flowmatik.integrations.alerts import HookStore, Sender, StoredAlertHooks
from flowmatik.integrations.alerts.sending import SECONDS
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import ConfigurationError

TELL_SECONDS = 1.0
FORGET_SECONDS = 3600.0


def alert_hooks(stores: Stores, engine: EngineHandle, clock: Clock) -> StoredAlertHooks:
    """And who hears of budgets, and sends. Of breakers the models tell."""
    from flowmatik.agents.outbound import outbound_client

    sender = Sender(
        http=lambda private: outbound_client(private=private, seconds=SECONDS),
        value_of=secret_of,
        say=said,
        clock=clock,
    )
    store = HookStore(stores.database, stores.lookups, clock)
    hooks = StoredAlertHooks(store, sender, clock)
    engine.bus.subscribe("alert-hooks", hooks.hear, types=frozenset({ALERT_EVENT}), durable=False)
    engine.housekeeper.add(Chore(name="alert-hooks", every=TELL_SECONDS, work=hooks.tell))
    engine.housekeeper.add(Chore(name="old alerts", every=FORGET_SECONDS, work=hooks.forget))
    return hooks


def secret_of(reference: str) -> str:
    """Of the environment only what is meant for alerts, whoever writes the reference."""
    name = reference.removeprefix("env:") if reference.startswith(SECRETS) else ""
    value = process_environment().get(name, "") if name else ""
    if not value:
        raise ConfigurationError(
            f"{reference[:100]!r} stands for nothing: set that variable for the server",
            code="config.reference",
            context={"reference": reference[:100]},
        )
    return value


def said(language: str, code: str, values: Mapping[str, object]) -> str:
    return catalogue(language).said(f"alert.{code}", values, code)
