"""The journal against real stores and real faults."""
