"""The `git` command, with nothing of the user's or the repository's configuration that runs anything."""

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from flowmatik.kernel.addresses import addresses_of, is_public
from flowmatik.memory.source_settings import lost

_PATHS = "/usr/local/bin:/usr/bin:/bin"
_SAFE = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never"),
    *("-c", "protocol.https.allow=always", "-c", "http.followRedirects=false", "-c", "credential.helper="),
    *("-c", "core.quotePath=false", "-c", "safe.directory=*"),
)


class Git:
    """Each call within `seconds`. `secret` gives the token for `user`, "" without one; it is handed over in
    the environment, so that it stands in no list of processes."""

    def __init__(self, seconds: float, user: str, secret: Callable[[], str], *, private: bool) -> None:
        """`private`: the server may lie in a private network."""
        self._private = private
        self._seconds = seconds
        self._user = user
        self._secret = secret

    async def run(self, folder: Path, *words: str) -> str:
        """Raises Unavailable (`unavailable.source`)."""
        return (await self.raw(folder, *words)).decode("utf-8", "replace")

    async def raw(self, folder: Path, *words: str) -> bytes:
        code, out, said = await self._called(folder, words)
        if code:
            last = said.strip().splitlines()[-1:] or [f"git ended with {code}"]
            raise lost(folder.name, last[0][:300])
        return out

    async def succeeds(self, folder: Path, *words: str) -> bool:
        return (await self._called(folder, words))[0] == 0

    async def clone(self, url: str, into: Path) -> None:
        """Without working files. The connection goes to the very address that was looked at."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 443
        pinned: tuple[str, ...] = ()
        if not self._private:
            try:
                found = await addresses_of(host, port)
            except OSError as error:
                raise lost(host, "the host is unknown") from error
            if not found or not all(map(is_public, found)):
                raise lost(host, "it is in a private network; set allow_private if that is meant")
            pinned = ("-c", f"http.curloptResolve={host}:{port}:{','.join(found)}")
        await self.run(into.parent, *pinned, "clone", "--bare", "--quiet", "--", url, str(into))

    async def _called(self, folder: Path, words: tuple[str, ...]) -> tuple[int, bytes, str]:
        try:
            process = await asyncio.create_subprocess_exec(
                *("git", *_SAFE, "-C", str(folder), *words),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self._environment(),
            )
        except FileNotFoundError as error:
            raise lost(folder.name, "the program git is not installed here") from error
        try:
            async with asyncio.timeout(self._seconds):
                out, said = await process.communicate()
        except TimeoutError as error:
            raise lost(folder.name, f"git took more than {self._seconds:g} seconds") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, out, said.decode("utf-8", "replace")

    def _environment(self) -> dict[str, str]:
        environment = {
            "PATH": _PATHS,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "LC_ALL": "C",
        }
        if secret := self._secret():
            basic = base64.b64encode(f"{self._user}:{secret}".encode()).decode()
            environment |= {
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "http.extraHeader",
                "GIT_CONFIG_VALUE_0": f"Authorization: Basic {basic}",
            }
        return environment
