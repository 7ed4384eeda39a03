"""`flowmatik run --thread`: the goal is said in a conversation, and the run that answers it is shown."""

import dataclasses
from collections.abc import Mapping

from flowmatik.app import exit_codes
from flowmatik.app.backend import Backend
from flowmatik.app.cli.following import show_result
from flowmatik.app.cli.session import Session
from flowmatik.app.cli.talk import Talk, show_answer, wait_for_answer
from flowmatik.app.exit_codes import ExitCode
from flowmatik.kernel.errors import InvalidInput
from flowmatik.kernel.ids import new_id


async def run_in_thread(session: Session, thread_id: str, goal: str, *, follow_run: bool) -> int:
    key = new_id("inp")  # said again, it is still the same message
    talk = Talk(thread_id=thread_id)

    async def work(backend: Backend) -> int:
        message = await backend.threads.send(
            backend.workspace_id, thread_id, goal, by=backend.principal.id, idempotency_key=key
        )
        if not follow_run:
            if session.json:
                session.print_json({"type": "message", "message": dataclasses.asdict(message)})
            else:
                session.say("run.said", number=message.number, thread=message.thread_id)
            return ExitCode.OK
        answer = await wait_for_answer(session, backend, talk, message.number)
        run_id = answer.run_id if answer else talk.followed
        if not run_id:  # a person answers, or nobody
            return show_answer(session, answer)
        view = await backend.runs.get(backend.workspace_id, run_id)
        show_result(session, view)
        return exit_codes.of_run(view)

    return await session.on_backend(work)


def check_alone(given: Mapping[str, object]) -> None:
    """What a thread's runs are like, the thread says. Raises InvalidInput for options that would say it."""
    if wrong := ", ".join(name for name, value in given.items() if value):
        raise InvalidInput(
            f"{wrong} cannot stand beside --thread: the conversation says how it is answered",
            code="input.thread_alone",
            context={"options": wrong},
        )
