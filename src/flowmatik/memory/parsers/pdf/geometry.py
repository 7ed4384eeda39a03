"""What stands where on a page: pieces of text into the order in which a person reads them, columns one after
the other, and what stands side by side as rows of a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

_GAP = 1.2  # of a line's height: what is further apart on one line is another cell or column
_CELL_WORDS = 12  # of a table's cell, most of the time; columns of prose have whole lines
_COLUMN_LINES = 6
_WITHIN_CELL = 1.3  # heights of a line between the lines of one cell, at most
_COLUMN_SHARE = 0.2  # of the page's text width


@dataclass(frozen=True, slots=True)
class Piece:
    """Text within a box; `bottom` < `top`, in points from the lower left corner of the page."""

    text: str
    left: float
    bottom: float
    right: float
    top: float

    @property
    def height(self) -> float:
        return self.top - self.bottom


Row = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of prose, or a row of a table with its cells (`cells` is then not empty). `gap` is the free
    space above it in heights of a line, infinite at the beginning of a column."""

    text: str
    height: float
    gap: float
    cells: tuple[str, ...] = ()


def lines_of(pieces: Sequence[Piece]) -> list[Line]:
    """The page's lines in reading order."""
    seen = [piece for piece in pieces if piece.text.strip()]
    upright = [piece for piece in seen if _is_upright(piece)]
    lines = [line for region in _regions(_joined(upright), 0) for line in _lines(region)]
    turned = [Line(piece.text, piece.right - piece.left, 9.0) for piece in seen if not _is_upright(piece)]
    return lines + turned


def turned(piece: Piece, degrees: int) -> Piece:
    """As it is seen when the page is shown turned clockwise; only places relative to one another count."""
    text, left, bottom, right, top = piece.text, piece.left, piece.bottom, piece.right, piece.top
    if degrees == 90:
        return Piece(text, bottom, -right, top, -left)
    if degrees == 180:
        return Piece(text, -right, -top, -left, -bottom)
    return Piece(text, -top, left, -bottom, right) if degrees == 270 else piece


def _is_upright(piece: Piece) -> bool:
    """Whether it runs from left to right or the other way, not along a margin."""
    return len(piece.text.strip()) < 4 or piece.height < 2 * (piece.right - piece.left)


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """What follows on the same line without a gap is one piece: words in bold, links, single letters."""
    found: list[Piece] = []
    for piece in pieces:
        last = found[-1] if found else None
        if last is not None and _same_line(last, piece):
            gap = piece.left - last.right
            height = max(last.height, piece.height, 1.0)
            if -height < gap < _GAP * height:
                glue = " " if gap > 0.15 * height and not last.text.endswith(" ") else ""
                found[-1] = Piece(
                    last.text + glue + piece.text,
                    min(last.left, piece.left),
                    min(last.bottom, piece.bottom),
                    max(last.right, piece.right),
                    max(last.top, piece.top),
                )
                continue
        found.append(piece)
    return found


def _same_line(one: Piece, other: Piece) -> bool:
    shared = min(one.top, other.top) - max(one.bottom, other.bottom)
    return shared > 0.5 * min(one.height, other.height)


def _regions(pieces: list[Piece], depth: int) -> list[list[Piece]]:
    """The columns of the page one by one; what crosses the space between them parts them above and below."""
    gutter = _gutter(pieces) if depth < 4 else None
    if gutter is None:
        return [pieces] if pieces else []
    regions: list[list[Piece]] = []
    band: list[Piece] = []
    for piece in sorted(pieces, key=lambda one: -one.top):
        if piece.left < gutter < piece.right:
            regions += _band(band, gutter, depth)
            band = []
            if regions and len(regions[-1]) and _is_across(regions[-1], gutter):
                regions[-1].append(piece)
            else:
                regions.append([piece])
        else:
            band.append(piece)
    return regions + _band(band, gutter, depth)


def _is_across(region: list[Piece], gutter: float) -> bool:
    return all(piece.left < gutter < piece.right for piece in region)


def _band(band: list[Piece], gutter: float, depth: int) -> list[list[Piece]]:
    left = [piece for piece in band if piece.right <= gutter]
    right = [piece for piece in band if piece.left >= gutter]
    return _regions(left, depth + 1) + _regions(right, depth + 1)


def _gutter(pieces: list[Piece]) -> float | None:
    """The middle of an upright free space with lines of prose on both sides, None without one."""
    if len(pieces) < 2 * _COLUMN_LINES:
        return None
    width = max(piece.right for piece in pieces) - min(piece.left for piece in pieces)
    best: tuple[int, float] | None = None
    for x in _candidates(pieces):
        left = [piece for piece in pieces if piece.right <= x]
        right = [piece for piece in pieces if piece.left >= x]
        crossing = len(pieces) - len(left) - len(right)
        if all(_is_column(side, width) for side in (left, right)) and _beside(left, right):
            found = (min(len(left), len(right)) - 2 * crossing, x)
            best = max(best, found) if best else found
    return best[1] if best and best[0] > 0 else None


def _candidates(pieces: list[Piece]) -> list[float]:
    """Just left of where many pieces begin."""
    begins = sorted(piece.left for piece in pieces)
    counts: dict[int, int] = {}
    for x in begins:
        counts[round(x / 4)] = counts.get(round(x / 4), 0) + 1
    often = sorted(counts, key=lambda key: -counts[key])[:8]
    return [key * 4 - 4.0 for key in often if counts[key] >= 3]


def _is_column(side: list[Piece], width: float) -> bool:
    if len(side) < _COLUMN_LINES:
        return False
    usual = median(piece.right - piece.left for piece in side)
    words = median(len(piece.text.split()) for piece in side)
    return usual >= _COLUMN_SHARE * width and words >= 3


def _beside(left: list[Piece], right: list[Piece]) -> bool:
    """Whether both sides share most of their height."""
    low = max(min(piece.bottom for piece in side) for side in (left, right))
    high = min(max(piece.top for piece in side) for side in (left, right))
    least = min(
        max(piece.top for piece in side) - min(piece.bottom for piece in side) for side in (left, right)
    )
    return high - low > 0.5 * least


def _lines(region: list[Piece]) -> list[Line]:
    rows = _rows(region)
    lines: list[Line] = []
    at = 0
    while at < len(rows):
        end = _table_end(rows, at)
        gap = _gap(rows, at)
        if end - at >= 2:
            lines += _table(rows[at:end], gap)
        else:
            end = at + 1
            height = max(piece.height for piece in rows[at])
            lines.append(Line(" ".join(piece.text.strip() for piece in rows[at]), height, gap))
        at = end
    return lines


def _rows(region: list[Piece]) -> list[Row]:
    rows: list[list[Piece]] = []
    for piece in sorted(region, key=lambda one: (-(one.top + one.bottom), one.left)):
        if rows and _same_line(rows[-1][0], piece):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    return [tuple(_joined(sorted(row, key=lambda one: one.left))) for row in rows]


def _gap(rows: list[Row], at: int) -> float:
    if at == 0:
        return float("inf")
    above, below = rows[at - 1], rows[at]
    free = min(piece.bottom for piece in above) - max(piece.top for piece in below)
    return free / max(1.0, max(piece.height for piece in below))


def _table_end(rows: list[Row], at: int) -> int:
    """The first row after the table that begins at `at`; `at` itself when none does."""
    end = at
    while end < len(rows) and (len(rows[end]) > 1 or _continues(rows, at, end)):
        if end > at and _gap(rows, end) > 3:
            break
        end += 1
    while end > at and len(rows[end - 1]) == 1 and not _continues(rows, at, end - 1):
        end -= 1
    many = [row for row in rows[at:end] if len(row) > 1]
    words = sorted(len(piece.text.split()) for row in many for piece in row)
    is_table = len(many) >= 2 and words[len(words) // 2] <= _CELL_WORDS
    return end if is_table and _aligned(many) else at


def _continues(rows: list[Row], at: int, end: int) -> bool:
    """Whether a row of one piece goes on with the text of a cell of the row above it."""
    if end <= at or len(rows[end]) != 1 or _gap(rows, end) > _WITHIN_CELL:
        return False
    above = next((row for row in reversed(rows[at:end]) if len(row) > 1), ())
    begins = [piece.left for piece in above[1:]]
    return any(abs(rows[end][0].left - x) < rows[end][0].height for x in begins)


def _aligned(rows: list[Row]) -> bool:
    """Whether neighbours have a column in common: cells above one another."""
    shared = sum(
        sum(any(_above(cell, other) for other in below) for cell in row) >= 2 for row, below in pairwise(rows)
    )
    return shared * 2 >= len(rows) - 1


def _above(one: Piece, other: Piece) -> bool:
    return min(one.right, other.right) > max(one.left, other.left)


def _table(rows: list[Row], gap: float) -> list[Line]:
    columns: list[list[float]] = []
    for left, right in sorted((piece.left, piece.right) for row in rows if len(row) > 1 for piece in row):
        if columns and left < columns[-1][1]:
            columns[-1][1] = max(columns[-1][1], right)
        else:
            columns.append([left, right])
    lines: list[Line] = []
    for row in rows:
        cells = [""] * len(columns)
        for piece in row:
            middle = (piece.left + piece.right) / 2
            column = min(range(len(columns)), key=lambda n: _distance(columns[n], middle))
            cells[column] = f"{cells[column]} {' '.join(piece.text.split())}".strip()
        height = max(piece.height for piece in row)
        if len(row) == 1 and lines:
            before = lines[-1].cells
            merged = tuple(f"{one} {two}".strip() for one, two in zip(before, cells, strict=True))
            lines[-1] = Line(_shown(merged), lines[-1].height, lines[-1].gap, merged)
        else:
            lines.append(Line(_shown(cells), height, 0.0 if lines else gap, tuple(cells)))
    return lines


def _distance(column: Sequence[float], x: float) -> float:
    return 0.0 if column[0] <= x <= column[1] else min(abs(column[0] - x), abs(column[1] - x))


def _shown(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
