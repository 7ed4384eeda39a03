"""A Git repository: what is committed on one branch, in a folder of it if one is named.

Read through the `git` command from a bare mirror; nothing of the repository is ever run: hooks, filters,
submodules and the user's configuration are left out. The cursor is the commit that was taken: the next sync
asks for what changed since (git-diff-tree(1)), and for everything when that commit is there no longer. The
version of a file is its blob's id, so that a move costs nothing.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from flowmatik.contracts.sources import Content, Entry, Item, Listed, SourceSetup, Vanished
from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.source_kinds.git.command import Git
from flowmatik.memory.source_settings import Given, lost

_REGULAR = ("100644", "100755")


def build(given: SourceSetup) -> "GitReader":
    settings = Given("git", given.settings)
    path, url = settings.text("path", ""), settings.text("url", "")
    branch, folder = settings.text("branch", "HEAD"), settings.text("folder", "").strip("/")
    seconds = settings.number("timeout_seconds", 300, most=3600)
    token = settings.reference("token", "")
    user = settings.text("user", "git")
    private = settings.flag("allow_private")
    settings.finish()
    if bool(path) == bool(url):
        raise settings.wrong("path", "give either a path or a url")
    if path and not Path(path).is_absolute():
        raise settings.wrong("path", "an absolute path is needed")
    if url and (urlsplit(url).scheme != "https" or not urlsplit(url).hostname or "@" in urlsplit(url).netloc):
        raise settings.wrong(
            "url",
            "an https:// address without a user in it is needed; a repository of this machine is named with"
            " path=",
        )
    if branch.startswith("-"):
        raise settings.wrong("branch", "a name of a branch is needed")
    secret = (lambda: given.outside.secret(token)) if token else (lambda: "")
    git = Git(seconds, user, secret, private=private)
    return GitReader(path or url, branch=branch, folder=folder, git=git)


class GitReader:
    """Implements `SourceReader`."""

    content_versions = True
    in_place: Path | None = None

    def __init__(self, origin: str, *, branch: str, folder: str, git: Git) -> None:
        self._origin = origin
        self._branch = branch
        self._folder = folder
        self._git = git
        self._mirror: Path | None = None
        self._listed = Listed(complete=False)

    async def list(self, cursor: str) -> AsyncIterator[Item]:
        mirror = await self._opened()
        commit = (await self._git.run(mirror, "rev-parse", "--verify", f"{self._branch}^{{commit}}")).strip()
        known = cursor.partition(":")
        goes_on = known[2] == self._folder and known[0] and await self._has(mirror, known[0])
        if known[0] == commit and goes_on:
            changes: Sequence[Item] = ()
        elif goes_on:
            changes = await self._changed(mirror, known[0], commit)
        else:
            changes = await self._all(mirror, commit)
        self._listed = Listed(complete=not goes_on, cursor=f"{commit}:{self._folder}")
        for item in changes:
            yield item

    def listed(self) -> Listed:
        return self._listed

    async def read(self, entry: Entry, known: str, most: int) -> Content | None:
        mirror = await self._opened()
        size = int((await self._git.run(mirror, "cat-file", "-s", entry.version)).strip())
        if size > most:
            raise DocumentError(
                f"{entry.path}: {size} bytes, above the limit of {most}; split the file or raise the limit",
                code="document.too_large",
                context={"size": size, "limit": most},
            )
        return Content(data=await self._git.raw(mirror, "cat-file", "blob", entry.version))

    async def close(self) -> None:
        if self._mirror is not None:
            await asyncio.to_thread(shutil.rmtree, self._mirror.parent, ignore_errors=True)

    async def _opened(self) -> Path:
        """A local repository is read where it is; another one is fetched without working files."""
        if self._origin.startswith("/"):
            if not await asyncio.to_thread(Path(self._origin).is_dir):
                raise lost(self._origin, "it is not there")
            return Path(self._origin)
        if self._mirror is None:
            folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="flowmatik-git-"))
            self._mirror = folder / "mirror"
            await self._git.clone(self._origin, self._mirror)
        return self._mirror

    async def _has(self, mirror: Path, commit: str) -> bool:
        return await self._git.succeeds(mirror, "cat-file", "-e", f"{commit}^{{commit}}")

    async def _all(self, mirror: Path, commit: str) -> Sequence[Item]:
        told = await self._git.raw(
            mirror, "ls-tree", "-r", "-z", "--full-tree", "--long", commit, *self._within()
        )
        items: list[Item] = []
        for line in filter(None, told.split(b"\0")):
            about, _, path = line.partition(b"\t")
            mode, kind, blob, size = about.decode().split()
            if kind == "blob" and mode in _REGULAR and (name := _name(path)):
                items.append(Entry(path=name, version=blob, size=int(size)))
        return items

    async def _changed(self, mirror: Path, before: str, now: str) -> Sequence[Item]:
        told = await self._git.raw(
            mirror, "diff-tree", "-r", "-z", "--no-renames", "--full-index", before, now, *self._within()
        )
        fields = told.split(b"\0")
        items: list[Item] = []
        for about, path in zip(fields[::2], fields[1::2], strict=False):
            _, mode, _, blob, status = about.decode().lstrip(":").split()
            name = _name(path)
            if not name:
                continue
            is_there = status != "D" and mode in _REGULAR
            items.append(Entry(path=name, version=blob) if is_there else Vanished(path=name))
        return items

    def _within(self) -> tuple[str, ...]:
        return ("--", self._folder) if self._folder else ()


def _name(path: bytes) -> str:
    """ "" for what is hidden or no text."""
    try:
        name = path.decode()
    except UnicodeDecodeError:
        return ""
    return "" if any(part.startswith(".") for part in name.split("/")) else name
