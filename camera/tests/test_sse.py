from __future__ import annotations

import pytest

from visant_camera.sse import LONGEST, Events, TooLong


def all_of(*chunks: bytes) -> list[str]:
    events = Events()
    return [data for chunk in chunks for data in events.feed(chunk)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_an_event_is_whole_at_its_empty_line_whatever_ends_lines(end: bytes) -> None:
    assert all_of(b"data: one" + end + end + b"data: two" + end + end + b"data: half" + end) == ["one", "two"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_frames_may_be_cut_anywhere(end: bytes) -> None:
    text = "data: é✓".encode() + end + b": ping" + end + b"data:2" + end + end + b"data: next" + end + end + b":"
    assert all_of(*(text[n : n + 1] for n in range(len(text)))) == ["é✓\n2", "next"]


def test_comments_other_fields_and_empty_events_say_nothing() -> None:
    assert all_of(b": hello\n\nid: 7\nevent: x\nretry: 10\n\n\n\ndata\n\n:\ndata: a\n\n") == ["", "a"]


def test_a_byte_order_mark_is_passed_over() -> None:
    assert all_of(b"\xef\xbb\xbfdata: a\n\n") == ["a"]


def test_bytes_that_are_no_text_do_no_harm() -> None:
    assert all_of(b"data: \xff\n\n") == ["\ufffd"]


@pytest.mark.parametrize("chunk", [b"data: " + b"x" * 4000, b"data: " + b"x" * 4000 + b"\n", b"x" * 4000])
def test_an_event_without_end_is_given_up(chunk: bytes) -> None:
    with pytest.raises(TooLong):
        all_of(*[chunk] * (LONGEST // 4000 + 2))
