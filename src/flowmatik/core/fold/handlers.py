"""What folds one type of event."""

from collections.abc import Callable, Mapping
from typing import Any

from flowmatik.contracts.agents import AgentLoop
from flowmatik.core.state import RunState

Handler = Callable[[RunState, Any, AgentLoop], None]
Handlers = Mapping[type, Handler]
