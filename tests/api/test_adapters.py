"""Adapters to other libraries, against the libraries themselves."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

import games
import selfplay
from games.checks import contract
from selfplay.errors import UserError
from selfplay.search import search
from selfplay.search.config import SearchConfig
from selfplay.search.evaluators import UniformEvaluator


class TestOpenSpiel:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("pyspiel")

    @pytest.mark.parametrize(
        "name",
        ["hex(board_size=3)", "tic_tac_toe", "clobber(rows=3,columns=3)", "nim", "breakthrough(rows=4,columns=4)"],
    )
    def test_a_game_of_open_spiel_keeps_the_contract(self, name: str) -> None:
        game = games.make(f"open_spiel:{name}")
        failed = [result for result in contract.check_game(game, num_games=10) if not result.passed]
        assert failed == []

    def test_it_has_the_same_legal_actions_and_outcomes_as_the_original(self) -> None:
        import pyspiel

        game, original = games.make("open_spiel:othello"), pyspiel.load_game("othello")
        rng = np.random.default_rng(0)
        ours, theirs = game.initial_states(1), original.new_initial_state()
        while not theirs.is_terminal():
            actions, count = game.legal_actions(ours)
            assert actions[0, : count[0]].tolist() == theirs.legal_actions()
            assert ours["to_play"][0] == theirs.current_player()
            action = int(rng.choice(theirs.legal_actions()))
            mover = theirs.current_player()
            step = game.step(ours, np.array([action]))
            theirs.apply_action(action)
            ours = step.states
        assert ours["terminal"][0] and step.reward[0] == theirs.returns()[mover]

    def test_it_is_one_game_by_whatever_name_and_after_pickling(self) -> None:
        game = games.make("open_spiel:hex(board_size=3)")
        assert game.name == "open_spiel:hex(board_size=3)"
        assert games.make(game.name) is game and pickle.loads(pickle.dumps(game)) is game
        assert games.make("open_spiel:tic_tac_toe()") is games.make("open_spiel:tic_tac_toe")

    def test_search_finds_a_win_at_once(self) -> None:
        game = games.make("open_spiel:tic_tac_toe")
        states = game.initial_states(1)
        for action in (0, 3, 1, 4):  # X has two in the upper row, and is to move
            states = game.step(states, np.array([action])).states
        found = search.run(game, states, UniformEvaluator(), SearchConfig(dirichlet_fraction=0), 200)
        assert found.actions[0, found.play[0]] == 2 and found.value[0] == 1

    def test_an_agent_learns_it_by_its_name(self, tmp_path: Path) -> None:
        settings = {"run.generation_rows": 50, "run.rollout_rows": 50, "replay.learn_after": 50,
                    "learner.batch_size": 32, "actor.num_simulations": 2, "actor.concurrent_games": 8,
                    "evaluation.num_simulations": 1, "evaluation.games": 2, "network.channels": 8}  # fmt: skip
        name = "open_spiel:tic_tac_toe"
        run = selfplay.train(name, run=tmp_path / "run", generations=1, settings=settings, progress=False)
        agent = run.agent()
        assert agent.game is games.make(name)
        assert selfplay.match(agent, "random", games=2, simulations=2).game == name
        assert selfplay.match("greedy", "random", game=name, games=2).games == 2

    def test_states_that_were_forgotten_are_rebuilt(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from selfplay.adapters import open_spiel

        game = open_spiel.make("hex(board_size=4)")
        monkeypatch.setattr(open_spiel, "KEPT", 3)
        failed = [result for result in contract.check_game(game, num_games=3) if not result.passed]
        assert failed == []

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("kuhn_poker", "chance takes part in it; its players do not see everything"),
            ("oshi_zumo", "its players move at the same time"),
            ("bridge", "it has 4 players, and two are needed"),
            ("mancala", "observes numbers from 0 to"),
            ("hexx", "Did you mean 'hex'?"),
            ("hex(size=3)", "Unknown parameter 'size'"),
        ],
    )
    def test_a_game_that_does_not_fit_is_refused_in_a_sentence(self, name: str, said: str) -> None:
        with pytest.raises(ValueError, match=r".") as caught:
            games.make(f"open_spiel:{name}")
        assert isinstance(caught.value, UserError) and said in str(caught.value) and "\n" not in str(caught.value)


class TestPettingZoo:
    @pytest.fixture(autouse=True)
    def _installed(self) -> None:
        pytest.importorskip("pettingzoo")

    @pytest.mark.filterwarnings("ignore:Observation")  # an empty board is all zeros; a space with a mask is a dict
    @pytest.mark.parametrize("name", ["tic-tac-toe", "connect-four", "checkers"])
    def test_an_environment_passes_the_test_of_the_library(self, name: str) -> None:
        from pettingzoo.test import api_test

        from selfplay.adapters import pettingzoo as adapter

        api_test(adapter.make(name), num_cycles=200, verbose_progress=False)

    def test_the_winner_gains_what_the_loser_loses(self) -> None:
        from selfplay.adapters import pettingzoo as adapter

        env = adapter.make("tic-tac-toe", "ansi")
        env.reset()
        for action in (0, 3, 1, 4, 2):  # X completes the upper row
            mask = env.observe(env.agent_selection)["action_mask"]
            assert mask[action] == 1
            env.step(action)
        assert env.terminations == {"player_0": True, "player_1": True}
        assert env._cumulative_rewards == {"player_0": 1.0, "player_1": -1.0}
        assert "X | X | X" in str(env.render())

    def test_an_illegal_action_and_a_wrong_name_are_refused_in_a_sentence(self) -> None:
        from selfplay.adapters import pettingzoo as adapter

        env = adapter.make("tic-tac-toe")
        env.reset()
        env.step(4)
        with pytest.raises(UserError, match=r"action 4 is not legal for player_1 here; legal actions: 0, 1, 2, 3, 5"):
            env.step(4)
        with pytest.raises(UserError, match="Did you mean 'connect-four'"):
            adapter.make("connect-for")
        with pytest.raises(UserError, match="render_mode is 'rgb'"):
            adapter.make("chess", "rgb")
