"""An agent that permits what a test's plan does, in whichever workspace."""

from flowmatik.app.wiring import Platform

PROFILE = """
apiVersion: flowmatik/v1
kind: Agent
metadata: {{name: permits}}
summary: Permits what a plan does.
role: clerk
tools: [{tools}]
instructions: Do it.
"""


async def permit(platform: Platform, workspace_id: str, *tools: str) -> None:
    text = PROFILE.format(tools=", ".join(tools))
    await platform.agents.apply(workspace_id, text, filename="permits.yaml")
