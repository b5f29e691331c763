"""Every game passes every check of `games.checks.contract`, and every check catches the mistake it is named after."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from toy_games import Bandit, Coins

import games
from games import base
from games.checks import contract, outcomes, perft, random_play
from games.knowledge import Knowledge, KnownResult
from games.tic_tac_toe import CELL_AFTER, TicTacToe, TicTacToeKnowledge, TicTacToeNotation

NUM_GAMES = 5 if numba.config.DISABLE_JIT else 50


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("name", games.available())
def test_a_game_keeps_the_contract(name: str, seed: int) -> None:
    results = contract.check_game(games.make(name), np.random.default_rng(seed), NUM_GAMES)
    failed = [f"{result.name}: {result.detail}" for result in results if not result.passed]
    assert not failed, "\n".join(failed)
    assert len(results) == len(contract.CHECKS)


# Broken games: tic-tac-toe with one mistake each, named after the check (and the only one) that must fail.


class _Plain(TicTacToe):
    """Nothing is known of it: its solver asks the rules, and would fail with them."""

    facets = {name: place for name, place in TicTacToe.facets.items() if name != "knowledge"}


class _CompiledRulesOfAnotherGame(_Plain):
    """Its `step` forgets that the game may be over."""

    def compiled_rules(self):
        def step(states, actions, reward, discount):
            after = self.step(states, actions)
            states[:], reward[:], discount[:] = after.states, after.reward, -1

        def legal_actions(states, actions, count):
            actions[:], count[:] = self.legal_actions(states)

        return base.CompiledRules(step, legal_actions)


class _StepChangesItsInput(_Plain):
    def step(self, states, actions):
        result = super().step(states, actions)
        if states.flags.writeable:
            states["mask"] = result.states["mask"]
        return result


class _StepWritesThroughReadOnlyInput(_Plain):
    """What compiled code does with a read-only record array."""

    def step(self, states, actions):
        result = super().step(states, actions)
        if not states.flags.writeable:
            owner = states.base if states.base is not None else states
            owner.flags.writeable = True
            owner["mask"] = result.states["mask"]
            owner.flags.writeable = False
        return result


@numba.njit
def _mark_terminal(states):
    """Changes `states`."""
    for i in range(len(states)):
        states[i]["terminal"] = True


class _KernelWritesThroughReadOnlyInput(_Plain):
    """Numba writes to read-only record arrays without complaint, which is why the check exists."""

    def observe(self, states):
        planes = super().observe(states)
        if not states.flags.writeable:
            _mark_terminal(states)
        return planes


class _KeyChangesItsInput(_Plain):
    def key(self, states):
        keys = super().key(states)
        if states.flags.writeable:
            states["own"] ^= 1
        return keys


class _WrongSignOfDiscount(_Plain):
    def step(self, states, actions):
        result = super().step(states, actions)
        return result._replace(discount=-result.discount)


class _DiscountGoesOnAfterTheEnd(_Plain):
    def step(self, states, actions):
        result = super().step(states, actions)
        return result._replace(discount=np.where(states["terminal"], 0, -1).astype(np.float32))


class _RewardBeforeTheEnd(_Plain):
    def step(self, states, actions):
        result = super().step(states, actions)
        centre = (np.asarray(actions) == 4) & ~states["terminal"] & ~result.states["terminal"]
        # Symmetric under the turns of the board, so that only the reward check may complain.
        return result._replace(reward=np.where(centre, np.float32(0.5), result.reward))


class _RewardTooLarge(_Plain):
    def step(self, states, actions):
        result = super().step(states, actions)
        return result._replace(reward=2 * result.reward)


class _TerminalStatesMoveOn(_Plain):
    def step(self, states, actions):
        result = super().step(states, actions)
        result.states["to_play"] ^= states["terminal"]
        return result


class _TerminalStatesPayAgain(_Plain):
    def step(self, states, actions):
        result = super().step(states, actions)
        return result._replace(reward=np.where(states["terminal"], np.float32(1), result.reward))


class _UnsortedLegalActions(_Plain):
    def legal_actions(self, states):
        actions, count = super().legal_actions(states)
        for row, n in zip(actions, count, strict=True):
            row[:n] = row[:n][::-1]
        return actions, count


class _LegalActionsPaddedWithZero(_Plain):
    def legal_actions(self, states):
        actions, count = super().legal_actions(states)
        actions[(np.arange(9) >= count[:, None]) & (count[:, None] > 0)] = 0
        return actions, count


class _TooSmallBoundOnLegalActions(_Plain):
    max_legal_actions = 8


class _TerminalStatesHaveLegalActions(_Plain):
    def legal_actions(self, states):
        open_states = states.copy()
        open_states["terminal"] &= states["mask"] == 0b111_111_111
        return super().legal_actions(open_states)


class _GamesLastLongerThanDeclared(_Plain):
    max_game_length = 6


class _EveryMoveHasTheSameText(_Plain):
    def action_to_string(self, state, action):
        return "1"


class _ColouredBoard(_Plain):
    def to_string(self, state):
        return "\x1b[1m" + super().to_string(state)


class _NotationThatDoesNotHelp(TicTacToeNotation):
    def action_from_string(self, state, text):
        try:
            return super().action_from_string(state, text)
        except base.IllegalMove:
            raise base.IllegalMove("illegal move") from None


class _ErrorsThatDoNotHelp(_Plain):
    facets = _Plain.facets | {"notation": f"{__name__}:_NotationThatDoesNotHelp"}


class _PlayTakesAnything(_Plain):
    def play(self, state, action):
        return self.step(np.array([state], dtype=self.state_dtype), np.array([action % 9]))


class _RandomKeys(_Plain):
    _rng = np.random.default_rng(0)

    def key(self, states):
        salt = self._rng.integers(1 << 60, dtype=np.uint64) if len(states) else np.uint64(0)
        return super().key(states) ^ salt


class _AnswersDependOnTheBatch(_Plain):
    def observe(self, states):
        planes = super().observe(states)
        return planes if len(planes) < 2 else planes * np.float32(0.5)


class _PaddedKey(_Plain):
    """Hashes the record's bytes, those between the fields included."""

    state_dtype = np.dtype(
        {
            "names": ["own", "mask", "to_play", "terminal"],
            "formats": ["u2", "u2", "i1", "?"],
            "offsets": [0, 2, 4, 5],
            "itemsize": 8,
        }
    )

    def key(self, states):
        whole = np.zeros(len(states), dtype=self.state_dtype)
        for name in self.state_dtype.names:
            whole[name] = states[name]
        padding = np.frombuffer(states.tobytes(), dtype=np.uint8).reshape(-1, 8)[:, 7]
        return super().key(whole) + padding.astype(np.uint64)


class _CollidingKeys(_Plain):
    def key(self, states):
        return base.mix64(states["mask"].astype(np.uint64) | np.uint64(1 << 20))


class _KeyZero(_Plain):
    def key(self, states):
        return np.where(states["mask"] == 0, np.uint64(0), super().key(states))


class _ObservationOutOfRange(_Plain):
    def observe(self, states):
        return 2 * super().observe(states)


class _ObservationOfDoubles(_Plain):
    def observe(self, states):
        return super().observe(states).astype(np.float64)


class _SeenByTheFirstPlayer(_Plain):
    def observe(self, states):
        planes = super().observe(states)
        return np.where((states["to_play"] == 1)[:, None, None, None], planes[:, ::-1], planes)


class _ActionsTurnTheOtherWay(_Plain):
    def symmetric_actions(self, actions, symmetry):
        back = np.argsort(CELL_AFTER, axis=1)
        return np.where(actions >= 0, back[np.asarray(symmetry)[:, None], actions], -1).astype(np.int32)


class _IdentityIsNotFirst(_Plain):
    def symmetric_states(self, states, symmetry):
        return super().symmetric_states(states, (np.asarray(symmetry) + 1) % 8)

    def symmetric_actions(self, actions, symmetry):
        return super().symmetric_actions(actions, (np.asarray(symmetry) + 1) % 8)


class _NoVersion(_Plain):
    version = 0


class _StartIsTheEnd(_Plain):
    def initial_states(self, batch):
        states = super().initial_states(batch)
        states["terminal"][1:] = True
        return states


class _KnowledgeOutOfRange(TicTacToeKnowledge):
    def heuristic(self, states):
        return (1 - states["to_play"]).astype(np.float32) * 2


class _HeuristicOutOfRange(_Plain):
    facets = _Plain.facets | {"knowledge": f"{__name__}:_KnowledgeOutOfRange"}


class _FacetOfNoKind(_Plain):
    facets = {"notatoin": f"{__name__}:_NotationThatDoesNotHelp"}


class _RewardOfTheLoser(TicTacToe):
    def step(self, states, actions):
        result = super().step(states, actions)
        return result._replace(reward=-result.reward)


class _RewardOfTheLoserWithNothingKnown(_RewardOfTheLoser):
    facets = {}


class _KnowledgeOfTheOtherPlayer(TicTacToeKnowledge):
    def exact_action_values(self, states):
        values = super().exact_action_values(states)
        return np.where(values == base.ILLEGAL, values, -values).astype(np.int8)


class _SolverOfTheOtherPlayer(_Plain):
    facets = _Plain.facets | {"knowledge": f"{__name__}:_KnowledgeOfTheOtherPlayer"}


class _LinesStillOpen(TicTacToeKnowledge):
    """A heuristic: lines that only the player to move can still make, less those that only the other can."""

    sign = 1

    def heuristic(self, states):
        lines = np.array(
            [0b111 << 3 * k for k in range(3)] + [0b1001001 << k for k in range(3)] + [0b100010001, 0b1010100]
        )
        own, other = states["own"][:, None], (states["own"] ^ states["mask"])[:, None]
        lead = ((other & lines == 0).sum(axis=1) - (own & lines == 0).sum(axis=1)) / 8
        return (self.sign * lead).astype(np.float32)


class _LinesOfTheOtherPlayer(_LinesStillOpen):
    sign = -1


class _WithAHeuristic(_Plain):
    facets = _Plain.facets | {"knowledge": f"{__name__}:_LinesStillOpen"}


class _HeuristicOfTheOtherPlayer(_Plain):
    facets = _Plain.facets | {"knowledge": f"{__name__}:_LinesOfTheOtherPlayer"}


class _ActionsShareAPlace(_Plain):
    def action_planes(self):
        return np.arange(9) // 2


class _FenOfTheMoverAlone(TicTacToeNotation):
    has_fen = True

    def to_fen(self, state):
        return "X to move"

    def from_fen(self, text):
        return self.game.initial_states(1)


class _FenForgetsThePieces(_Plain):
    facets = _Plain.facets | {"notation": f"{__name__}:_FenOfTheMoverAlone"}


class _PlayoutsOfTheOtherPlayer(_Plain):
    def playouts(self, states, seeds, plies=None):
        return -super().playouts(states, seeds, plies)


class _PlayoutsOfTheFirstSeed(_Plain):
    def playouts(self, states, seeds, plies=None):
        return super().playouts(states, np.repeat(seeds[:1], len(seeds)), plies)


class _PlayoutsForgetToCount(_Plain):
    def playouts(self, states, seeds, plies=None):
        return super().playouts(states, seeds)


class _PlayoutsChangeTheirInput(_Plain):
    def playouts(self, states, seeds, plies=None):
        outcome = super().playouts(states, seeds, plies)
        seeds += np.uint64(1)
        return outcome


class _WonGamesAreTakenUpAgain(_Plain):
    def unclaimed(self, states):
        going = states.copy()
        going["terminal"] = False
        return going


BROKEN = {
    _NoVersion: "declarations_are_complete",
    _StartIsTheEnd: "initial_states_are_ready_to_play",
    _GamesLastLongerThanDeclared: "games_end_within_max_game_length",
    _WrongSignOfDiscount: "discount_follows_the_mover",
    _DiscountGoesOnAfterTheEnd: "discount_follows_the_mover",
    _RewardBeforeTheEnd: "reward_comes_at_the_end",
    _RewardTooLarge: "reward_comes_at_the_end",
    _TerminalStatesMoveOn: "terminal_states_step_to_themselves",
    _TerminalStatesPayAgain: "terminal_states_step_to_themselves",
    _UnsortedLegalActions: "legal_actions_are_sorted_lists",
    _LegalActionsPaddedWithZero: "legal_actions_are_sorted_lists",
    _TooSmallBoundOnLegalActions: "legal_actions_are_sorted_lists",
    _TerminalStatesHaveLegalActions: "legal_actions_run_out_at_the_end",
    _EveryMoveHasTheSameText: "moves_round_trip_through_text",
    _ColouredBoard: "boards_are_plain_text",
    _ErrorsThatDoNotHelp: "illegal_moves_are_refused",
    _PlayTakesAnything: "illegal_moves_are_refused",
    _StepChangesItsInput: "inputs_are_left_alone",
    _StepWritesThroughReadOnlyInput: "inputs_are_left_alone",
    _KernelWritesThroughReadOnlyInput: "inputs_are_left_alone",
    _KeyChangesItsInput: "inputs_are_left_alone",
    _RandomKeys: "answers_repeat",
    _AnswersDependOnTheBatch: "batches_equal_single_positions",
    _PaddedKey: "padding_is_ignored",
    _ObservationOutOfRange: "observations_are_float_planes",
    _ObservationOfDoubles: "observations_are_float_planes",
    _SeenByTheFirstPlayer: "positions_are_seen_by_the_mover",
    _CollidingKeys: "keys_identify_positions",
    _KeyZero: "keys_identify_positions",
    _ActionsTurnTheOtherWay: "symmetries_commute_with_play",
    _IdentityIsNotFirst: "symmetries_commute_with_play",
    _FacetOfNoKind: "declarations_are_complete",
    _RewardOfTheLoser: "known_results_come_out",
    _RewardOfTheLoserWithNothingKnown: "known_results_come_out",
    _SolverOfTheOtherPlayer: "exact_values_follow_from_rewards",
    _HeuristicOutOfRange: "heuristics_stay_in_range",
    _HeuristicOfTheOtherPlayer: "heuristics_go_with_outcomes",
    _ActionsShareAPlace: "actions_have_places_of_their_own",
    _FenForgetsThePieces: "fen_says_where_the_pieces_are",
    _PlayoutsOfTheOtherPlayer: "playouts_are_the_games_of_the_contract",
    _PlayoutsOfTheFirstSeed: "playouts_are_the_games_of_the_contract",
    _PlayoutsForgetToCount: "playouts_are_the_games_of_the_contract",
    _PlayoutsChangeTheirInput: "playouts_are_the_games_of_the_contract",
    _CompiledRulesOfAnotherGame: "compiled_rules_do_what_the_methods_do",
    _WonGamesAreTakenUpAgain: "unclaimed_draws_can_be_played_on",
}


# Checks that the same mistake fails as well.
ALSO_FAILS = {
    _StartIsTheEnd: {"moves_round_trip_through_text"},
    _LegalActionsPaddedWithZero: {"symmetries_commute_with_play"},
    _RandomKeys: {"batches_equal_single_positions", "padding_is_ignored"},
    _PaddedKey: {
        "answers_repeat",
        "batches_equal_single_positions",
        "keys_identify_positions",
    },
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda game: game.__name__)
def test_a_mistake_is_caught_by_the_check_of_its_name(broken: type[base.Game]) -> None:
    results = contract.check_game(broken(), np.random.default_rng(0), 20)
    failed = {result.name: result.detail for result in results if not result.passed}
    assert BROKEN[broken] in failed, failed
    assert set(failed) <= {BROKEN[broken]} | ALSO_FAILS.get(broken, set()), failed


SMALL_GAMES = [_WithAHeuristic(), Coins(), Bandit([0.25, -0.5, 0.0]), Bandit([1.0])]


@pytest.mark.parametrize("game", SMALL_GAMES, ids=["heuristic", "coins", "three arms", "one arm"])
def test_small_games_keep_the_contract(game: base.Game) -> None:
    assert [result for result in contract.check_game(game) if not result.passed] == []


@pytest.mark.parametrize("name", ["tic-tac-toe", "connect-four", "checkers", "chess"])
def test_a_reward_of_the_wrong_sign_is_noticed_in_every_game(name: str) -> None:
    original = games.make(name)

    class Flipped(type(original)):  # type: ignore[misc]
        def step(self, states, actions):
            result = super().step(states, actions)
            return result._replace(reward=-result.reward)

    sample = random_play.Sample(original, np.random.default_rng(0), 2)
    outcomes.known_results_come_out(original, sample)
    with pytest.raises(AssertionError, match="by known_results"):
        outcomes.known_results_come_out(Flipped(), sample)


def test_a_game_whose_last_mover_always_loses_has_to_say_that_it_means_it() -> None:
    game = _RewardOfTheLoserWithNothingKnown()
    (failed,) = (result for result in contract.check_game(game) if not result.passed)
    assert failed.name == "known_results_come_out" and "is its sign wrong" in failed.detail
    sample = random_play.Sample(game, np.random.default_rng(0), 50)
    games.facet(game, Knowledge).known_results = (KnownResult("4 7 5 8 6", 0),)
    outcomes.known_results_come_out(game, sample)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="takes minutes")
@pytest.mark.parametrize("name", ["checkers", "chess"])
def test_a_heuristic_of_the_wrong_sign_is_noticed_in_every_game_that_has_one(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    game = games.make(name)
    sample, knowledge = random_play.Sample(game, np.random.default_rng(0), 50), games.facet(game, Knowledge)
    outcomes.heuristics_go_with_outcomes(game, sample)
    right = knowledge.heuristic
    monkeypatch.setattr(knowledge, "heuristic", lambda states: -right(states))
    with pytest.raises(AssertionError, match="the opposite of how random games end"):
        outcomes.heuristics_go_with_outcomes(game, sample)


def test_a_report_draws_the_position_it_is_about() -> None:
    results = {result.name: result for result in contract.check_game(_KeyZero())}
    detail = results["keys_identify_positions"].detail
    assert detail.startswith("key is 0") and " 1 | 2 | 3\n 4 | 5 | 6\n 7 | 8 | 9" in detail


def test_a_game_that_cannot_be_played_at_all_is_reported_as_such() -> None:
    (result,) = contract.check_game(base.Game())
    assert not result.passed and result.name == "random_games_can_be_played"


class _JumpOn(_Plain):
    """The first player's stones on the top row are free: he moves again. Perft counts until the opponent moves."""

    def step(self, states, actions):
        result = super().step(states, actions)
        again = (states["to_play"] == 0) & (np.asarray(actions) < 3) & ~result.states["terminal"]
        result.states["to_play"] ^= again
        result.states["own"] = np.where(again, result.states["mask"] ^ result.states["own"], result.states["own"])
        return result._replace(discount=np.where(again, np.float32(1), result.discount))


def test_a_same_player_move_keeps_the_contract() -> None:
    failed = {result.name for result in contract.check_game(_JumpOn()) if not result.passed}
    assert failed == {"positions_are_seen_by_the_mover", "symmetries_commute_with_play"}  # its colours are unequal


@pytest.mark.parametrize("name", games.available())
def test_playouts_are_uniformly_random_games(name: str) -> None:
    """As long and as often won as games whose moves NumPy's generator draws."""
    game, count = games.make(name), 20 if numba.config.DISABLE_JIT else 1000
    plies = np.zeros(count, dtype=np.int64)
    outcome = game.playouts(game.initial_states(count), np.arange(count, dtype=np.uint64), plies)
    assert outcome.dtype == np.int8 and set(outcome.tolist()) <= {-1, 0, 1}
    again = np.zeros(count, dtype=np.int64)
    assert np.array_equal(game.playouts(game.initial_states(count), np.arange(count), again), outcome)
    assert np.array_equal(plies, again) and (plies >= 1).all() and (plies <= game.max_game_length).all()
    played = random_play.random_games(game, np.random.default_rng(0), count)
    lengths = np.array([len(one.actions) for one in played])
    # The first player's reward: of the last move, which he made or not.
    results = np.array([one.reward[-1] * (1 if one.states["to_play"][-2] == 0 else -1) for one in played])
    for ours, theirs in ((plies, lengths), (outcome, results)):
        spread = np.sqrt((ours.var() + theirs.var()) / count)
        assert abs(ours.mean() - theirs.mean()) <= 4 * spread


def test_a_playout_takes_a_reward_by_its_sign_and_keeps_it_for_a_player_who_moves_again() -> None:
    arms = Bandit([0.25, -0.5, 0.0])
    outcome = arms.playouts(arms.initial_states(60), np.arange(60))
    assert set(outcome.tolist()) == {-1, 0, 1}
    # Six coins are taken; the second player has 6 + 1 + 1, the first 3 + 2 + 2. He takes the last two, 5 and 4.
    coins = Coins()
    states = coins.initial_states(8)
    states["own"], states["other"], states["to_play"] = 0b11000001, 0b00111000, 1
    plies = np.zeros(8, dtype=np.int64)
    assert (coins.playouts(states, np.arange(8), plies) == 1).all() and (plies == 2).all()


def test_perft_counts_a_move_of_several_actions_once() -> None:
    game = _JumpOn()

    def slowly(depth: int, state: np.ndarray) -> int:
        if depth == 0:
            return 1
        total = 0
        for action in game.legal_moves(state[0]).values():
            step = game.play(state[0], action)
            if step.discount[0] == 0:
                total += depth == 1
            else:
                total += slowly(depth - (step.discount[0] < 0), step.states)
        return total

    for depth in range(4):
        assert perft.perft(game, depth) == slowly(depth, game.initial_states(1))
    assert sum(perft.divide(game, 3).values()) == perft.perft(game, 3)


def test_perft_in_chunks_counts_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perft, "CHUNK", 7)
    assert perft.perft(TicTacToe(), 5) == 15_120


def test_random_games_repeat_with_their_seed_and_vary_without() -> None:
    first, again = (random_play.random_games(TicTacToe(), np.random.default_rng(3), 20) for _ in range(2))
    assert [played.actions.tolist() for played in first] == [played.actions.tolist() for played in again]
    assert len({tuple(played.actions.tolist()) for played in first}) > 10
    assert all(played.states["terminal"][-1] for played in first)


def test_an_unknown_game_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(ValueError, match="Did you mean 'tic-tac-toe'"):
        games.make("tic-tac-to")


def test_every_check_has_a_mistake_that_it_catches() -> None:
    never_failing = {check.__name__ for check in contract.CHECKS} - set(BROKEN.values())
    assert not never_failing
