"""The contract of `games.base` as a list of named checks that any game must pass. Knows no game.

`check_game(game)` plays random games, collects the positions they meet and runs every check of `CHECKS` on them. Each
check is a function of (game, sample) that returns None or raises AssertionError; its message draws the position it is
about. A passed run is no proof: add the published counts of the game (`games.checks.perft`) and a playthrough
(`games.checks.playthrough`) where there are any.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import games
from games import base
from games.appearance import Appearance
from games.checks import compiled, outcomes
from games.checks.answers import answers_of, any_legal, legal_set, require, require_kind, require_same
from games.checks.random_play import Sample, same
from games.endgames.tables import Endgames
from games.knowledge import Knowledge
from games.notation import Notation
from games.protocols import Protocols

NONSENSE = "not-a-move"  # text that is a move in no game


class CheckResult(NamedTuple):
    """Outcome of one check."""

    name: str  # of the function, so that it can be looked up
    passed: bool
    detail: str  # empty when passed


def check_game(game: base.Game, rng: np.random.Generator | None = None, num_games: int = 50) -> list[CheckResult]:
    """Runs every check on positions of `num_games` random games. Same rng state, same result."""
    rng = np.random.default_rng(0) if rng is None else rng
    try:
        sample = Sample(game, rng, num_games)
    except Exception as error:  # whatever an unknown game raises is its report, here and below
        return [CheckResult("random_games_can_be_played", False, f"{type(error).__name__}: {error}")]
    results = []
    for check in CHECKS:
        try:
            check(game, sample)
            results.append(CheckResult(check.__name__, True, ""))
        except AssertionError as error:
            results.append(CheckResult(check.__name__, False, str(error)))
        except Exception as error:
            results.append(CheckResult(check.__name__, False, f"it raised {type(error).__name__}: {error}"))
    return results


# The checks: declarations


def declarations_are_complete(game: base.Game, sample: Sample) -> None:
    """Constants exist and have the right types and ranges."""
    names = set(game.state_dtype.names or ())
    assert {"to_play", "terminal"} <= names, f"state_dtype needs the fields to_play and terminal, has {names}"
    assert game.state_dtype["terminal"] == np.dtype(bool), "the field terminal must be bool"
    assert not game.state_dtype.hasobject, "state_dtype must hold plain numbers only: positions are copied as bytes"
    assert isinstance(game.name, str) and game.name, "name must be a text"
    assert isinstance(game.version, int) and game.version >= 1, "version must be a whole number from 1"
    assert 1 <= game.max_legal_actions <= game.num_actions, "need 1 <= max_legal_actions <= num_actions"
    assert game.max_game_length >= 1 and game.num_symmetries >= 1, "max_game_length and num_symmetries start at 1"
    assert len(game.observation_shape) == 3, "observation_shape must be (planes, rows, columns)"
    kinds = {kind.__name__.lower(): kind for kind in (Notation, Protocols, Appearance, Knowledge, Endgames)}
    for name in game.facets:
        assert name in kinds, f"facets has '{name}'; it may have {', '.join(kinds)}"
        games.facet(game, kinds[name])


def initial_states_are_ready_to_play(game: base.Game, sample: Sample) -> None:
    """Equal, not terminal, with a legal action; none at all when none are asked for."""
    states = game.initial_states(3)
    require_kind("initial_states", states, (3,), game.state_dtype)
    require(same(states, states[[0, 0, 0]]), game, states, "initial states differ")
    require(~states["terminal"] & (game.legal_actions(states)[1] > 0), game, states, "the start is the end")
    none = game.initial_states(0)
    for name, answer in answers_of(game, none, np.zeros(0, dtype=np.int32)).items():
        assert len(answer) == 0, f"{name} of an empty batch must be empty"


def games_end_within_max_game_length(game: base.Game, sample: Sample) -> None:
    last = np.array([played.states[-1] for played in sample.games], dtype=game.state_dtype)
    require(last["terminal"], game, last, f"a game has not ended after {game.max_game_length} plies")


# The checks: step


def discount_follows_the_mover(game: base.Game, sample: Sample) -> None:
    """-1 when the opponent moves next, +1 when the same player does, 0 when the game is over."""
    before, _, step = sample.moves()
    require(np.isin(step.states["to_play"], (0, 1)), game, step.states, "to_play is neither 0 nor 1")
    again = step.states["to_play"] == before["to_play"]
    expected = np.where(step.states["terminal"], 0, np.where(again, 1, -1))
    require(step.discount == expected, game, step.states, "discount does not fit to_play and terminal")
    stepped = game.step(before[:1], sample.games[0].actions[:1])
    require_kind("reward", stepped.reward, (1,), np.float32)
    require_kind("discount", stepped.discount, (1,), np.float32)
    require_kind("states", stepped.states, (1,), game.state_dtype)


def reward_comes_at_the_end(game: base.Game, sample: Sample) -> None:
    """In [-1, 1], and zero before the end."""
    _, _, step = sample.moves()
    require(np.abs(step.reward) <= 1, game, step.states, "reward is outside [-1, 1]")
    require((step.reward == 0) | step.states["terminal"], game, step.states, "reward is not 0 before the end")


def terminal_states_step_to_themselves(game: base.Game, sample: Sample) -> None:
    """Whatever the action; reward 0, discount 0."""
    states = sample.states[sample.states["terminal"]]
    for action in (0, game.num_actions - 1):
        step = game.step(states.copy(), np.full(len(states), action, dtype=np.int32))
        require(same(step.states, states), game, states, "a terminal state steps to another")
        require((step.reward == 0) & (step.discount == 0), game, states, "a terminal state has reward or discount")


# The checks: actions


def legal_actions_are_sorted_lists(game: base.Game, sample: Sample) -> None:
    """[B, K] int32 ascending, in range, padded with -1; count [B] int32."""
    states = sample.states
    actions, count = game.legal_actions(states)
    shape = (len(states), game.max_legal_actions)
    require_kind("actions", actions, shape, np.int32)
    require_kind("count", count, shape[:1], np.int32)
    require((count >= 0) & (count <= shape[1]), game, states, "count is outside 0 … max_legal_actions")
    listed = np.arange(shape[1]) < count[:, None]
    require(((actions == -1) == ~listed).all(axis=1), game, states, "actions and count disagree about the padding")
    in_range = (actions >= -1) & (actions < game.num_actions)
    require(in_range.all(axis=1), game, states, "an action is outside 0 … num_actions - 1")
    rising = (np.diff(actions, axis=1) > 0) | ~listed[:, 1:]
    require(rising.all(axis=1), game, states, "legal actions do not ascend")


def legal_actions_run_out_at_the_end(game: base.Game, sample: Sample) -> None:
    """None exactly when terminal."""
    states = sample.states
    count = game.legal_actions(states.copy())[1]
    require((count == 0) == states["terminal"], game, states, "no legal action must mean terminal, and the reverse")


def moves_round_trip_through_text(game: base.Game, sample: Sample) -> None:
    """Each legal action has its own text, which names it again and can stand in a game record."""
    notation = games.facet(game, Notation)
    for state in sample.some(200):
        here = np.array([state], dtype=game.state_dtype)
        actions, count = game.legal_actions(here.copy())
        for action in actions[0, : count[0]]:
            text = game.action_to_string(state, int(action))
            require(notation.action_from_string(state, text) == action, game, here, f"'{text}' is not action {action}")
            one_token = len(text.split()) == 1 and text == text.strip() and (notation.move_separator or len(text) == 1)
            require(bool(one_token), game, here, f"'{text}' cannot be told apart in a game record")
    for played in sample.games[:10]:
        pairs = zip(played.states[:-1], played.actions, strict=True)
        record = notation.move_separator.join(game.action_to_string(state, int(action)) for state, action in pairs)
        end = played.states[-1:]
        require(same(notation.state_after(record), end), game, end, f"the record '{record}' leads elsewhere")


def boards_are_plain_text(game: base.Game, sample: Sample) -> None:
    for state in sample.some(50):
        text = game.to_string(state)
        assert text.strip() and all(line.isprintable() for line in text.split("\n")), f"to_string gives {text!r}"


def illegal_moves_are_refused(game: base.Game, sample: Sample) -> None:
    """`action_from_string` names what is legal; `play` takes nothing that is not."""
    notation = games.facet(game, Notation)
    for state in sample.some(50):
        here = np.array([state], dtype=game.state_dtype)
        legal = {int(action): game.action_to_string(state, int(action)) for action in legal_set(game, state)}
        try:
            notation.action_from_string(state, NONSENSE)
        except base.IllegalMove as error:
            named = all(text in str(error) for text in legal.values())
            require(named, game, here, f"the message '{error}' does not name the legal moves")
        else:
            require(False, game, here, f"'{NONSENSE}' is taken for a move")
        for action in {-1, game.num_actions, min(set(range(game.num_actions + 1)) - legal.keys())}:
            try:
                game.play(state, action)
            except base.IllegalMove:
                continue
            require(False, game, here, f"play takes the illegal action {action}")


def fen_says_where_the_pieces_are(game: base.Game, sample: Sample) -> None:
    """A position and the one read from its FEN have the same mover, board and legal actions, if the game has FEN."""
    notation = games.facet(game, Notation)
    for state in sample.some(100) if notation.has_fen else ():
        fen = notation.to_fen(state)
        if fen is None or state["terminal"]:
            continue
        read = notation.from_fen(fen)
        one, other = ((each["to_play"], game.to_string(each), legal_set(game, each)) for each in (read[0], state))
        require(one == other, game, np.array([state], dtype=game.state_dtype), f"'{fen}' is another position")


def actions_have_places_of_their_own(game: base.Game, sample: Sample) -> None:
    """No two of them the same, if the game gives them places on the board."""
    places = game.action_planes()
    if places is not None:
        require_kind("action_planes", places, (game.num_actions,), np.int64)
        assert len(np.unique(places)) == game.num_actions and places.min() >= 0, "two actions have one place"


# The checks: purity


def inputs_are_left_alone(game: base.Game, sample: Sample) -> None:
    """No method changes its input, not even one that is marked read-only: compiled code would write through that."""
    kept = sample.some(256)
    kept_actions, symmetry = any_legal(game, kept), np.zeros(len(kept), dtype=np.int64) + game.num_symmetries - 1
    calls: dict[str, Callable[[np.ndarray, np.ndarray], Any]] = {
        "step": game.step,
        "legal_actions": lambda states, _: game.legal_actions(states),
        "observe": lambda states, _: game.observe(states),
        "key": lambda states, _: game.key(states),
        "symmetric_states": lambda states, _: game.symmetric_states(states, symmetry),
        "symmetric_actions": lambda _, actions: game.symmetric_actions(actions[:, None], symmetry),
    }
    for writeable in (True, False):
        for name, call in calls.items():
            states, actions = kept.copy(), kept_actions.copy()
            states.flags.writeable = actions.flags.writeable = writeable
            call(states, actions)
            untouched = same(states, kept) & (actions == kept_actions)
            require(untouched, game, kept, f"{name} changes its {'' if writeable else 'read-only '}input")


def answers_repeat(game: base.Game, sample: Sample) -> None:
    """The same question has the same answer, also after pickling game and positions."""
    states = sample.some(256)
    actions = any_legal(game, states)
    first = answers_of(game, states.copy(), actions.copy())
    require_same(game, states, first, answers_of(game, states.copy(), actions.copy()), "differs when asked again")
    again, thawed = pickle.loads(pickle.dumps((game, states)))
    require_same(game, states, first, answers_of(again, thawed, actions.copy()), "differs after pickling")


def batches_equal_single_positions(game: base.Game, sample: Sample) -> None:
    """B positions at once, one by one, or every second element of a larger array: the answers are the same."""
    states = sample.some(64)
    actions = any_legal(game, states)
    whole = answers_of(game, states.copy(), actions.copy())
    singles = [answers_of(game, states[i : i + 1].copy(), actions[i : i + 1].copy()) for i in range(len(states))]
    joined = {name: np.concatenate([single[name] for single in singles]) for name in whole}
    require_same(game, states, whole, joined, "differs between a batch and single positions")
    strided = answers_of(game, np.repeat(states, 2)[::2], np.repeat(actions, 2)[::2])
    require_same(game, states, whole, strided, "differs for a strided array")


def padding_is_ignored(game: base.Game, sample: Sample) -> None:
    """Bytes between the fields of a record may hold anything."""
    states = sample.some(64)
    actions = any_legal(game, states)
    dirty = np.full(states.nbytes, 0xA5, dtype=np.uint8).view(game.state_dtype)
    for name in game.state_dtype.names or ():
        dirty[name] = states[name]
    clean = answers_of(game, states.copy(), actions.copy())
    require_same(game, states, clean, answers_of(game, dirty, actions.copy()), "depends on bytes between the fields")


# The checks: view, keys, symmetries


def observations_are_float_planes(game: base.Game, sample: Sample) -> None:
    """[B, P, R, C] float32 in [0, 1]."""
    states = sample.states
    planes = game.observe(states)
    shape = (len(states), *game.observation_shape)
    require_kind("observe", planes, shape, np.float32)
    require(((planes >= 0) & (planes <= 1)).all(axis=(1, 2, 3)), game, states, "an observation is outside [0, 1]")


def positions_are_seen_by_the_mover(game: base.Game, sample: Sample) -> None:
    """A record with the field ``own`` keeps the mover's pieces: then only the name of the mover tells colours apart.

    The same pieces seen by the other colour must look and play the same. Games whose records name colours differently
    have to test this by themselves.
    """
    if "own" not in (game.state_dtype.names or ()):
        return
    states = sample.some(256)
    actions = any_legal(game, states)
    swapped = states.copy()
    swapped["to_play"] ^= 1
    mine, theirs = answers_of(game, states, actions), answers_of(game, swapped, actions)
    theirs["step: states"]["to_play"] ^= 1
    del mine["key"], theirs["key"]
    require_same(game, states, mine, theirs, "depends on which colour is to move")


def keys_identify_positions(game: base.Game, sample: Sample) -> None:
    """Equal records have equal keys; positions of one key agree in mover, board and legal actions; no key is 0.

    A key may leave out what repetition leaves out (move counters), so records of one key need not be equal.
    """
    states = sample.states
    keys = game.key(states.copy())
    require_kind("key", keys, (len(states),), np.uint64)
    require(keys != 0, game, states, "key is 0, which tables use for an empty slot")
    for field_equal in _groups([_fields(state) for state in states]):
        require(keys[field_equal] == keys[field_equal[0]], game, states[field_equal], "equal positions, two keys")
    for key_equal in _groups(keys.tolist()):
        first = states[key_equal[0]]
        for other in states[key_equal[1:]]:
            agree = first["to_play"] == other["to_play"] and game.to_string(first) == game.to_string(other)
            if not (first["terminal"] or other["terminal"]):
                agree = agree and legal_set(game, first) == legal_set(game, other)
            pair = np.array([other], dtype=game.state_dtype)
            require(bool(agree), game, pair, f"two positions share a key; the other is\n{game.to_string(first)}\nFound")


def symmetries_commute_with_play(game: base.Game, sample: Sample) -> None:
    """Turning then playing equals playing then turning; number 0 changes nothing; legal actions turn with the board."""
    states = sample.some(256)
    actions = any_legal(game, states)
    legal = game.legal_actions(states.copy())[0]
    step = game.step(states.copy(), actions.copy())
    for number in range(game.num_symmetries):
        symmetry = np.full(len(states), number)
        turned = game.symmetric_states(states.copy(), symmetry)
        turned_legal = game.symmetric_actions(legal.copy(), symmetry)
        require_kind("symmetric_actions", turned_legal, legal.shape, np.int32)
        identical = same(turned, states) & same(turned_legal, legal)
        require(identical | (number > 0), game, states, "symmetry 0 is not the identity")
        require(((turned_legal == -1) == (legal == -1)).all(axis=1), game, states, f"symmetry {number} moves padding")
        there = np.sort(game.legal_actions(turned.copy())[0], axis=1)
        alike = (np.sort(turned_legal, axis=1) == there).all(axis=1)
        require(alike, game, states, f"symmetry {number} turns legal actions into others")
        turned_action = np.where(states["terminal"], 0, game.symmetric_actions(actions[:, None], symmetry)[:, 0])
        after = game.step(turned.copy(), turned_action)
        expected = game.symmetric_states(step.states.copy(), symmetry)
        require(same(after.states, expected), game, states, f"symmetry {number} does not commute with step")
        equal = (after.reward == step.reward) & (after.discount == step.discount)
        require(equal, game, states, f"symmetry {number} changes reward or discount")


def _fields(state: np.void) -> tuple[bytes, ...]:
    """What a record holds, without the bytes between its fields."""
    return tuple(np.asarray(state[name]).tobytes() for name in state.dtype.names or ())


def _groups(labels: list[Any]) -> list[list[int]]:
    """Indices of equal labels, for labels that occur more than once."""
    found: dict[Any, list[int]] = {}
    for i, label in enumerate(labels):
        found.setdefault(label, []).append(i)
    return [group for group in found.values() if len(group) > 1]


CHECKS: tuple[Callable[[base.Game, Sample], None], ...] = (
    declarations_are_complete,
    initial_states_are_ready_to_play,
    games_end_within_max_game_length,
    discount_follows_the_mover,
    reward_comes_at_the_end,
    terminal_states_step_to_themselves,
    legal_actions_are_sorted_lists,
    legal_actions_run_out_at_the_end,
    compiled.compiled_rules_do_what_the_methods_do,
    moves_round_trip_through_text,
    boards_are_plain_text,
    illegal_moves_are_refused,
    fen_says_where_the_pieces_are,
    actions_have_places_of_their_own,
    inputs_are_left_alone,
    answers_repeat,
    batches_equal_single_positions,
    padding_is_ignored,
    observations_are_float_planes,
    positions_are_seen_by_the_mover,
    keys_identify_positions,
    symmetries_commute_with_play,
    outcomes.known_results_come_out,
    outcomes.unclaimed_draws_can_be_played_on,
    outcomes.exact_values_follow_from_rewards,
    outcomes.heuristics_stay_in_range,
    outcomes.heuristics_go_with_outcomes,
    outcomes.playouts_are_the_games_of_the_contract,
)
