"""Bytes of files as lines of text: encodings with and without marks, line ends of all systems."""

from __future__ import annotations

import codecs
import io

import pytest

from games.text import decoding

TEXT = "Müller – 高文龙\nsecond\n\nlast"
LATIN = "Müller\nà la carte\nlast"


def decoded(data: bytes) -> tuple[str, str]:
    lines = decoding.Lines(io.BytesIO(data))
    return "".join(lines), lines.warning


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be-mark"])
def test_unicode_with_and_without_marks(ends: str, encoding: str) -> None:
    text = TEXT.replace("\n", ends)
    data = codecs.BOM_UTF16_BE + text.encode("utf-16-be") if encoding == "utf-16-be-mark" else text.encode(encoding)
    assert decoded(data) == (TEXT, "")


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_what_is_not_utf_8_is_read_as_latin_1_with_a_warning(ends: str) -> None:
    data = LATIN.replace("\n", ends).encode("latin-1")
    assert decoded(data) == (LATIN, "line 1 is not UTF-8; it is read as Latin-1")


def test_a_file_of_two_encodings_is_read_line_by_line() -> None:
    data = "Müller\n".encode() + "Müller\n".encode("latin-1") + "“x”\n".encode("cp1252") + b"\x81\n"
    assert decoded(data) == ("Müller\nMüller\n“x”\n\x81\n", "line 2 is not UTF-8; it is read as Latin-1")


def test_nothing_is_no_line() -> None:
    assert decoded(b"") == ("", "") and decoded(codecs.BOM_UTF8) == ("", "")


def test_only_the_lines_that_are_asked_for_are_held() -> None:
    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:
            buffer[:] = (b"11-15 *\n" * (len(buffer) // 8 + 1))[: len(buffer)]
            return len(buffer)

    lines = iter(decoding.Lines(Endless()))
    assert [next(lines) for _ in range(10_000)][-1].endswith("*\n")
