"""CPU per agent run, beside Agno and Pydantic AI."""
