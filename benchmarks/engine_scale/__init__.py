"""Durable steps per second of several worker processes, through dispatch, beside DBOS with a queue."""
