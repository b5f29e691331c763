"""PDN of checkers as we write it: it is read again the same, and other programs read it; and the opening book."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import config as numba_config

from games import base
from games.checkers import fen, moves, openings, rules
from games.checkers.pdn import reader, writer
from games.checks import random_play
from games.text.records import GameRecord

GAME = rules.Checkers()
SLOW_MACHINE = bool(numba_config.DISABLE_JIT)
EXAMPLES = settings(max_examples=5 if SLOW_MACHINE else 50, deadline=None)
TEXTS = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Zl", "Zp", "Zs", "Cc"]), max_size=20)


def read_one(text: str) -> GameRecord:
    (record,) = reader.iterate(io.StringIO(text, newline=None), GAME)
    return record


def game_of(moves_text: str, start: str = "") -> GameRecord:
    return read_one(f'[FEN "{start}"] {moves_text}')._replace(tags={})


@EXAMPLES
@given(
    st.integers(0, 2**32),
    st.integers(0, 200),
    st.dictionaries(st.text("abcXYZ_019", min_size=1, max_size=9), TEXTS, max_size=3),
    st.dictionaries(st.integers(-1, 40), TEXTS.filter(lambda text: not set("{}") & set(text)), max_size=4),
    st.sampled_from([None, 0.0, 0.5, 1.0]),
)
def test_what_is_written_is_read_again(seed: int, plies: int, tags: dict, comments: dict, result: float | None) -> None:
    tags = {name: text for name, text in tags.items() if name[0] != "_"}
    (played,) = random_play.random_games(GAME, np.random.default_rng(seed), 1)
    begin = min(plies // 4, len(played.actions))
    while played.states[begin]["jumper"]:
        begin -= 1
    end = min(begin + plies, len(played.actions))
    while played.states[end]["jumper"]:
        end += 1
    if played.states[begin]["terminal"]:
        return
    start = fen.read(fen.write(played.states[begin]), GAME)
    record = GameRecord(start, played.actions[begin:end].tolist(), tags, comments, result)
    text = writer.write(GAME, record)
    again = read_one(text)
    assert again.actions == record.actions and again.start.tobytes() == start.tobytes()
    assert result is None or again.result == result
    assert {name: again.tags[name] for name in tags} == tags
    said = " ".join(text for index, text in sorted(comments.items()) if index < len(record.actions))
    assert sorted(" ".join(again.comments.values()).split()) == sorted(said.split())
    assert writer.write(GAME, again) == text and max(map(len, text.splitlines()[-8:])) <= 90


def test_the_result_follows_from_the_last_position_unless_another_was_recorded() -> None:
    won = game_of("1x10", "B:W6:B1")
    assert writer.write(GAME, won).endswith(" 1-0\n\n")
    drawn = game_of(" ".join(["4-8 29-25 8-4 25-29"] * 2), "B:WK29:BK4")
    assert '[Result "1/2-1/2"]' in writer.write(GAME, drawn)
    assert '[Result "0-1"]' in writer.write(GAME, drawn._replace(result=0.0))
    assert '[Result "*"]' in writer.write(GAME, game_of("11-15 22-18"))
    assert '[Result "1-0"]' in writer.write(GAME, game_of("11-15 22-18")._replace(result=1.0))


def test_a_game_from_a_position_carries_it() -> None:
    text = writer.write(GAME, game_of("22-18", "W:W21-32:B1-12."))
    assert '[SetUp "1"]\n[FEN "W:W21,22,23,24,25,26,27,28,29,30,31,32:B1,2,3,4,5,6,7,8,9,10,11,12"]' in text
    assert text.endswith("\n\n1... 22-18 *\n\n")


def test_numbers_follow_comments_and_values_stay_in_their_line() -> None:
    record = game_of("11-15 22-18 15x22 25x18")._replace(
        tags={"First": 'a "b" \\ c', "Event": "two\nlines"}, comments={0: "so", 2: "br{ac}es"}
    )
    text = writer.write(GAME, record)
    assert text.startswith('[Black "a \\"b\\" \\\\ c"]\n[Event "two lines"]\n[Result "*"]\n[GameType "21"]\n\n')
    assert text.endswith("1. 11-15 {so} 1... 22-18 2. 15x22 {br(ac)es} 2... 25x18 *\n\n")


@pytest.mark.parametrize("name", ["a b", "", "a[", "_a", "x" * 65])
def test_a_name_that_no_tag_can_have_is_not_written(name: str) -> None:
    with pytest.raises(base.IllegalMove, match="is no name for a tag"):
        writer.write(GAME, game_of("11-15")._replace(tags={name: ""}))


def test_what_is_no_game_is_not_written() -> None:
    start = fen.read("B:W14,22,32:B9", GAME)
    with pytest.raises(base.IllegalMove, match="end in the middle of a jump"):
        writer.write(GAME, GameRecord(start, [8 * 8 + 3], {}, {}))
    with pytest.raises(base.IllegalMove, match="cannot begin in the middle of a jump"):
        writer.write(GAME, GameRecord(GAME.step(start, np.array([8 * 8 + 3])).states, [], {}, {}))
    with pytest.raises(base.IllegalMove, match="is not legal here"):
        writer.write(GAME, GameRecord(start, [0], {}, {}))


def test_every_path_is_told_apart_in_what_is_written() -> None:
    start = fen.read("B:W7,8,15,16,23,24,26,27,28:B3", GAME)
    for move in moves.legal(GAME, start[0]):
        record = GameRecord(start, list(move.actions), {}, {})
        assert writer.move_texts(GAME, start, record.actions) == [move.path]
        assert read_one(writer.write(GAME, record)).actions == record.actions


# Openings


def test_the_openings_are_different_positions_with_white_to_move() -> None:
    states = openings.states(GAME)
    assert len(openings.ballots()) == len(states) == len(np.unique(GAME.key(states))) == 174
    assert np.all(states["to_play"] == 1) and not states["terminal"].any()


@pytest.mark.slow
@pytest.mark.skipif(SLOW_MACHINE, reason="nothing is compiled")
def test_the_openings_are_made_again_by_search() -> None:
    assert openings.derive(GAME) == openings.ballots()


@pytest.mark.slow
def test_a_large_file_is_read_in_bounded_memory(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "many.pdn"
    game = writer.write(GAME, game_of("11-15 22-18 15x22 25x18 8-11 29-25")._replace(comments={2: "x" * 500}))
    path.write_text(game * 8000)
    with path.open() as stream:
        tracemalloc.start()
        count = sum(1 for _ in reader.iterate(stream, GAME))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert count == 8000 and peak < 2_000_000 < path.stat().st_size
