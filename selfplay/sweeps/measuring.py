"""The measuring of a sweep's trained agents, all of them alike, once training is over, so that it disturbs no trial.

exact        against exact values, where the game has them: shares of mistakes on the same positions
games        by a tournament, each agent against those of the other arms: Elo
evaluation   what the last evaluation of training has found, in every family
"""

from __future__ import annotations

import collections
import io
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import games
from games.knowledge import EvalSet, Knowledge
from games.notation import Notation
from selfplay import config as configs
from selfplay.alphazero import evaluation
from selfplay.display import SECONDS, Display
from selfplay.errors import ConfigError, FolderError, suggest
from selfplay.loop import metrics as lines_of_metrics
from selfplay.players import match_worker, network_player, openings, player, registry
from selfplay.presets import registry as presets
from selfplay.ratings import standings
from selfplay.ratings.tournament import Participant, round_robin
from selfplay.ratings.tournament_folder import TournamentFolder
from selfplay.storage import bounded
from selfplay.sweeps import positions
from selfplay.sweeps.folder import MAX_FILE, SweepFolder
from selfplay.sweeps.plan import Plan, Trial

KINDS = ("exact", "games", "evaluation")
SIMULATIONS = 100  # a move, where neither the sweep nor the preset says
SEED = 20_000  # of positions, openings and games: none of those that trials are given
POSITIONS, TOURNAMENT = "positions.npz", "tournament"
FIGURES = ("games", "rows", "steps", "evaluations")
STAGE = "accuracy_"  # before the name of a stage

Tell = Callable[[str], None]
Cuts = Callable[[], AbstractContextManager[object]]
"""A block that a stop may cut short, as `StopSignal.cuts`."""


class Metric(NamedTuple):
    """A number that trained agents are compared by."""

    name: str
    title: str
    kind: str  # "share": in [0, 1]; others are shown as they are
    better: str  # "higher", "lower" or "neither"


def kind_of(plan: Plan) -> str:
    """How the agents of a plan are measured. Raises ConfigError where they cannot be measured as asked."""
    wanted, name = plan.measure.kind, getattr(plan.arms[0].config, "game", None)
    if wanted is not None and wanted not in KINDS:
        raise ConfigError(f"agents are not measured by '{wanted}'.{suggest(wanted, KINDS)} Known: {', '.join(KINDS)}.")
    if name is None:
        if wanted in ("exact", "games"):
            raise ConfigError(f"'{plan.preset}' plays no game: its agents can only be measured by evaluation.")
        return "evaluation"
    game = games.make(name, **plan.arms[0].config.game_options)
    knowledge = games.facet(game, Knowledge)
    known = knowledge.has_solver or knowledge.eval_set() is not None
    if wanted == "exact" and not known:
        raise ConfigError(f"{name} has no exact values: measure by games, or by evaluation.")
    return wanted or ("exact" if known else "games")


def metrics(kind: str, plan: Plan, results: Mapping[str, Mapping[str, Any]]) -> list[Metric]:
    """The metrics that the results have, the most important first."""
    found = list(dict.fromkeys(name for result in results.values() for name in result["metrics"]))
    if kind == "evaluation":
        display: Display = presets.display_of(configs.to_values(plan.arms[0].config))
        specs = [(name, display.spec(name)) for name in found if name != SECONDS]
        return [Metric(name, spec.title(name), spec.kind, spec.better) for name, spec in specs
                if spec is not None and spec.kind != "number"]  # fmt: skip
    titles = {
        "mistakes": "mistakes in all positions", "mistakes_contested": "mistakes where a wrong move exists",
        "mistakes_policy": "mistakes of the policy alone", "mistakes_value": "wrong sign of the value",
        "elo": "Elo among all agents", "score": "points a game",
    }  # fmt: skip
    return [
        Metric(name, titles.get(name) or f"mistakes, {name.removeprefix('mistakes_')}",
               "number" if name == "elo" else "share", "higher" if name in ("elo", "score") else "lower")
        for name in found
    ]  # fmt: skip


def measure(folder: SweepFolder, kind: str, tell: Tell, cuts: Cuts) -> list[str]:
    """Measures what is trained and not measured yet; sentences about how. Raises Stopped where a stop has cut it short:
    what was measured before is kept. Raises UserError."""
    trained = [trial for trial in folder.plan.trials() if trial.name in folder.trained]
    if kind == "games":
        return _by_games(folder, trained, tell, cuts)
    missing = [trial for trial in trained if trial.name not in folder.results]
    if kind == "evaluation":
        for trial in missing:
            folder.add_result(trial, _result(folder, trial, _last_evaluation(folder.run(trial))))
        return ["Of the last evaluation in training."]
    return _by_positions(folder, missing, tell, cuts)


def simulations(plan: Plan) -> int:
    """A position or move, for all agents: as asked, else as the first arm's evaluations have it."""
    own = getattr(getattr(plan.arms[0].config, "evaluation", None), "num_simulations", SIMULATIONS)
    return plan.measure.simulations or int(own)


def _result(folder: SweepFolder, trial: Trial, found: Mapping[str, float]) -> dict[str, Any]:
    last = _last_line(folder.run(trial))
    figures = {"generation": last["step"], "minutes": last.get("seconds", 0.0) / 60}
    return {"metrics": dict(found), **figures, **{name: last[name] for name in FIGURES if name in last}}


def _last_line(run: Path) -> dict[str, Any]:
    try:
        last = collections.deque(lines_of_metrics.iterate(run), maxlen=1)
    except OSError as error:
        raise FolderError(f"{run / lines_of_metrics.FILE} cannot be read ({error.strerror}).") from None
    if not last:
        raise FolderError(f"'{run}' has no metrics: delete it, and the same command trains it again.")
    return last[0]


def _last_evaluation(run: Path) -> dict[str, float]:
    """Metrics by name; none where none was made."""
    found: dict[str, float] = {}
    for line in lines_of_metrics.iterate(run):
        own = {key.removeprefix("evaluation/"): value for key, value in line.items() if key.startswith("evaluation/")}
        found = own or found
    return found


# Against exact values


def _by_positions(folder: SweepFolder, missing: list[Trial], tell: Tell, cuts: Cuts) -> list[str]:
    plan, number = folder.plan, simulations(folder.plan)
    config = plan.arms[0].config
    game = games.make(config.game, **config.game_options)
    with cuts():
        eval_set, about = _positions(folder, game, tell)
    for trial in missing:
        tell(f"{trial.name}: measured on {len(eval_set.states):,} positions, {number} simulations.")
        with cuts():
            agent = network_player.load(folder.run(trial))
            raw = player.choices(game, eval_set.states, agent.evaluate, agent.config, 0)
            searched = player.choices(game, eval_set.states, agent.evaluate, agent.config, number)
            found = evaluation.exactness(eval_set, raw, searched)
        folder.add_result(trial, _result(folder, trial, _mistakes(found)))
    share = positions.contested(eval_set)
    return [f"{about}, {share:.0%} with a wrong move; {number} simulations, which keep the best result or do not."]


def _mistakes(found: Mapping[str, float]) -> dict[str, float]:
    """Shares of mistakes, of the shares that `evaluation.exactness` finds right."""
    names = {"accuracy": "mistakes", "contested_accuracy": "mistakes_contested", "raw_accuracy": "mistakes_policy"}
    names |= {name: f"mistakes_{name.removeprefix(STAGE)}" for name in found if name.startswith(STAGE)}
    names |= {"value_accuracy": "mistakes_value"}
    return {told: 1 - found[name] for name, told in names.items()}


def _positions(folder: SweepFolder, game: games.base.Game, tell: Tell) -> tuple[EvalSet, str]:
    """The positions that all trials are measured on, and what they are."""
    knowledge, path = games.facet(game, Knowledge), folder.path / POSITIONS
    made = _read_positions(path, game) if path.exists() else None
    if made is None and knowledge.has_solver:
        tell(f"Making {folder.plan.measure.positions:,} positions and solving them.")
        made = positions.make(game, folder.plan.measure.positions, SEED)
        if made is not None:
            data = io.BytesIO()
            np.savez(data, states=made.states, values=made.values, stage=made.stage)
            folder.write(POSITIONS, data.getvalue())
    if made is not None:
        return made, f"{len(made.states):,} positions of play by others, none of them in the game's eval set"
    eval_set = knowledge.eval_set()
    assert eval_set is not None  # else agents would be measured by games
    return eval_set, f"The {len(eval_set.states):,} positions of the game's eval set, since play meets no others"


def _read_positions(path: Path, game: games.base.Game) -> EvalSet:
    try:
        with np.load(io.BytesIO(bounded.read(path, MAX_FILE)), allow_pickle=False) as file:
            states, values, stage = file["states"], file["values"], file["stage"]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise FolderError(f"{path} is damaged ({bounded.reason(error)}): delete it, and it is made anew.") from None
    if states.dtype != game.state_dtype or values.shape != (len(states), game.num_actions):
        raise FolderError(f"{path} holds positions of another game: delete it, and it is made anew.")
    return EvalSet(states, values, stage, positions.STAGES)


# By games


def _by_games(folder: SweepFolder, trained: list[Trial], tell: Tell, cuts: Cuts) -> list[str]:
    """A round-robin between the agents of different arms, pairs of games with seats swapped."""
    if len({trial.arm for trial in trained}) < 2:
        return ["Nothing to compare by games: fewer than two arms are trained."]
    plan, number = folder.plan, simulations(folder.plan)
    texts = [f"{folder.run(trial)}?simulations={number}" for trial in trained]
    game, players = registry.load_players(texts, None, number)
    pairs = plan.measure.games // 2
    starts = openings.for_match(game, pairs, SEED, None, 1.0, None, None)
    names = tuple(trial.name for trial in trained)
    spec = match_worker.MatchSpec(tuple(texts), names, game.name, number, tuple(starts), SEED)
    worker = match_worker.MatchWorker(spec, (game, players))
    entered = [Participant(trial.name, registry.digest(text, game.name, number))
               for trial, text in zip(trained, texts, strict=True)]  # fmt: skip
    terms = {"game": game.name, "game_version": game.version, "seed": SEED}
    tournament = TournamentFolder(folder.path / TOURNAMENT, entered, terms, games.facet(game, Notation).record_suffix)
    try:
        pairings = [(i, j) for i, j in round_robin(len(trained)) if trained[i].arm != trained[j].arm]
        tasks = tournament.results.missing(pairings, pairs)
        played = worker.play(tasks)
        for done in range(len(tasks)):
            tell(f"{2 * done} of {2 * len(tasks)} games.")
            with cuts():
                result = next(played)
            tournament.add(result)
        found = standings.compute(names, tournament.results.pairs())
    finally:
        tournament.close()
        worker.close()
    for row in found.rows:
        trial = trained[row.player]
        folder.add_result(trial, _result(folder, trial, {"elo": row.elo, "score": row.points}))
    total = f"{2 * len(tournament.results):,} games, {2 * pairs} between each two agents of different arms"
    return [f"{total}; {number} simulations a move. Elo is of this tournament: its mean is 0.", *found.notes]
