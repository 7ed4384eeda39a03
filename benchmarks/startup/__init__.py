"""How soon the command line answers, and what a server at rest holds."""
