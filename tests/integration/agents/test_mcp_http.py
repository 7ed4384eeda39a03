"""A server over streamable HTTP: JSON and streams of events, sessions, credentials, private addresses."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from flowmatik.kernel.errors import ToolError, ToolOutcomeUnknown
from flowmatik.testing.app_server import served
from flowmatik.testing.mcp_server import McpDesk, mcp_app
from tests.integration.agents.mcp_homes import emulated


class Rotating:
    """Credentials whose first token is refused."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, bool]] = []

    async def headers(
        self, workspace_id: str, principal: str, name: str, *, refused: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        self.asked.append((workspace_id, principal, name, refused is not None))
        return {"Authorization": "Bearer new" if refused else "Bearer old"}


async def test_tools_are_called_in_a_session_that_is_ended_at_the_end(tmp_path: Path) -> None:
    web = mcp_app(McpDesk())
    async with served(web.app()) as address:
        async with emulated(tmp_path, url=f"{address}/mcp", allow_private=True) as home:
            assert await home.call("echo", text="a") == {"text": "a"}
            assert len(web.sessions) == 1
            assert set(web.versions) == {"2025-11-25"}
        assert (web.sessions, web.deleted) == (set(), 1)


async def test_a_session_that_the_server_forgot_is_begun_again_and_the_call_made_once(tmp_path: Path) -> None:
    web = mcp_app(McpDesk())
    async with (
        served(web.app()) as address,
        emulated(tmp_path, url=f"{address}/mcp", allow_private=True, recheck_seconds=600) as home,
    ):
        web.sessions.clear()
        assert await home.call("echo", text="a") == {"text": "a"}
        assert web.desk.calls == [("echo", {"text": "a"})]


async def test_a_stream_that_breaks_off_is_taken_up_where_it_ended(tmp_path: Path) -> None:
    web = mcp_app(McpDesk())
    async with (
        served(web.app()) as address,
        emulated(tmp_path, url=f"{address}/mcp", allow_private=True) as home,
    ):
        web.breaks = True
        assert await home.call("echo", text="a") == {"text": "a"}
        assert web.desk.calls == [("echo", {"text": "a"})]


@pytest.mark.parametrize(
    ("tool", "kind", "code"),
    [
        ("fail", ToolError, "tool.mcp.failed"),
        ("die", ToolOutcomeUnknown, "tool.mcp.died"),
        ("noise", ToolOutcomeUnknown, "tool.mcp.malformed"),
        ("huge", ToolOutcomeUnknown, "tool.too_large"),
    ],
)
async def test_whatever_a_server_does_is_a_clear_error(
    tmp_path: Path, tool: str, kind: type[ToolError], code: str
) -> None:
    web = mcp_app(McpDesk())
    async with (
        served(web.app()) as address,
        emulated(tmp_path, url=f"{address}/mcp", allow_private=True) as home,
    ):
        with pytest.raises(ToolError) as caught:
            await home.call(tool)
        assert (type(caught.value), caught.value.code) == (kind, code)
        assert await home.call("echo", text="a") == {"text": "a"}


async def test_a_call_that_hangs_is_cancelled_at_the_server(tmp_path: Path) -> None:
    web = mcp_app(McpDesk())
    async with (
        served(web.app()) as address,
        emulated(tmp_path, url=f"{address}/mcp", allow_private=True, timeout=0.3) as home,
    ):
        with pytest.raises(ToolError) as caught:
            await home.call("hang")
        assert caught.value.code == "tool.timeout"
        await home.call("echo", text="a")
        assert len(web.desk.cancelled) == 1


async def test_it_acts_as_whoever_asked_and_tries_a_refused_token_once_more(tmp_path: Path) -> None:
    credentials = Rotating()
    web = mcp_app(McpDesk())

    async def is_new(authorization: str) -> bool:
        return authorization == "Bearer new"

    web.token = is_new
    async with (
        served(web.app()) as address,
        emulated(
            tmp_path, url=f"{address}/mcp", allow_private=True, connection="crm", credentials=credentials
        ) as home,
    ):
        assert await home.call("whoami") == {"text": "Bearer new"}
        assert ("default", "usr_ada", "crm", True) in credentials.asked


async def test_a_server_in_a_private_network_is_not_spoken_to_unless_the_operator_says_so(
    tmp_path: Path,
) -> None:
    web = mcp_app(McpDesk())
    async with served(web.app()) as address:
        with pytest.raises(ToolError) as caught:
            async with emulated(tmp_path, url=f"{address}/mcp"):
                pass
        assert caught.value.code == "tool.private_address"
        assert web.desk.calls == []
