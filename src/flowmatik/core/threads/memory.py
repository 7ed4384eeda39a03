"""What a run of a thread is told of it: implements `Adviser`."""

from typing import Any

from flowmatik.contracts.advice import Question
from flowmatik.contracts.threads import MAX_HISTORY, ThreadMessage
from flowmatik.core.threads.policies import Policies
from flowmatik.core.threads.store import ThreadStore

CHARACTERS = 12_000  # of all that is told word for word
OLDER = 60  # messages that a summary has not got, the newest of them
OLDER_CHARACTERS = 1_000  # of each of them
EVERYTHING = 2**62


class ThreadMemory:
    def __init__(self, store: ThreadStore, policies: Policies) -> None:
        self._store = store
        self._policies = policies

    async def __call__(self, question: Question) -> dict[str, Any]:
        """`messages`: the last ones, word for word; `summary` of those up to some message; `older`: those
        between. Raises NotFound for a thread that is gone."""
        thread_id = str(question.arguments["thread"])
        before = int(question.arguments.get("before") or 0) or EVERYTHING
        known = await self._store.get(question.workspace_id, thread_id)
        history = (await self._policies.of(known)).history
        # A message that waited for its turn stands before the answers that were given meanwhile.
        own = known.turn.open and known.turn.run_id in ("", question.run_id)
        last = await self._store.last_before(
            question.workspace_id, thread_id, before=before, after=0, limit=MAX_HISTORY + OLDER, answers=own
        )
        verbatim = _last_that_fit(last, history)
        rest = last[: len(last) - len(verbatim)]
        summary = known.summary if known.summary_upto < before else ""
        older = [one for one in rest if not summary or one.number > known.summary_upto][-OLDER:]
        return {
            "summary": summary,
            "upto": known.summary_upto if summary else 0,
            "older": [_row(one, OLDER_CHARACTERS, before) for one in older],
            "messages": [_row(one, CHARACTERS, before) for one in verbatim],
        }


def _last_that_fit(messages: list[ThreadMessage], most: int) -> list[ThreadMessage]:
    kept, size = list[ThreadMessage](), 0
    for message in reversed(messages[-most:]):
        size += len(message.text)
        if kept and size > CHARACTERS:
            break
        kept.append(message)
    return kept[::-1]


def _row(message: ThreadMessage, most: int, before: int) -> dict[str, Any]:
    """A summary goes up to the number of a row: never past a message that it does not hold."""
    text = message.text if len(message.text) <= most else message.text[:most] + " …"
    return {"number": min(message.number, before - 1), "from": message.role.value, "text": text}
