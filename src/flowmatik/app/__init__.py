"""The composition root: settings from the environment, wiring, command line."""
