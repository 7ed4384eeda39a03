"""`flowmatik up` in a process of its own, as the end-to-end tests talk to it."""

import subprocess
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.cli import PROGRAM

PATIENCE_SECONDS = 150.0
AT_REST = ("succeeded", "failed", "cancelled", "in_doubt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """`log` is what the process wrote to both streams."""

    process: subprocess.Popen[bytes]
    home: Path
    log: Path
    url: str

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    @property
    def headers(self) -> dict[str, str]:
        token = (self.home / ".flowmatik" / "keys" / "local-token").read_text(encoding="utf-8").strip()
        return {"Authorization": f"Bearer {token}"}

    def get(self, path: str, **params: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", params=params, headers=self.headers, timeout=60)

    def post(self, path: str, *, key: str = "", **sent: Any) -> httpx.Response:
        """`key`: with the same one, what is asked again is still the same."""
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        if "content" in sent:
            headers["Content-Type"] = "application/json"
        return httpx.post(f"{self.url}{path}", headers=headers, timeout=60, **sent)

    def start_run(self, goal: str, *, key: str = "", **fields: Any) -> str:
        created = self.post("/v1/runs", key=key, json={"goal": goal, **fields})
        assert created.status_code == 202, created.text
        return str(created.json()["id"])

    def run(self, run_id: str) -> dict[str, Any]:
        return self.get(f"/v1/runs/{run_id}").json()

    def at_rest(self, run_id: str) -> dict[str, Any]:
        """The run once it has ended or is in doubt."""
        until(lambda: self.run(run_id)["status"] in AT_REST, f"{run_id} comes to rest", self.said)
        return self.run(run_id)

    def events(self, run_id: str) -> str:
        return self.get(f"/v1/runs/{run_id}/events", follow="false").text


@contextmanager
def up(
    home: Path, env: dict[str, str], program: Sequence[str] = PROGRAM, *, log_name: str = "up"
) -> Generator[Server]:
    """A server that says that it is ready, on a free port; stopped, and else killed, at the end."""
    log = home / f"{log_name}.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*program, "--home", str(home), "--json", "up", "--port", "0"],
            env=env,
            stdout=subprocess.PIPE,
            stderr=out,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, log.read_text(encoding="utf-8")
        url = str(httpx.Response(200, content=line).json()["url"])
        yield Server(process=process, home=home, log=log, url=url)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        process.stdout.close()


def until(
    holds: Callable[[], object],
    what: str,
    told: Callable[[], str] = str,
    seconds: float = PATIENCE_SECONDS,
) -> None:
    """Returns as soon as `holds`; fails with `what` never happened and with what `told` then says."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"never happened: {what}\n{told()[-3000:]}"
        time.sleep(0.03)
