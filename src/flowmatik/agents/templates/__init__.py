"""Templates: profiles with typed parameters."""

from flowmatik.agents.templates.parse import Template, parse_template, shipped_templates
from flowmatik.agents.templates.store import StoredTemplates

__all__ = ["StoredTemplates", "Template", "parse_template", "shipped_templates"]
