"""Skills: Python functions with a JSON Schema and an effect class, and those that ship."""
