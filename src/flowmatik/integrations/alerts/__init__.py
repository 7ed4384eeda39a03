"""Webhooks for alerts."""

from flowmatik.integrations.alerts.openings import Heard as Heard
from flowmatik.integrations.alerts.openings import Openings as Openings
from flowmatik.integrations.alerts.sending import Sender as Sender
from flowmatik.integrations.alerts.service import StoredAlertHooks as StoredAlertHooks
from flowmatik.integrations.alerts.store import HookStore as HookStore
