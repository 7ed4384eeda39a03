"""A playbook and values for its parameters become a plan: conditions on parameters are decided, loops over
lists written out, other playbooks put in. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flowmatik.agents.playbooks.forms import FormFault, TaskFault, TaskForms
from flowmatik.agents.playbooks.joining import joined
from flowmatik.agents.playbooks.parameters import resolved, sample
from flowmatik.agents.playbooks.pieces import Piece
from flowmatik.agents.playbooks.reading import Playbook, refused
from flowmatik.agents.playbooks.tasks import TaskWriter
from flowmatik.agents.playbooks.texts import Filling
from flowmatik.agents.profiles.faults import Fault
from flowmatik.contracts.plans import PlanTask
from flowmatik.kernel.errors import PlanInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """`places`: of each task, which of the playbook's it was made of."""

    goal: str
    tasks: tuple[PlanTask, ...]
    parameters: dict[str, Any]
    places: dict[str, Piece]

    def refusal(self, book: Playbook, faults: list[TaskFault]) -> PlanInvalid:
        """What keeps the tasks from running, told of where they stand."""
        told: list[Fault] = []
        for one in faults:
            piece = self.places.get(one.task)
            if piece is None:
                told.append(book.fault(("tasks",), one.text, one.code, **one.values))
            else:
                fields = tuple(filter(None, one.place.split(".")))
                told.append(piece.book.fault((*piece.path, *fields), one.text, one.code, **one.values))
        return refused(told)


def compiled(
    book: Playbook, given: Mapping[str, Any], library: Mapping[str, Playbook], forms: TaskForms
) -> Compiled:
    """Raises PlanInvalid with every fault. `library` has the playbooks that it uses, by the names that it
    uses them by."""
    values, wrong = resolved(book.version.parameters, given)
    if wrong:
        raise refused(
            [Fault(place=name, text=told.text, code=told.code, values=told.values) for name, told in wrong]
        )
    return _plan(book, values, TaskWriter(library=library), forms)


def specimen(book: Playbook, library: Mapping[str, Playbook], forms: TaskForms) -> Compiled:
    """With made-up values, and with all its tasks whatever their conditions on parameters say: for looking at
    a playbook. Raises as `compiled`."""
    values = sample(book.version.parameters)
    return _plan(book, values, TaskWriter(library=library, every=True), forms)


def _plan(book: Playbook, values: dict[str, Any], writer: TaskWriter, forms: TaskForms) -> Compiled:
    goal = Filling(values=values)
    said = str(goal.fill(book.file.goal or book.file.summary, ("goal",)))
    writer.wrong += [book.fault(path, told.text, told.code, **told.values) for path, told in goal.wrong]
    pieces = joined(writer.groups(book, values), writer.wrong)
    if not pieces and not writer.wrong:
        text = "with these parameters nothing is left of the playbook: no task's condition holds"
        writer.wrong.append(book.fault(("tasks",), text, "playbook.nothing"))
    tasks: list[PlanTask] = []
    for piece in pieces:
        task = forms.read(piece.task())
        if isinstance(task, PlanTask):
            tasks.append(task)
        else:
            writer.wrong += [_form_fault(piece, one) for one in task]
    if writer.wrong:
        raise refused(_once(writer.wrong))
    places = {piece.id: piece for piece in pieces}
    return Compiled(goal=said, tasks=tuple(tasks), parameters=values, places=places)


def _form_fault(piece: Piece, one: FormFault) -> Fault:
    return piece.book.fault((*piece.path, *one.path), one.text, one.code, **one.values)


def _once(faults: list[Fault]) -> list[Fault]:
    """A task that stands in the plan several times is wrong once."""
    return list({(one.place, one.code): one for one in faults}.values())
