"""Personal data: e-mail addresses, telephone numbers, IBANs (ISO 13616), payment cards (ISO/IEC 7812, Luhn)
and the Spanish DNI and NIE, whose check letter is that of the number modulo 23 (Real Decreto 1553/2005)."""

import re
from collections.abc import Iterator

Span = tuple[int, int, str]  # from, to, kind
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.)+[^\W\d_]{2,24}(?![\w-])")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}(?![A-Za-z0-9])")
_CARD = re.compile(r"(?<![\d.,-])\d(?:[ -]?\d){12,18}(?![\d]|[.,-]\d)")
_DNI = re.compile(r"(?<![A-Za-z0-9])\d{2}\.?\d{3}\.?\d{3}[ -]?[A-Za-z](?![A-Za-z0-9])")
_NIE = re.compile(r"(?<![A-Za-z0-9])[XYZxyz][ -]?\d{7}[ -]?[A-Za-z](?![A-Za-z0-9])")
_PHONE = re.compile(
    r"(?<![\w.,:/+-])(?<!\d )(?:"
    r"(?:\+|00)\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5}"  # international
    r"|[6789]\d{2}[ .-]?\d{3}[ .-]?\d{3}|[6789]\d{2}(?:[ .-]\d{2}){3}"  # Spain
    r"|9\d[ .-]\d{3}[ .-]\d{2}[ .-]\d{2}"
    r"|\(\d{3}\) ?\d{3}[ .-]\d{4}|\d{3}-\d{3}-\d{4}"  # North America
    r")(?![\w/:]|[.,-]\d)"
)
_MANY = re.compile(r"\d(?:[ .()-]{0,2}\d){6}")  # the shortest of all numbers has seven digits
_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_LENGTHS = {
    "AD": 24, "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20,
    "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IT": 27, "LI": 21,
    "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24,
    "SE": 24, "SI": 19, "SK": 24, "SM": 27,
}  # fmt: skip
KINDS = ("email", "iban", "card", "nie", "dni", "phone")  # the longer first: what one took no other takes


def personal(text: str, kinds: tuple[str, ...] = ()) -> list[Span]:
    """What of these kinds (all when empty) stands in `text`, in order, without overlaps."""
    wanted = kinds or KINDS
    found: list[Span] = []
    if "email" in wanted and "@" in text:
        found += ((m.start(), m.end(), "email") for m in _EMAIL.finditer(text))
    if _MANY.search(text):
        for kind in KINDS[1:]:
            if kind in wanted:
                found += (span for span in _numbers(text, kind) if not _overlaps(span, found))
    return sorted(found)


def _numbers(text: str, kind: str) -> Iterator[Span]:
    if kind == "iban":
        yield from _ibans(text)
        return
    form, holds = {"card": (_CARD, is_card), "nie": (_NIE, is_nie), "dni": (_DNI, is_dni)}.get(
        kind, (_PHONE, is_phone)
    )
    for match in form.finditer(text):
        if holds(match[0]):
            yield match.start(), match.end(), kind


def _ibans(text: str) -> Iterator[Span]:
    """Words may follow that look like a part of it, so the length of its country decides."""
    for match in _IBAN.finditer(text):
        bare = re.sub("[ -]", "", match[0])
        length = _LENGTHS.get(bare[:2].upper())
        if length is None or len(bare) < length or not is_iban(bare[:length]):
            if is_iban(bare):
                yield match.start(), match.end(), "iban"
            continue
        end, left = match.start(), length
        while left:
            left -= text[end] not in " -"
            end += 1
        yield match.start(), end, "iban"


def _overlaps(span: Span, others: list[Span]) -> bool:
    return any(span[0] < end and start < span[1] for start, end, _ in others)


def is_iban(text: str) -> bool:
    """Whether its check digits hold: the number that it makes is 1 modulo 97."""
    bare = re.sub("[ -]", "", text).upper()
    if not 15 <= len(bare) <= 34 or not bare.isascii() or not bare.isalnum():
        return False
    if not (bare[:2].isalpha() and bare[2:4].isdigit()) or len(bare) != _LENGTHS.get(bare[:2], len(bare)):
        return False
    return int("".join(str(int(sign, 36)) for sign in bare[4:] + bare[:4])) % 97 == 1


def is_card(text: str) -> bool:
    """Whether the digits pass Luhn's check, and are not one digit alone."""
    digits = [int(sign) for sign in text if sign.isdecimal()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1:
        return False
    total = sum(d if n % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for n, d in enumerate(reversed(digits)))
    return total % 10 == 0


def is_dni(text: str) -> bool:
    bare = re.sub(r"[ .-]", "", text).upper()
    return bool(re.fullmatch(r"[0-9]{8}[A-Z]", bare)) and _LETTERS[int(bare[:8]) % 23] == bare[8]


def is_nie(text: str) -> bool:
    bare = re.sub(r"[ .-]", "", text).upper()
    if not re.fullmatch(r"[XYZ][0-9]{7}[A-Z]", bare):
        return False
    return _LETTERS[int(str("XYZ".index(bare[0])) + bare[1:8]) % 23] == bare[8]


def is_phone(text: str) -> bool:
    digits = sum(map(str.isdecimal, text))
    return 8 <= digits <= 15
