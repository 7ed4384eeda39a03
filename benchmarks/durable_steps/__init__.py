"""Durable steps per second, beside LangGraph, DBOS and what the store itself allows."""
