"""CSV in blocks: what is read, and in which line it is wrong."""

from __future__ import annotations

import io

import made
import pytest

from selfplay.drift.tables.files import csv_table
from selfplay.drift.tables.files.blocks import TableError


def refusal(text: str | bytes, **options: object) -> str:
    with pytest.raises(TableError) as caught:
        made.cells(made.table(text, **options))
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n3,4\n", [["1", "3"], ["2", "4"]]),
        ("a,b\r\n1,2\r\n3,4", [["1", "3"], ["2", "4"]]),
        ("a,b\r1,2\r3,4\r", [["1", "3"], ["2", "4"]]),
        ("\ufeffa,b\n1,2\n", [["1"], ["2"]]),
        ('a,b\n"x\ny","say ""hi"", then"\n', [["x\ny"], ['say "hi", then']]),
        ("a,b\n\n1,2\n\n\n3,4\n\n", [["1", "3"], ["2", "4"]]),
        ("\n\na,b\n1,2\n", [["1"], ["2"]]),
        ("a;b\n1,5;2\n", [["1,5"], ["2"]]),
        ("a\tb\n1\t2\n", [["1"], ["2"]]),
        ("a|b\n1|2\n", [["1"], ["2"]]),
        ("only\n1\n\n2\n", [["1", "2"]]),
        ('only\n1\n""\n2\n', [["1", "", "2"]]),
        ("a,b\n,\n", [[""], [""]]),
    ],
    ids=["plain", "CRLF, no end", "CR", "mark", "quotes", "empty lines", "empty lines first", "semicolons", "tabs",
         "bars", "one column", "one column, a missing cell", "missing cells"],
)  # fmt: skip
@pytest.mark.parametrize("chunk", [3, 2**20], ids=["tiny chunks", "one chunk"])
def test_cells_are_read(text: str, expected: list[list[str]], chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_table, "CHUNK", chunk)
    assert made.cells(made.table(text)) == expected


def test_blocks_of_any_size_hold_the_same_rows() -> None:
    text = "a,b\n" + "".join(f'{n},"x{n}\n"\n' if n % 7 == 0 else f"{n},x{n}\n" for n in range(5000))
    whole = made.cells(made.table(text))
    assert whole[0] == [str(n) for n in range(5000)] and whole[1][7] == "x7\n"
    assert made.cells(made.table(text, rows=17)) == whole
    assert [block.rows for block in made.table(text, rows=2000).blocks()] == [2048, 2048, 904]


def test_a_ragged_row_is_named_by_its_line_past_quotes_and_empty_lines() -> None:
    text = 'a,b,c\n1,2,3\n\n"x\ny\nz",2,3\n1,2\n'  # lines 1; 2; 3 empty; 4 to 6; 7
    assert refusal(text).startswith("'a.csv', line 7: 2 fields where the header names 3 (from 'c' on none)")
    assert "line 2: 4 fields where the header names 3:" in refusal("a,b,c\n1,2,3,4\n")
    late = "a,b\n" + "1,2\n" * 50_000 + "1,2,3\n" + "1,2\n" * 10
    assert "line 50,002: 3 fields" in refusal(late)


def test_a_cell_is_placed_in_its_line() -> None:
    (block,) = made.table('a,b\n1,2\n\n"x\ny",4\n5,6\n').blocks()
    assert [block.place(row) for row in range(3)] == ["line 2", "line 4", "line 6"]


@pytest.mark.parametrize("text", ["", "\n\n", b"\xef\xbb\xbf"], ids=["nothing", "empty lines", "a mark"])
def test_an_empty_file_is_refused(text: str | bytes) -> None:
    assert refusal(text) == "'a.csv' is empty: expected a header line and rows."


def test_names_that_are_shared_are_refused_and_those_that_lack_are_given() -> None:
    assert "columns 1 and 3 are both called 'a'" in refusal("a,b,a\n1,2,3\n")
    assert made.table(",b\n1,2\n").columns == ["column 1", "b"]
    assert made.table(" a , b\n1,2\n").columns == ["a", "b"]


def test_a_header_of_numbers_is_refused() -> None:
    assert "the first line holds numbers (1,2.5)" in refusal("1,2.5\n3,4\n")


def test_a_byte_of_another_encoding_is_named_by_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"a,b\n" + b"1,2\n" * 30 + "3,é\n".encode("latin-1") + b"5,6\n"
    for chunk in (5, 2**20):
        monkeypatch.setattr(csv_table, "CHUNK", chunk)
        assert "line 32: byte 0xe9 is not UTF-8" in refusal(data)
    assert made.cells(made.table(data, encoding="latin-1"))[1][30] == "é"
    assert made.cells(made.table("a,b\n1,ž\n".encode("utf-16"), encoding="utf-16")) == [["1"], ["ž"]]
    assert "Did you mean 'latin-1'?" in refusal(data, encoding="latin_1x")
    assert "no encoding is called 'base64'" in refusal(data, encoding="base64")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('a,b\n1,"2\n3,4\n5,6\n', ("line 4", "a quote is left open")),
        ('a,b\n1,"2"x\n', ("line 2", "text after a closing quote")),
        ('a,b\n1,"' + "x" * 200_000 + '"\n', ("more than 131,072 characters; is a quote left open?",)),
        ("a" * 5000, ("line 1: longer than 1,000 characters",)),
        ("a,b\n1,2\n" + "3" * 5000, ("line 3: longer than 1,000 characters",)),
    ],
    ids=["open quote", "text after a quote", "a huge field", "a file without line ends", "a huge line"],
)
def test_what_is_no_csv_is_refused(text: str, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    if "longer" in words[0]:
        monkeypatch.setattr(csv_table, "MAX_LINE", 1000)
        monkeypatch.setattr(csv_table, "CHUNK", 500)
    message = refusal(text)
    assert all(word in message for word in words), message


def test_a_huge_line_is_refused_before_it_fills_memory() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return b"x" * size

    stream = Endless()
    with pytest.raises(TableError, match=r"line 1: longer than 16,777,216 characters"):
        csv_table.CsvTable(stream, "a.csv", csv_table.Options(), lambda: None)  # type: ignore[arg-type]
    assert stream.given < 2 * csv_table.MAX_LINE
