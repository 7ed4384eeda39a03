"""The steps of a script, which every scripted server shares."""

from flowmatik.testing.model_server.steps import Kind, Step, ToolUse, load_script

__all__ = ["Kind", "Step", "ToolUse", "load_script"]
