"""Names of IMAP folders, sets of UIDs, and which folders are meant."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowmatik.memory.source_kinds.imap.letters import Uids
from flowmatik.memory.source_kinds.imap.names import decoded, encoded, is_meant, listed

PRINTED = st.text(st.characters(codec="utf-16", exclude_categories=("Cs", "Cc")), max_size=30)


@given(PRINTED)
def test_every_name_comes_back(name: str) -> None:
    assert decoded(encoded(name)) == name
    assert encoded(name).isascii()


def test_names_are_written_as_the_standard_writes_them() -> None:
    assert encoded("~peter/mail/台北/日本語") == "~peter/mail/&U,BTFw-/&ZeVnLIqe-"
    assert decoded("Entw&APw-rfe & &- more") == "Entwürfe & & more"


@given(st.sets(st.integers(min_value=1, max_value=2**32 - 1), max_size=50))
def test_sets_of_numbers_come_back(uids: set[int]) -> None:
    assert Uids.read(Uids.said(uids)) == uids


def test_ten_thousand_in_a_row_are_one_span() -> None:
    assert Uids.said([*range(1, 10_001), 20_000]) == "1:10000,20000"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b'(\\HasNoChildren) "/" "INBOX"', ("INBOX", "/", {"\\hasnochildren"})),
        (b"() NIL Plain", ("Plain", "", set[str]())),
        (b'(\\Junk) "." "a \\"b\\" \\\\c"', ('a "b" \\c', ".", {"\\junk"})),
        ((b'() "/" {3}', b'a"b'), ('a"b', "/", set[str]())),
        (b'() "\\\\" x', ("x", "\\", set[str]())),
    ],
)
def test_answers_to_list_are_read(line: bytes | tuple[bytes, bytes], told: tuple[str, str, set[str]]) -> None:
    assert listed(line) == (told[0], told[1], frozenset(told[2]))


def test_a_hostile_answer_is_read_in_linear_time() -> None:
    begun = time.process_time()
    assert listed(b"() " + b'"' + b"\\" * 200_000) is None
    decoded("&" * 500_000)
    assert time.process_time() - begun < 5


def test_junk_and_drafts_are_meant_only_by_their_own_names() -> None:
    junk = frozenset(("\\junk",))
    assert is_meant("inbox", frozenset(), ("INBOX",))
    assert is_meant("Work/2024", frozenset(), ("Work/*",))
    assert not is_meant("Spam", junk, ("*",))
    assert is_meant("Spam", junk, ("Spam",))
    assert not is_meant("Spam", frozenset(("\\noselect",)), ("Spam",))
