"""The facets of a game: defaults from the rules alone, a game's own where it names them, made once a game."""

from __future__ import annotations

import copy
import inspect
import itertools
import pickle

import numpy as np
import pytest
from facets import appearance_of, knowledge_of, notation_of, protocols_of
from toy_games import Coins

import games
from games import base
from games.appearance import Appearance
from games.base import Game
from games.chess.rules import Chess
from games.knowledge import Knowledge
from games.notation import Notation
from games.protocols import Protocols
from games.text import whole_moves
from games.text.records import GameRecord
from games.tic_tac_toe import TicTacToe

REQUIRED = {"initial_states", "step", "legal_actions", "observe", "key", "action_to_string", "to_string"}


class RulesAlone(TicTacToe):
    facets = {}


class Misnamed(TicTacToe):
    facets = {"notation": "games.tic_tac_toe:TicTacToeNotatoin"}


class Misplaced(TicTacToe):
    facets = {"notation": "games.tic_tac_toe:TicTacToeKnowledge"}


def test_a_game_has_its_rules_and_little_else() -> None:
    public = {name for name, _ in inspect.getmembers(Game, inspect.isfunction) if not name.startswith("_")}
    optional = {"symmetric_states", "symmetric_actions", "action_planes", "compiled_rules", "playouts", "unclaimed"}
    checked = {"legal_moves", "play"}  # which no game has to write
    assert public == REQUIRED | optional | checked


def test_without_facets_everything_is_answered_from_the_rules() -> None:
    game = RulesAlone()
    state = game.initial_states(1)[0]
    notation, appearance, knowledge = notation_of(game), appearance_of(game), knowledge_of(game)
    assert [type(facet) for facet in (notation, appearance, knowledge)] == [Notation, Appearance, Knowledge]
    assert protocols_of(game).uci() is None and protocols_of(game).hub() is None
    assert notation.action_from_string(state, "5") == 4 and notation.move_in_short(state, [4]) == "5"
    assert notation.state_after("1 4 2 5 3")["terminal"][0] and not notation.has_fen and notation.to_fen(state) is None
    record = GameRecord(game.initial_states(1), [0, 3, 1, 4, 2], {"First": "a"}, {1: "hm"})
    text = notation.write_record(record)
    assert text == '[Game "tic-tac-toe"]\n[First "a"]\n\n1 4{hm} 2 5 3 1-0\n\n'
    assert notation.read_records(text)[0].actions == record.actions
    assert appearance.board(state) is None and appearance.board_in_words(state) == game.to_string(state).split("\n")
    assert appearance.move_in_words(state, [4]) == "5"
    assert not knowledge.has_solver and knowledge.eval_set() is None and knowledge.engine() is None
    assert knowledge.openings() is None and knowledge.perft(state, 3) == 9 * 8 * 7
    assert np.array_equal(knowledge.heuristic(game.initial_states(2)), [0, 0])


def test_a_facet_is_made_once_a_game_and_knows_its_options() -> None:
    usual, chess960 = Chess(), Chess(chess960=True)
    assert notation_of(usual) is notation_of(usual) is not notation_of(chess960)
    assert notation_of(chess960).game is chess960
    uci = protocols_of(chess960).uci()
    assert uci is not None and uci.options == {"UCI_Chess960": "true"}


def test_facets_are_neither_pickled_nor_copied_with_a_game() -> None:
    game = Chess(history_length=3)
    kept = notation_of(game)
    for other in (pickle.loads(pickle.dumps(game)), copy.copy(game)):
        assert other.history_length == 3 and "_facets" not in vars(other)
        assert notation_of(other).game is other and notation_of(game) is kept


@pytest.mark.parametrize("game", [Misnamed(), Misplaced()], ids=["unknown", "of another kind"])
def test_a_facet_that_is_none_is_refused_by_name(game: Game) -> None:
    with pytest.raises(TypeError, match=r"facets names 'games.tic_tac_toe:.*no subclass of games.notation.Notation"):
        notation_of(game)


@pytest.mark.parametrize("name", ["tic-tac-toe", "connect-four", "checkers", "chess"])
def test_every_facet_of_every_game_is_of_its_kind(name: str) -> None:
    game = games.make(name)
    for kind in (Notation, Protocols, Appearance, Knowledge):
        assert isinstance(games.facet(game, kind), kind) and type(games.facet(game, kind)) is not kind


# Whole moves: in Coins the players take one coin, then two, three and two.


def test_actions_are_split_where_the_mover_changes() -> None:
    game, actions = Coins(), [7, 0, 1, 2, 3, 4, 5, 6]
    moves = list(whole_moves.split(game, game.initial_states(1), actions))
    assert [move.actions for move in moves] == [(7,), (0, 1), (2, 3, 4), (5, 6)]
    assert all(move.complete for move in moves) and moves[-1].last.discount[0] == 0
    for one, following in itertools.pairwise(moves):
        assert one.after.tobytes() == following.before.tobytes()


def test_actions_that_end_within_a_move_make_an_incomplete_one() -> None:
    game = Coins()
    moves = list(whole_moves.split(game, game.initial_states(1), [7, 0]))
    assert [(move.actions, move.complete) for move in moves] == [((7,), True), ((0,), False)]
    assert list(whole_moves.split(game, game.initial_states(1), [])) == []


def test_checked_actions_must_be_legal() -> None:
    game = Coins()
    moves = whole_moves.split(game, game.initial_states(1), [7, 0, 0], checked=True)
    assert next(moves).actions == (7,)
    with pytest.raises(base.IllegalMove, match="action 0 is not legal"):
        next(moves)


def test_legal_whole_moves_are_all_sequences_in_ascending_order() -> None:
    game = Coins()
    states = notation_of(game).state_after("h")  # the other player takes two of the seven coins left
    moves = list(whole_moves.legal(game, states))
    assert [move.actions for move in moves] == [(a, b) for a in range(7) for b in range(7) if a != b]
    with_beginnings = [move.actions for move in whole_moves.legal(game, states, beginnings=True)]
    assert with_beginnings[:3] == [(0,), (0, 1), (0, 2)] and len(with_beginnings) == 7 + 42
    over = notation_of(game).state_after("habcdefg")
    assert over["terminal"][0] and list(whole_moves.legal(game, over)) == []
    assert list(notation_of(game).whole_moves(states))[:2] == ["ab", "ac"]
