"""Source code: the text is the file itself. What stands at the top level is a section under its declaration,
members of a class one below; no language is parsed, so that code with errors is read too."""

import re
from pathlib import PurePath

from flowmatik.memory.parsing import Block, Document, Source, clean, decode, line_starts

_MODIFIERS = (
    r"(?:(?:export|default|declare|public|private|protected|internal|static|final|abstract|async|pub"
    r"(?:\([^)]*\))?|unsafe|const|extern(?:\s+\"C\")?|override|open|sealed|data|virtual|inline|partial)\s+)*"
)
_KEYWORD = (
    r"(?:def|class|function\*?|func|fn|struct|enum|trait|impl|interface|type|namespace|module|mod|object|record"
    r"|protocol|extension|union|macro_rules!)\s*[\w<(*~$]"
)
_SQL = r"(?i:create|alter|drop|insert|update|delete|select|with|grant|revoke|begin|commit|comment\s+on|do)\b"
_VALUE = r"(?:export\s+)?(?:const|let|var)\s+[\w$]+\s*=\s*(?:async\s*)?(?:\(|function|[\w$]+\s*=>|class)"
_FUNCTION = r"[A-Za-z_][\w:<>,*&\[\] ]*[\s*&]+~?[\w:]+\s*\([^;]*(?:\{|\)|,)\s*$"  # C, Java and theirs
_DECLARED = re.compile(rf"(?:{_MODIFIERS}{_KEYWORD}|export\s+default\b|{_VALUE}|{_FUNCTION})")
_STATEMENT = re.compile(_SQL)
_MEMBER = re.compile(
    rf"(?:{_MODIFIERS}(?:def|fn|func|fun|function|class|interface|enum|constructor)\b|{_FUNCTION})"
)
_NO_MEMBER = re.compile(r"(?:return|if|for|while|switch|else|throw|new|await|catch|case|do|try)\b")
_LEADING = re.compile(r"(?:#|//|/\*|\*|--|@|\[|///|\"\"\")")  # comments and decorators above a declaration
_WIDEST_INDENT = 4
_LONGEST = 1_000  # characters of a line that declares something; the patterns' time grows with their square
_SAID = 100  # characters of a declaration


def build(settings: object) -> "CodeParser":
    return CodeParser()


class CodeParser:
    def parse(self, source: Source) -> Document:
        text = clean(decode(source))
        declared = _STATEMENT if source.path.lower().endswith(".sql") else _DECLARED
        blocks = _blocks(source, text, declared)
        title = PurePath(source.name).name
        return Document(text=text, blocks=tuple(blocks), title=title, lines=line_starts(text))


def _blocks(source: Source, text: str, declared: re.Pattern[str]) -> list[Block]:
    blocks: list[Block] = []
    begin, lead = 0, -1  # of the section; of the comments right above the present line
    position, nested = 0, False
    for line in text.split("\n"):
        source.check_time()
        start, position = position, position + len(line) + 1
        level = _level(line, declared, nested)
        if level:
            _close(blocks, text, begin, lead if lead >= 0 else start)
            nested = level == 1 or nested
            begin = lead if lead >= 0 else start
            first = start + len(line) - len(line.lstrip())
            said = line.strip().rstrip("{:(").rstrip()[:_SAID]
            blocks.append(Block(kind="heading", start=first, end=first + len(said), level=level))
            lead = -1
        elif not _LEADING.match(line.lstrip()) or not line.strip():
            lead = -1
        elif lead < 0:
            lead = start
    _close(blocks, text, begin, len(text))
    return blocks


def _level(line: str, declared: re.Pattern[str], nested: bool) -> int:
    body = line.lstrip()
    indent = len(line.expandtabs(_WIDEST_INDENT)) - len(line.expandtabs(_WIDEST_INDENT).lstrip())
    if not body or len(body) > _LONGEST or (_NO_MEMBER.match(body) and declared is _DECLARED):
        return 0
    if indent == 0:
        return 1 if declared.match(body) else 0
    member = nested and declared is _DECLARED and indent <= _WIDEST_INDENT
    return 2 if member and _MEMBER.match(body) else 0


def _close(blocks: list[Block], text: str, start: int, end: int) -> None:
    while end > start and text[end - 1].isspace():
        end -= 1
    while start < end and text[start] == "\n":
        start += 1
    if start < end:
        blocks.append(Block(kind="lines", start=start, end=end))
