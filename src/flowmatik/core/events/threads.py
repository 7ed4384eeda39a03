"""What a conversation says to a run while it is on, and what the run keeps of a long one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReceived:
    """A person wrote this to the run's conversation, and the run takes it in: agents at work see it at their
    next turn, those that begin later from the start. `number` is its place in the thread."""

    thread: str
    number: int
    text: str
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadSummarised:
    """What a model made of the thread's messages up to number `upto`, in place of which `text` stands from
    now on."""

    thread: str
    upto: int
    text: str
