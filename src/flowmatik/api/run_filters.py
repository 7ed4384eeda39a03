"""Which runs a request speaks of."""

from typing import Annotated

from pydantic import BaseModel, Field

from flowmatik.contracts.runs import MAX_TAG_CHARACTERS, MAX_TAGS, MAX_TEXT_CHARACTERS, RunFilter, RunStatus

Tag = Annotated[str, Field(min_length=1, max_length=MAX_TAG_CHARACTERS)]
Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS)]


class FilterFields(BaseModel):
    """Runs for which all of this holds. `status`: one of these. `agent`: the one that the run was given to.
    `tag`: all of these. `created_after` (inclusive) and `created_before` (exclusive): RFC 3339. `text`: words
    of the goal, by their beginnings; without `created_after` in runs of the last 90 days. `parent`: the run
    that waits for them. `thread`: the conversation that they belong to."""

    status: list[RunStatus] = []
    agent: Annotated[str, Field(max_length=200)] = ""
    tag: Tags = []
    created_after: Annotated[str, Field(max_length=40)] = ""
    created_before: Annotated[str, Field(max_length=40)] = ""
    text: Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)] = ""
    parent: Annotated[str, Field(max_length=100)] = ""
    thread: Annotated[str, Field(max_length=50)] = ""

    def wanted(self) -> RunFilter:
        return RunFilter(
            statuses=tuple(self.status),
            agent=self.agent,
            tags=tuple(self.tag),
            created_after=self.created_after,
            created_before=self.created_before,
            text=self.text,
            parent=self.parent,
            thread=self.thread,
        )


class ListQuery(FilterFields):
    cursor: str = ""
    limit: Annotated[int, Field(ge=1, le=500)] = 50
