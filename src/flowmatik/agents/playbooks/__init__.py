"""Playbooks: YAML in, immutable content-hashed versions out, plans out of them; faults with file and line."""

from flowmatik.agents.playbooks.adviser import PlaybookAdviser
from flowmatik.agents.playbooks.compiling import Compiled, compiled, specimen
from flowmatik.agents.playbooks.forms import FormFault, TaskFault, TaskForms
from flowmatik.agents.playbooks.model import playbook_json_schema
from flowmatik.agents.playbooks.reading import Playbook, parse_playbook
from flowmatik.agents.playbooks.store import StoredPlaybooks

__all__ = [
    "Compiled",
    "FormFault",
    "Playbook",
    "PlaybookAdviser",
    "StoredPlaybooks",
    "TaskFault",
    "TaskForms",
    "compiled",
    "parse_playbook",
    "playbook_json_schema",
    "specimen",
]
