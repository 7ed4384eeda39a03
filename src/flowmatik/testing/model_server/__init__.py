"""What the scripted model servers share: steps, faults, weather, limits, and a small HTTP server."""

from flowmatik.testing.model_server.limits import Limits
from flowmatik.testing.model_server.steps import Step, ToolUse, load_script
from flowmatik.testing.model_server.weather import Latency, Weather

__all__ = ["Latency", "Limits", "Step", "ToolUse", "Weather", "load_script"]
