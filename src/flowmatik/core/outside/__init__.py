"""Calls of models outside of runs: money is set aside before each, settled after it, and booked."""

from flowmatik.core.outside.calls import OutsideCalls as OutsideCalls
from flowmatik.core.outside.reserving import OutsideParts as OutsideParts
from flowmatik.core.outside.store import OutsideStore as OutsideStore
from flowmatik.core.outside.sweeping import OutsideBooks as OutsideBooks
from flowmatik.core.outside.sweeping import outside_chores as outside_chores
