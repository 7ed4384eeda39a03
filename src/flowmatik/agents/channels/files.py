"""The catalogue as files for Git: one profile for each agent, and `channels.yaml`, which says by file where
channels point, so that editing a profile and importing it moves the channel to the new version. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

import yaml

from flowmatik.agents.channels.install import Wanted
from flowmatik.agents.channels.places import Places, yaml_node
from flowmatik.agents.channels.weights import ordered
from flowmatik.agents.profiles.faults import Fault
from flowmatik.contracts.agents import AgentVersion
from flowmatik.contracts.channels import (
    MAX_SHARES,
    STABLE,
    WHOLE,
    AgentFile,
    AgentStanding,
    Share,
    Shares,
    main_of,
)
from flowmatik.kernel.errors import InvalidInput, ProfileInvalid

CHANNELS_FILE = "channels.yaml"
MAX_FILES = 2_000
_HEAD = {"apiVersion": "flowmatik/v1", "kind": "AgentChannels"}
_NOTE = "# Where each channel points: a file, or several with their share of new threads in per cent.\n"
Parse = Callable[[str, str], AgentVersion]


def written(agents: Sequence[AgentStanding], texts: Mapping[str, str]) -> list[AgentFile]:
    """`texts` by `name@version`, of all that the channels point at."""
    files: list[AgentFile] = []
    table: dict[str, dict[str, Any]] = {}
    for agent in agents:
        main = _main(agent)
        paths: dict[str, str] = {}
        for version in sorted({share.version for one in agent.channels for share in one.shares}):
            name = f"{agent.name}@{version}"
            paths[version] = f"{agent.name}.yaml" if version == main else f"versions/{name}.yaml"
            files.append(AgentFile(path=paths[version], text=texts[name]))
        table[agent.name] = {one.name: _pointing(one.shares, paths) for one in agent.channels}
    body = yaml.safe_dump({**_HEAD, "agents": table}, sort_keys=False, allow_unicode=True)
    files.append(AgentFile(path=CHANNELS_FILE, text=_NOTE + body))
    return sorted(files, key=lambda file: file.path)


def _main(agent: AgentStanding) -> str:
    by_name = {one.name: one for one in agent.channels}
    channel = by_name.get(STABLE) or agent.channels[0]
    return main_of(channel.shares)


def _pointing(shares: Shares, paths: Mapping[str, str]) -> Any:
    if len(shares) == 1:
        return paths[shares[0].version]
    return {paths[share.version]: share.weight for share in shares}


def read(files: Sequence[AgentFile], parse: Parse) -> list[Wanted]:
    """What an import asks for. An agent that `channels.yaml` does not name becomes stable as it is. Raises
    ProfileInvalid with every fault of every file, InvalidInput for what are no files of a catalogue."""
    _check_paths(files)
    faults: list[dict[str, Any]] = []
    versions: dict[str, tuple[AgentVersion, str]] = {}
    for file in files:
        if file.path != CHANNELS_FILE:
            try:
                versions[file.path] = (parse(file.text, file.path), file.text)
            except ProfileInvalid as error:
                faults += cast("list[dict[str, Any]]", error.context["details"])
    pointers = next((file for file in files if file.path == CHANNELS_FILE), None)
    broken = {file.path for file in files} - versions.keys()
    wanted, wrong = _without(versions) if pointers is None else _with(pointers.text, versions, broken)
    faults += [asdict(fault) for fault in wrong]
    if faults:
        lines = [f"{fault['place']}: {fault['text']}" for fault in faults]
        raise ProfileInvalid("\n".join(lines), context={"faults": lines, "details": faults})
    return wanted


def _check_paths(files: Sequence[AgentFile]) -> None:
    if not files or len(files) > MAX_FILES:
        raise InvalidInput(
            f"an import has from 1 to {MAX_FILES:,} files, not {len(files):,}",
            code="input.files",
            context={"count": len(files), "most": MAX_FILES},
        )
    seen: set[str] = set()
    for file in files:
        parts = file.path.split("/")
        if file.path in seen or ".." in parts or "" in parts or not file.path.endswith((".yaml", ".yml")):
            raise InvalidInput(
                f"{file.path!r} is no path of an import; paths are relative, end in .yaml and stand once",
                code="input.file_path",
                context={"value": file.path[:200]},
            )
        seen.add(file.path)


Versions = Mapping[str, tuple[AgentVersion, str]]


def _without(versions: Versions) -> tuple[list[Wanted], list[Fault]]:
    faults: list[Fault] = []
    wanted: dict[str, Wanted] = {}
    for path, (agent, text) in sorted(versions.items()):
        if agent.name in wanted:
            told = f"the agent {agent.name!r} stands in two files, and no channels.yaml says which is stable"
            faults.append(
                Fault(place=f"{path}:1:1", text=told, code="channels.twice", values={"agent": agent.name})
            )
            continue
        shares = (Share(version=agent.version),)
        wanted[agent.name] = Wanted(name=agent.name, versions=((agent, text),), channels={STABLE: shares})
    return list(wanted.values()), faults


def _with(text: str, versions: Versions, broken: set[str]) -> tuple[list[Wanted], list[Fault]]:
    node, fault = yaml_node(text, CHANNELS_FILE)
    if fault is not None:
        return [], [fault]
    reader = _Channels(node, versions, broken)
    wanted = reader.wanted()
    named = {one.name for one in wanted}
    others = {path: one for path, one in versions.items() if one[0].name not in named}
    more, faults = _without(others)
    return [*wanted, *more], [*reader.places.faults, *faults]


class _Channels:
    def __init__(self, node: yaml.Node | None, versions: Versions, broken: set[str]) -> None:
        self.places = Places(CHANNELS_FILE, node)
        self._node = node
        self._versions = versions
        self._broken = broken

    def wanted(self) -> list[Wanted]:
        top = self.places.mapping(self._node, ())
        for key, expected in _HEAD.items():
            value = top.get(key)
            if not isinstance(value, yaml.ScalarNode) or value.value != expected:
                self.places.fault((key,), f"must be {expected!r}", "head", expected=expected)
        for key in top.keys() - {*_HEAD, "agents"}:
            self.places.fault((key,), "is not a field; there is agents, apiVersion, kind", "unknown")
        agents = self.places.mapping(top.get("agents"), ("agents",))
        return [self._agent(name, node) for name, node in agents.items()]

    def _agent(self, name: str, node: yaml.Node) -> Wanted:
        channels: dict[str, Shares] = {}
        for channel, target in self.places.mapping(node, ("agents", name)).items():
            path = ("agents", name, channel)
            if not self.places.channel(channel, path):
                continue
            shares = self._shares(name, target, path)
            if shares:
                channels[channel] = shares
        texts = {one[0].version: one for one in self._versions.values() if one[0].name == name}
        return Wanted(name=name, versions=tuple(texts.values()), channels=channels)

    def _shares(self, name: str, target: yaml.Node, path: tuple[str, ...]) -> Shares:
        if isinstance(target, yaml.ScalarNode):
            version = self._version(name, str(cast("Any", target).value), path)
            return (Share(version=version),) if version else ()
        pairs: list[tuple[str, int]] = []
        parts = self.places.mapping(target, path)
        for file, weight in parts.items():
            version = self._version(name, file, (*path, file))
            number = self.places.whole(weight, (*path, file))
            if version and number is not None:
                pairs.append((version, number))
        if len(pairs) < len(parts) or not parts:
            return ()
        total = sum(weight for _, weight in pairs)
        if total != WHOLE or len({version for version, _ in pairs}) < len(pairs) or len(pairs) > MAX_SHARES:
            self.places.fault(
                path, f"the weights of different versions must add up to {WHOLE}, not {total}", "sum",
                total=total, whole=WHOLE,
            )  # fmt: skip
            return ()
        return ordered(pairs)

    def _version(self, name: str, file: str, path: tuple[str, ...]) -> str:
        if file in self._broken:
            return ""  # which has been said
        found = self._versions.get(file)
        if found is None:
            self.places.fault(path, f"there is no file {file!r}", "no_file", value=file)
            return ""
        if found[0].name != name:
            told = f"{file!r} is the agent {found[0].name!r}, not {name!r}"
            self.places.fault(path, told, "other_agent", value=file, agent=found[0].name, wanted=name)
            return ""
        return found[0].version
