"""Files of games and positions: which format a file has, and books line by line."""

from __future__ import annotations

import pytest
from facets import notation_of

import games
from games.text import decoding, files
from games.text.records import GameRecord, RecordError

FEN = "4k3/p7/8/8/8/8/P7/4K3"


class Bytes:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, size: int) -> bytes:
        found, self.data = self.data[:size], self.data[size:]
        return found


def read(name: str, text: str | bytes, suffix: str = "") -> list[GameRecord]:
    data = text.encode() if isinstance(text, str) else text
    return list(files.iterate(notation_of(games.make(name)), decoding.Lines(Bytes(data)), suffix))


@pytest.mark.parametrize(
    ("name", "suffix", "text", "plies"),
    [
        ("chess", "epd", f"{FEN} b - - hmvc 2; fmvn 3;\r\n{FEN} w - -\r\n", [0, 0]),
        ("chess", "pgn", f"\ufeff# a suite\n{FEN} b - - bm a5; # hard\n", [0]),
        ("chess", "epd", "# lines\n1. e4 e5 2. Nf3\ne2e4 c7c5\n\nd4 d5 c4 # queen's gambit\n", [3, 2, 3]),
        ("chess", "txt", "e4 e5\n", [2]),
        ("chess", "", "e4 e5\nNf3 *\n", [3]),
        ("chess", "txt", '[Event "x"]\n\n1. e4 *', [1]),
        ("chess", "txt", '[Game "chess"]\n\ne2e4 e7e5 *', [2]),
        ("checkers", "pdn", "W:W21,22,K24:B1,2,K30\n", [0]),
        ("checkers", "txt", "11-15 22-18 15x22 25x18\nB:W21:B1\n", [4, 0]),
        ("connect-four", "epd", "44\n4 4 3 # spaces\n", [2, 3]),
        ("connect-four", "txt", "44{good}3 *\n", [3]),
    ],
    ids=range(11),
)
def test_the_first_line_tells_the_format(name: str, suffix: str, text: str, plies: list[int]) -> None:
    assert [len(record.actions) for record in read(name, text, suffix)] == plies


def test_operations_and_warnings_of_a_position_are_kept() -> None:
    (record,) = read("chess", f'\n{FEN} b KQ - bm a5; id "one # two";\n', "epd")
    assert record.tags == {"bm": "a5", "id": "one # two"} and record.line == 2
    assert "KQ, which is dropped" in record.warnings[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{FEN} w - -\n\n8/8/8/8/8/8/8/8 w - -\n", "line 3: '8/8/8/8/8/8/8/8 w - -' is not a possible position"),
        ("e4 e5\ne4 Ke3\n", "line 2, column 4: ply 2: 'Ke3' is not a legal move here"),
        ("e4 e5\nhello\n", "line 2, column 1: 'hello' is not PGN"),
        ("\n# nothing\n", "nothing to play"),
    ],
    ids=range(4),
)
def test_a_wrong_line_of_a_book_is_named(text: str, message: str) -> None:
    with pytest.raises(RecordError) as caught:
        read("chess", text, "epd")
    assert message in str(caught.value)
