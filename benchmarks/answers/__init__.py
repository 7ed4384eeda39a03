"""Answers of the whole product with the local model: goal, plan, run, verified answer."""
