"""What in a compensation's arguments stands for a part of the step's result."""

import re

PLACEHOLDER = "$result"
PATH = re.compile(r"[^.\s]+(\.[^.\s]+)*")


def is_placeholder(given: object) -> bool:
    return isinstance(given, dict) and PLACEHOLDER in given
