"""Signed bundles of agents: made here, and applied where their key is trusted."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC

from flowmatik.agents.catalogue import StoredCatalogue
from flowmatik.agents.channels import archive
from flowmatik.agents.channels.install import Wanted
from flowmatik.agents.channels.versions import StoredVersions, evaluated
from flowmatik.agents.stored import rows
from flowmatik.agents.stored.names import check_channel
from flowmatik.contracts.bundles import (
    AppliedBundle,
    BundledAgent,
    BundleView,
    Incoming,
    SignatureCheck,
    SigningKey,
    TrustedKey,
)
from flowmatik.contracts.channels import (
    STABLE,
    AgentStanding,
    Author,
    Evaluation,
    Origin,
    Share,
    main_of,
)
from flowmatik.contracts.database import Statement
from flowmatik.kernel import canonical
from flowmatik.kernel.clock import Clock
from flowmatik.kernel.errors import Conflict, InvalidInput, NotFound, PermissionDenied

log = logging.getLogger(__name__)
OWN = "this installation"
MOST_SCORES = 5  # of each version that travel with it


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    view: BundleView
    texts: Mapping[str, str]


def key_id_of(public: str) -> str:
    """A name for a key that fits on a line: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(public.strip().encode()).hexdigest()[:16]


class StoredBundles:
    """Implements `AgentBundles`."""

    def __init__(
        self,
        catalogue: StoredCatalogue,
        versions: StoredVersions,
        clock: Clock,
        key: SigningKey,
        holds: SignatureCheck,
    ) -> None:
        self._catalogue = catalogue
        self._versions = versions
        self._clock = clock
        self._key = key
        self._holds = holds

    async def create(
        self, workspace_id: str, author: Author, *, names: Sequence[str] = (), channel: str = STABLE
    ) -> bytes:
        found = {one.name: one for one in await self._versions.standings(workspace_id)}
        for name in names:
            if name not in found:
                raise await self._catalogue.not_found(workspace_id, name)
        agents: list[archive.ManifestAgent] = []
        texts: dict[str, str] = {}
        for name in sorted(set(names) or found):
            version = _version_on(found[name], channel, must=bool(names))
            if version:
                text = await self._catalogue.profile(workspace_id, f"{name}@{version}")
                agents.append(_manifest_agent(found[name], version, text))
                texts[agents[-1].file] = text
        if not agents:
            raise _nothing(channel)
        manifest = archive.Manifest(
            format=archive.FORMAT,
            key=self._key.public(),
            source=workspace_id[:200],
            made_at=self._clock.now().astimezone(UTC).isoformat(timespec="microseconds"),
            made_by=author.by[:200],
            agents=tuple(agents),
        )
        said = canonical.dumps(manifest.model_dump(mode="json")).encode()
        return archive.packed(said, self._key.sign(archive.signed_bytes(said)), texts)

    async def verify(self, workspace_id: str, incoming: Incoming) -> BundleView:
        return (await self._opened(workspace_id, incoming)).view

    async def apply(self, workspace_id: str, incoming: Incoming, author: Author) -> AppliedBundle:
        check_channel(incoming.channel)
        opened = await self._opened(workspace_id, incoming)
        view = opened.view
        wanted = [self._wanted(one, opened.texts[one.file], incoming.channel) for one in view.agents]
        number = await self._next_number(workspace_id, view)
        source = f"{view.key_id}:{view.source}"
        author = replace(author, origin=Origin(kind="bundle", by=view.made_by, bundle=view.id, source=source))
        if incoming.dry_run:
            changes = await self._versions.would_install(workspace_id, wanted, author)
        else:
            also = self._also(workspace_id, view, number, author)
            changes = await self._versions.install(workspace_id, wanted, author, also)
        return AppliedBundle(bundle=view, changes=tuple(changes))

    async def keys(self, workspace_id: str) -> list[TrustedKey]:
        database = await self._catalogue.ready(workspace_id)
        found = await database.fetch(
            "SELECT key_id, public_key, name, added_by, added_at FROM agent_keys WHERE workspace_id = $1"
            " ORDER BY added_at, key_id",
            workspace_id,
        )
        public = self._key.public()
        own = TrustedKey(key_id=key_id_of(public), public=public, name=OWN, own=True)
        return [own] + [
            TrustedKey(
                key_id=str(row[0]),
                public=str(row[1]),
                name=str(row[2]),
                added_by=str(row[3]),
                added_at=str(row[4]),
            )
            for row in found
        ]

    async def trust(self, workspace_id: str, public: str, name: str, author: Author) -> TrustedKey:
        public = public.strip()
        self._holds(public, b"", bytes(64))  # refuses what is no key
        if not name.strip() or len(name) > 100:
            raise InvalidInput(
                "a trusted key needs a name of at most 100 characters, by which people know it",
                code="input.key_name",
            )
        at = self._clock.now().isoformat()
        key = TrustedKey(
            key_id=key_id_of(public), public=public, name=name.strip(), added_by=author.by, added_at=at
        )
        database = await self._catalogue.ready(workspace_id)
        await database.transaction(
            [
                (
                    "INSERT INTO agent_keys (workspace_id, key_id, public_key, name, added_by, added_at)"
                    " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (workspace_id, key_id) DO UPDATE"
                    " SET name = excluded.name, added_by = excluded.added_by, added_at = excluded.added_at",
                    (workspace_id, key.key_id, public, key.name, key.added_by, at),
                )
            ]
        )
        return key

    async def distrust(self, workspace_id: str, key_id: str, author: Author) -> None:
        database = await self._catalogue.ready(workspace_id)
        (count,) = await database.transaction(
            [("DELETE FROM agent_keys WHERE workspace_id = $1 AND key_id = $2", (workspace_id, key_id))]
        )
        if not count:
            raise NotFound(
                f"there is no trusted key {key_id!r}; `flowmatik agents bundle keys` shows those that are",
                code="not_found.trusted_key",
                context={"key": key_id[:100]},
            )
        log.warning("a signing key is no longer trusted", extra={"key": key_id, "by": author.by})

    async def _opened(self, workspace_id: str, incoming: Incoming) -> _Opened:
        """The signature is looked at before anything is believed. Raises as `AgentBundles` says."""
        files = archive.unpacked(incoming.content)
        said = files[archive.MANIFEST]
        manifest = archive.manifest_of(said)
        trusted = await self._trusted(workspace_id, manifest.key, incoming.key)
        if not self._holds(manifest.key, archive.signed_bytes(said), files[archive.SIGNATURE]):
            raise archive.broken("its signature does not fit: it was changed after it was signed")
        texts = archive.texts_of(manifest, files)
        view = BundleView(
            id=hashlib.sha256(said).hexdigest(),
            key_id=key_id_of(manifest.key),
            trusted=trusted,
            source=manifest.source,
            made_at=manifest.made_at,
            made_by=manifest.made_by,
            agents=tuple(_bundled(one) for one in manifest.agents),
        )
        return _Opened(view=view, texts=texts)

    async def _trusted(self, workspace_id: str, public: str, given: str) -> str:
        """Who vouches for the key. Raises PermissionDenied when nobody does."""
        if given:
            self._holds(given, b"", bytes(64))
        if given.strip() == public:
            return "--key"
        known = [] if given else await self.keys(workspace_id)
        found = next((one.name for one in known if one.public == public), "")
        if not found:
            raise PermissionDenied(
                f"the bundle is signed with the key {key_id_of(public)}, which is not "
                f"{'the one that was given' if given else 'trusted here'}; if you know whose it is, trust it "
                "with `flowmatik agents bundle trust`",
                code="auth.denied.bundle_key",
                context={"key": key_id_of(public)},
            )
        return found

    def _wanted(self, agent: BundledAgent, text: str, channel: str) -> Wanted:
        """Raises ProfileInvalid for what this installation lacks, InvalidInput for another name."""
        parsed = self._catalogue.parsed(text, agent.file)
        if parsed.name != agent.name:
            raise archive.broken(f"{agent.file!r} is the agent {parsed.name!r}")
        return Wanted(
            name=parsed.name,
            versions=((parsed, text),),
            channels={channel: (Share(version=parsed.version),)},
        )

    async def _next_number(self, workspace_id: str, view: BundleView) -> int:
        """Raises Conflict when one as new, or newer, from the same place was applied already."""
        database = await self._catalogue.ready(workspace_id)
        found = await database.fetch(
            "SELECT number, bundle_id, made_at, applied_at FROM agent_bundles"
            " WHERE workspace_id = $1 AND key_id = $2 AND source = $3 ORDER BY number DESC LIMIT 1",
            workspace_id,
            view.key_id,
            view.source,
        )
        if not found:
            return 1
        number, bundle_id, made_at, applied_at = found[0]
        if view.made_at <= str(made_at):
            what = "was applied already" if view.id == bundle_id else "is older than the last one"
            raise Conflict(
                f"the bundle of {view.made_at} {what} ({made_at}, applied {applied_at}); make a new one to "
                "go back on purpose, or roll back",
                code="conflict.bundle_older",
                context={"made_at": view.made_at, "last": str(made_at), "at": str(applied_at)},
            )
        return int(number) + 1

    def _also(self, workspace_id: str, view: BundleView, number: int, author: Author) -> list[Statement]:
        at = self._clock.now().isoformat()
        seen = (workspace_id, view.key_id, view.source, number, view.id, view.made_at, at, author.by)
        mark = (
            "INSERT INTO agent_bundles (workspace_id, key_id, source, number, bundle_id, made_at, applied_at,"
            " applied_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            seen,
        )
        scores = [
            replace(one, by=f"bundle {view.key_id}") for agent in view.agents for one in agent.evaluations
        ]
        return [mark, *(evaluated(workspace_id, one) for one in scores)]


def _version_on(agent: AgentStanding, channel: str, *, must: bool) -> str:
    """Raises NotFound for an agent that was asked for by name and lacks the channel."""
    shares = next((one.shares for one in agent.channels if one.name == channel), ())
    if must and not shares:
        state = rows.AgentState(
            name=agent.name,
            revision=agent.revision,
            channels={one.name: one.shares for one in agent.channels},
        )
        raise rows.no_channel(state, channel)
    return main_of(shares)


def _manifest_agent(agent: AgentStanding, version: str, text: str) -> archive.ManifestAgent:
    scores = next(one.evaluations for one in agent.versions if one.version == version)
    return archive.ManifestAgent(
        name=agent.name,
        version=version,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
        evaluations=tuple(
            archive.ManifestScore(
                set_name=one.set_name,
                set_hash=one.set_hash,
                score=one.score,
                n=one.n,
                model=one.model,
                at=one.at,
                by=one.by,
            )
            for one in scores[:MOST_SCORES]
        ),
    )


def _bundled(agent: archive.ManifestAgent) -> BundledAgent:
    return BundledAgent(
        name=agent.name,
        version=agent.version,
        file=agent.file,
        sha256=agent.sha256,
        evaluations=tuple(
            Evaluation(name=agent.name, version=agent.version, **one.model_dump())
            for one in agent.evaluations
        ),
    )


def _nothing(channel: str) -> NotFound:
    return NotFound(
        f"no agent has the channel {channel!r}, so that there is nothing to bundle",
        code="not_found.bundled",
        context={"channel": channel},
    )
