"""Text from outside is shown, never obeyed."""

import unicodedata

import pytest

from oncall.reporting.plain import encodable, escape_control_chars, quoted, value
from tests.reporting.runs import ATTACK


def test_no_control_or_direction_mark_survives():
    """Whatever steers a terminal, hides, or turns a line round is shown as its code."""
    shown = escape_control_chars(ATTACK)

    assert {unicodedata.category(sign) for sign in shown} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} == set()
    assert r"\x1b[31m" in shown
    assert r"\u202egpj" in shown


def test_ordinary_text_stays_as_it_is():
    """Letters of any script, signs and emoji are not foreign."""
    assert escape_control_chars("größe 漢字 → 94 % ✓ 🦊") == "größe 漢字 → 94 % ✓ 🦊"


def test_line_ends_stay_only_where_asked():
    """A symptom is one line; a log keeps its lines."""
    assert escape_control_chars("a\r\nb\tc") == r"a\x0d\x0ab\x09c"
    assert escape_control_chars("a\r\nb\tc\r", lines=True) == "a\nb\tc\\x0d"


def test_a_long_text_is_shortened_with_a_mark():
    """Ten megabytes in one line neither fill the screen nor vanish unsaid."""
    shown = escape_control_chars("x" * 10_000_000, 100)

    assert shown == "x" * 100 + " … [9,999,900 more characters]"


@pytest.mark.parametrize(
    ("found", "shown"),
    [(None, "none"), (True, "yes"), (False, "no"), (0, "0"), (0.1 + 0.2, "0.3"), (2.0, "2"), (0.0, "0"), ("", "''")]
    + [(0.00042, "0.00042"), (1234567.891, "1234567.891"), (float("nan"), "nan"), (float("-inf"), "-inf"), ("a", "a")],
)
def test_values_are_written_as_people_write_them(found, shown):
    """No True, no None, no 0.30000000000000004, and an empty text is seen to be empty."""
    assert value(found) == shown


def test_a_value_that_could_be_two_is_quoted():
    """'a, b=c' is one value."""
    assert (quoted("a, b"), quoted("a=b"), quoted("a b")) == ('"a, b"', '"a=b"', "a b")
    assert quoted("LOCK TABLE x WHERE y = '?'") == "\"LOCK TABLE x WHERE y = '?'\""
    assert quoted('{"a": 1, "b": 2}') == '\'{"a": 1, "b": 2}\''


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "no-such-encoding"])
def test_every_line_can_be_written(encoding):
    """A diagnosis is never lost to a locale: what the stream cannot say is spelled out."""
    line = encodable("a → b … 漢 \\x1b", encoding)

    assert line == "a -> b ... \\u6f22 \\x1b"


def test_a_line_that_the_stream_can_say_is_left_alone():
    """UTF-8 needs no help."""
    assert encodable("a → b", "utf-8") == "a → b"
