"""`flowmatik run --thread`: the goal is said in a conversation, and the run that answers it is shown."""

import dataclasses

from flowmatik.app import exit_codes
from flowmatik.app.backend import Backend
from flowmatik.app.cli.run import Request, show_result
from flowmatik.app.cli.session import Session
from flowmatik.app.cli.talk import Talk, show_answer, wait_for_answer
from flowmatik.app.exit_codes import ExitCode
from flowmatik.kernel.errors import InvalidInput
from flowmatik.kernel.ids import new_id


async def run_in_thread(session: Session, request: Request) -> int:
    """What a thread's runs are like, the thread says: nothing else can be asked for here."""
    _check(request)
    key = new_id("inp")  # said again, it is still the same message
    talk = Talk(thread_id=request.thread)

    async def work(backend: Backend) -> int:
        message = await backend.threads.send(
            backend.workspace_id, request.thread, request.goal, by=backend.principal.id, idempotency_key=key
        )
        if not request.follow:
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


def _check(request: Request) -> None:
    given = {
        "--agent": request.agent,
        "--budget": request.budget is not None,
        "--docs": request.docs,
        "--param": request.parameters,
        "--plan": request.plan,
        "--playbook": request.playbook,
        "--priority": request.priority,
        "--tag": request.tags,
    }
    if wrong := ", ".join(name for name, value in given.items() if value):
        raise InvalidInput(
            f"{wrong} cannot stand beside --thread: the conversation says how it is answered",
            code="input.thread_alone",
            context={"options": wrong},
        )
