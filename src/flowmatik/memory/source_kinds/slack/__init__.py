"""An export of a Slack workspace (a ZIP of JSON files): each thread is a document, and what was said outside
of threads is one for each channel and day. Private channels and direct messages are for their members."""

from collections.abc import Iterator
from dataclasses import replace

from flowmatik.contracts.sources import SourceReader, SourceSetup, Unlisted
from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.source_kinds.slack.channels import Channel, People, channels_of, days_of, people_of
from flowmatik.memory.source_kinds.slack.talk import talks
from flowmatik.memory.source_parts.archives import Archive
from flowmatik.memory.source_parts.exports import Piece, build_export
from flowmatik.memory.source_parts.whom import nobody
from flowmatik.memory.source_settings import lost


def build(given: SourceSetup) -> SourceReader:
    return build_export("slack", given, _unpack)


def _unpack(archive: Archive) -> Iterator[Piece]:
    people = people_of(archive)
    channels = channels_of(archive, people)
    if not channels:
        raise lost(
            archive.place, "it is no export of Slack: it has no channels.json, groups.json or dms.json"
        )
    for channel in channels:
        yield from _channel(archive, channel, people)


def _channel(archive: Archive, channel: Channel, people: People) -> Iterator[Piece]:
    """Threads go over days: without one of them none is taken, and what was there stays."""
    acl = None if channel.members is None else people.principals(channel.members)
    try:
        messages = [one for day in days_of(archive, channel) for one in day]
    except DocumentError as error:
        yield Unlisted(path=channel.place, code=error.code, reason=error.message, values=error.context)
        return
    for made in talks(channel, messages, people):
        if acl == ():
            why = "no member of the conversation has an e-mail address"
            yield replace(made, fault=nobody(made.path, why))
        else:
            yield replace(made, acl=acl)
