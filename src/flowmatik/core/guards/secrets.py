"""Secrets: what has the shape of a key, and what is too random to be words."""

import math
import re
from collections import Counter
from itertools import pairwise

from flowmatik.core.guards.pii import Span

_WORDS = r"(?:[\w-]*[_-])?(?:password|passwd|pwd|contraseña|clave|secret|token|api[_-]?key|access[_-]?key)"
_NAME = re.compile(_WORDS, re.IGNORECASE)
LEAST_ENTROPY = 3.8  # bits a character: text and hexadecimal digests stay below
_SHAPES = (
    (
        "private_key",
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----|[\s\S]*)"),
    ),
    ("jwt", re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")),
    ("aws_key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("github_token", re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,})")),
    ("slack_token", re.compile(r"\bxox[abeoprs]-[\w-]{10,}")),
    ("google_key", re.compile(r"\bAIza[\w-]{35}")),
    ("flowmatik_key", re.compile(r"\bfmk_[\w-]{8,}")),
    ("api_key", re.compile(r"\b(?:sk|rk|pk)[-_](?=[\w-]*\d)[\w-]{12,}")),
    ("bearer", re.compile(r"(?i)(?<=\bbearer )[\w.~+/=-]{12,}")),
    (
        "password",
        re.compile(
            rf"(?i)(?<![\w-]){_WORDS}"
            r"\\?[\"']?\s*[=:]\s*\\?[\"']?(?P<value>(?!\[)[^\s\"'&,;)}\]\\]{6,})"
        ),
    ),
)
_SIGNS = re.compile(
    r"[=:]|-----BEGIN|eyJ|AKIA|ASIA|gh[pousr]_|github_pat_|xox|AIza|fmk_|[srp]k[-_]|(?i:bearer) "
)
_OURS = ("cmp_", "clc_")  # ids of computations, which carry what was computed
_TOKEN = re.compile(r"(?<![\w+/=.-])[\w+/-]{24,}={0,2}(?![\w+/=-])")


def secrets_in(text: str) -> list[Span]:
    """In order, without overlaps."""
    found: list[Span] = []
    shapes = _SHAPES if _SIGNS.search(text) else ()
    for kind, form in shapes:
        for match in form.finditer(text):
            group = "value" if "value" in form.groupindex else 0
            span = (match.start(group), match.end(group), kind)
            if not any(span[0] < end and start < span[1] for start, end, _ in found):
                found.append(span)
    if len(text) >= 24:
        for match in _TOKEN.finditer(text):
            span = (match.start(), match.end(), "random")
            if match[0].startswith(_OURS) or not is_random(match[0]):
                continue
            if not any(span[0] < end and start < span[1] for start, end, _ in found):
                found.append(span)
    return sorted(found)


def names_a_secret(name: str) -> bool:
    """Whether a field of this name holds one, whatever it looks like."""
    return _NAME.fullmatch(name) is not None


def is_random(token: str) -> bool:
    """Letters of both cases and digits, mixed as no word, path or number has them."""
    if not (any(map(str.isdigit, token)) and any(map(str.isupper, token)) and any(map(str.islower, token))):
        return False
    changes = sum(_kind(a) != _kind(b) for a, b in pairwise(token))
    return changes >= len(token) / 4 and entropy(token) >= LEAST_ENTROPY


def _kind(sign: str) -> int:
    return 0 if sign.islower() else 1 if sign.isupper() else 2 if sign.isdigit() else 3


def entropy(text: str) -> float:
    """Shannon's, in bits a character."""
    size = len(text)
    return -sum(n / size * math.log2(n / size) for n in Counter(text).values())
