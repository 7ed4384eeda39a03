"""A server's schedules, and what it does to many runs at once."""

from typing import Any
from urllib.parse import quote

from pydantic import TypeAdapter

from flowmatik.app.remote import Created, Listed, RemoteServer, filter_params, run_body
from flowmatik.app.remote_control import change_body
from flowmatik.contracts.bulk import BulkReport, BulkRequest
from flowmatik.contracts.schedules import NewSchedule, Schedule, ScheduleChange, SchedulePage

BULK_SECONDS = 600.0
_SCHEDULE = TypeAdapter(Schedule)
_SCHEDULES = TypeAdapter(Listed[Schedule])
_FIRINGS = TypeAdapter(Listed[str])
_CREATED = TypeAdapter(Created)
_REPORT = TypeAdapter(BulkReport)


class RemoteSchedules:
    """Implements `Schedules`; the workspace is the API key's, so the argument is not sent."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def create(self, workspace_id: str, new: NewSchedule) -> Schedule:
        body: dict[str, Any] = {
            "name": new.name,
            "cron": new.cron,
            "timezone": new.timezone,
            "run": run_body(new.run),
            "overlap": new.overlap.value,
            "catch_up_seconds": new.catch_up_seconds,
            "paused": new.paused,
        }
        return await self._server.ask(_SCHEDULE, "POST", "/v1/schedules", json=body)

    async def get(self, workspace_id: str, ref: str) -> Schedule:
        return await self._server.ask(_SCHEDULE, "GET", _at(ref))

    async def list(self, workspace_id: str, *, cursor: str = "", limit: int = 50) -> SchedulePage:
        params = {"cursor": cursor, "limit": limit}
        page = await self._server.ask(_SCHEDULES, "GET", "/v1/schedules", params=params)
        return SchedulePage(items=page.items, next=page.next or "")

    async def change(self, workspace_id: str, ref: str, change: ScheduleChange) -> Schedule:
        body: dict[str, Any] = {
            "cron": change.cron,
            "timezone": change.timezone,
            "run": None if change.run is None else run_body(change.run),
            "overlap": None if change.overlap is None else change.overlap.value,
            "catch_up_seconds": change.catch_up_seconds,
        }
        given = {name: value for name, value in body.items() if value is not None}
        if given or change.paused is None:
            changed = await self._server.ask(_SCHEDULE, "PATCH", _at(ref), json=given)
            if change.paused is None:
                return changed
        path = _at(ref, "pause" if change.paused else "resume")
        return await self._server.ask(_SCHEDULE, "POST", path)

    async def remove(self, workspace_id: str, ref: str) -> None:
        await self._server.json("DELETE", _at(ref))

    async def trigger(self, workspace_id: str, ref: str, *, idempotency_key: str = "") -> str:
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return (await self._server.ask(_CREATED, "POST", _at(ref, "trigger"), headers=headers)).id

    async def preview(self, workspace_id: str, ref: str, *, count: int = 5) -> tuple[str, ...]:
        return (await self._server.ask(_FIRINGS, "GET", _at(ref, "next"), params={"count": count})).items


class RemoteBulk:
    """Implements `BulkRuns`."""

    def __init__(self, server: RemoteServer) -> None:
        self._server = server

    async def bulk(self, workspace_id: str, request: BulkRequest) -> BulkReport:
        body: dict[str, Any] = {
            "action": request.action,
            "filter": filter_params(request.wanted),
            "limit": request.limit,
            "all": request.every,
            "dry_run": request.dry_run,
            "cursor": request.cursor,
            "reason": request.reason,
            "hard": request.hard,
            "signal": request.signal,
            "change": None if request.change is None else change_body(request.change),
            "acknowledge_doubt": request.acknowledge_doubt,
        }
        headers = {"Idempotency-Key": request.request_id} if request.request_id else {}
        given = {name: value for name, value in body.items() if value or name == "limit"}
        if request.data is not None:
            given["data"] = request.data
        return await self._server.ask(
            _REPORT, "POST", "/v1/runs/bulk", json=given, headers=headers, timeout=BULK_SECONDS
        )


def _at(ref: str, step: str = "") -> str:
    path = f"/v1/schedules/{quote(ref, safe='')}"
    return f"{path}/{step}" if step else path
