"""HTML: the visible text, with the lines of the source file where it stands."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from flowmatik.kernel.errors import DocumentError
from flowmatik.memory.markup.positions import SourceLines
from flowmatik.memory.parsing import BlockKind, Document, Link, Source, TextBuilder, clean, decode

_SKIPPED = frozenset({"script", "style", "noscript", "template", "svg", "head", "nav", "iframe", "object"})
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCK_LIST = """
    address article aside blockquote body caption center dd details dialog div dl dt
    fieldset figcaption figure footer form header hr html li main ol p pre section summary
    table tbody td tfoot th thead tr ul
"""
_BLOCKS = frozenset(_BLOCK_LIST.split()) | set(_HEADINGS)
_MAX_DEPTH = 200
_DEEPEST = 10_000
_NESTING = re.compile(  # elements whose end may not be left out
    r"<(/?)(?:article|aside|blockquote|center|details|div|dl|fieldset|figure|font|footer|form|header|main|ol"
    r"|section|span|table|ul|[a-z]\w*-[\w-]+|a|b|i|u|em|strong|small|big|code|tt|s)(?=[\s/>])",
    re.IGNORECASE,
)
_UNSEEN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)\b", re.IGNORECASE)


class HtmlParser:
    def parse(self, source: Source) -> Document:
        markup = clean(decode(source))
        _check_depth(source, markup)
        tree = LexborHTMLParser(markup)
        walker = _Walker(source, SourceLines(markup))
        if tree.body is not None:
            walker.walk(tree.body, 0)
            walker.flush()
        head = tree.css_first("title")
        first = next((b for b in walker.builder.blocks if b.kind == "heading"), None)
        text = walker.builder.text()
        title = text[first.start : first.end] if first else ""
        if not title and head is not None:
            title = " ".join(head.text().split())
        page = tree.css_first("html")
        language = (page.attributes.get("lang") or "")[:2].lower() if page is not None else ""
        return Document(
            text=text,
            blocks=tuple(walker.builder.blocks),
            title=title,
            lines=tuple(walker.lines),
            language=language if language in {"es", "en"} else "",
            links=tuple(walker.links),
        )


def _check_depth(source: Source, markup: str) -> None:
    """The reader's time grows with the square of the depth, and nobody can stop it on its way."""
    depth = 0
    for tag in _NESTING.finditer(markup):
        depth = max(depth - 1, 0) if tag[1] else depth + 1
        if depth > _DEEPEST:
            raise DocumentError(
                f"{source.name}: elements nested more than {_DEEPEST:,} deep; simplify the page",
                code="document.deep",
                context={"limit": _DEEPEST},
            )


def _is_hidden(node: LexborNode) -> bool:
    """Nobody who looks at the page sees it. `until-found` is there to be found."""
    attributes = node.attributes
    if "hidden" in attributes and (attributes["hidden"] or "").lower() != "until-found":
        return True
    return _UNSEEN.search(attributes.get("style") or "") is not None


@dataclass(eq=False, slots=True)
class _Anchor:
    """A link over `start` to `end` of the run's pieces, to its end while that is None."""

    target: str
    start: int
    end: int | None = None
    is_told: bool = False


class _Walker:
    """Collects inline text into runs; a block element ends the run. `_run` holds the pieces of
    the current run with the source line of each."""

    def __init__(self, source: Source, places: SourceLines) -> None:
        self.builder = TextBuilder(source)
        self.lines: list[tuple[int, int]] = []
        self._source = source
        self._places = places
        self.links: list[Link] = []
        self._run: list[tuple[str, int]] = []
        self._anchors: list[_Anchor] = []  # with words in this run
        self._open: list[_Anchor] = []
        self._kind: BlockKind = "text"
        self._level = 0

    def walk(self, node: LexborNode, depth: int) -> None:
        child = node.child
        while child is not None:
            if child.is_text_node:
                raw = child.text(deep=False)
                self._run.append((raw, self._places.advance(raw)))
            elif child.is_element_node:
                self._element(child, depth + 1)
            child = child.next

    def _element(self, node: LexborNode, depth: int) -> None:
        self._source.check_time()
        tag = node.tag or ""
        if tag in _SKIPPED:
            self._places.advance(node.text(deep=True) if tag in {"nav", "noscript"} else "")
        elif _is_hidden(node):
            self._places.advance(node.text(deep=True))
        elif depth > _MAX_DEPTH:  # its words are kept, its structure is not
            raw = node.text(deep=True, separator=" ")
            self._run.append((raw, self._places.advance(raw)))
        elif tag == "br":
            self._run.append(("\n", 0))
        elif tag in {"td", "th"}:
            self._cell(node, depth)
        elif tag == "a" and node.attributes.get("href"):
            self._anchor(node, node.attributes["href"] or "", depth)
        elif tag in _BLOCKS:
            self._block(node, tag, depth)
        else:
            self.walk(node, depth)

    def _anchor(self, node: LexborNode, target: str, depth: int) -> None:
        anchor = _Anchor(target, len(self._run))
        self._open.append(anchor)
        self.walk(node, depth)
        self._open.remove(anchor)
        anchor.end = len(self._run)
        self._anchors.append(anchor)

    def _cell(self, node: LexborNode, depth: int) -> None:
        self._run.append((" | ", 0))
        self.walk(node, depth)

    def _block(self, node: LexborNode, tag: str, depth: int) -> None:
        inside_row = self._kind == "lines"
        if tag in {"table", "ul", "ol", "pre"} and not inside_row:
            self.flush()
            self._kind = "lines"
            self.walk(node, depth)
            self.flush()
            self._kind = "text"
        elif inside_row:
            mark = {"tr": "\n", "li": "\n- "}.get(
                tag, "\n" if tag not in {"tbody", "thead", "p", "div"} else " "
            )
            self._run.append((mark, 0))
            self.walk(node, depth)
            if tag == "tr":
                self._run.append((" |", 0))
        else:
            self.flush()
            self._level = _HEADINGS.get(tag, 0)
            self.walk(node, depth)
            self.flush()
            self._level = 0

    def flush(self) -> None:
        """End the run: white space collapses, marked line breaks stay, lines and links are noted. A link that
        goes on into the next run has its words in the first that it has words in."""
        whole, ends = _collapse(self._run)
        text, anchors = "".join(whole.parts), [*self._anchors, *self._open]
        if text:
            kind: BlockKind = "heading" if self._level else self._kind
            start = self.builder.add(text.replace("\n", " ") if self._level else text, kind, self._level)
            self.lines.extend((start + offset, line) for offset, line in whole.places)
            self.links.extend(sorted(_links(anchors, text, ends, start), key=lambda one: one.start))
        self._run, self._anchors = [], []
        for anchor in self._open:
            anchor.start = 0


def _links(anchors: list[_Anchor], text: str, ends: list[int], start: int) -> Iterator[Link]:
    for anchor in anchors:
        first = ends[anchor.start - 1] if anchor.start else 0
        last = ends[-1] if anchor.end is None else ends[anchor.end - 1] if anchor.end else 0
        words = text[first:last]
        if words.strip() and not anchor.is_told:
            anchor.is_told = True
            begins = first + len(words) - len(words.lstrip())
            yield Link(start=start + begins, end=start + last, target=anchor.target)


def _collapse(run: list[tuple[str, int]]) -> "tuple[_Run, list[int]]":
    """The run as it is shown, and where the text of each of its pieces ends. Signs that we add ourselves
    (line 0: bars, dashes, breaks) count to the line of what follows them."""
    out, ends = _Run(), list[int]()
    for piece, line in run:
        for index, segment in enumerate(piece.split("\n")):
            if index:
                out.gap = "\n" if line == 0 else (out.gap or " ")
            out.add(segment, line + index if line else 0)
        ends.append(out.length)
    return out, ends


class _Run:
    """`places` are (offset, source line) of its pieces."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.places: list[tuple[int, int]] = []
        self.gap = ""
        self.length = 0
        self._signs_at = -1

    def add(self, segment: str, line: int) -> None:
        if segment[:1].isspace():
            self.gap = self.gap or " "
        for word in segment.split():
            glue = self.gap if self.parts else ""
            start = self.length + len(glue)
            if line == 0 and (self._signs_at < 0 or "\n" in glue):
                self._signs_at = start
            if line:
                at = self._signs_at if self._signs_at >= 0 and "\n" not in glue else start
                if not self.places or self.places[-1][1] != line:
                    self.places.append((at, line))
                self._signs_at = -1
            self.parts.append(glue + word)
            self.length = start + len(word)
            self.gap = " "
        self.gap = self.gap if segment[-1:].isspace() or not segment else ""
