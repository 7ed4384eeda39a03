"""Skills of the home: folders with a SKILL.md, Python functions, or both."""
