"""The settings of the AlphaZero family. Knows no rules of games, and loads neither torch nor NumPy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta

from selfplay.drift.config import DriftConfig
from selfplay.league.config import PoolConfig
from selfplay.learning.config import LearnerConfig, MiningConfig, ReplayConfig
from selfplay.loop.config import RunConfig
from selfplay.networks.config import InferenceConfig, NetworkConfig
from selfplay.search.config import SearchConfig


@dataclass(frozen=True)
class ActorConfig:
    """How self-play games are played."""

    concurrent_games: Annotated[int, Meta(ge=1, le=65536)] = 64
    """Games an actor plays at once: the most positions in one evaluation."""

    num_simulations: Annotated[int, Meta(ge=1, le=100_000)] = 48
    """Simulations a move."""

    random_opening_plies: Annotated[int, Meta(ge=0, le=100_000)] = 24
    """Each game starts after a uniformly drawn number of random plies, from none to this many."""

    temperature: Annotated[float, Meta(ge=0, le=100)] = 1.0
    """At a game's first searched move; actions are drawn from visits ** (1 / temperature) (PUCT)."""

    final_temperature: Annotated[float, Meta(ge=0, le=100)] = 0.2
    """What the temperature falls to."""

    temperature_half_life: Annotated[float, Meta(ge=0.01, le=1_000_000)] = 5.0
    """Searched plies over which half of that fall happens."""

    cache_entries: Annotated[int, Meta(ge=0, le=2**30)] = 1 << 17
    """Positions whose evaluation is remembered, until new weights come; 0 turns it off."""

    symmetric_cache: bool = False
    """Positions that a symmetry of the game turns into each other are evaluated once, as the one with the least key:
    fewer evaluations, whose answers differ a little from the network's own on the other ones."""

    adjudicate_after: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    """Searched plies after which a game that goes on is scored by `Knowledge.heuristic` instead; None: never."""

    adjudicate_below: Annotated[float, Meta(ge=0, le=1)] = 0.9
    """While the heuristic is beyond this, a game may go on for as many plies again, so that winning is learned too."""

    adjudication_scale: Annotated[float, Meta(ge=0, le=1)] = 0.8
    """Such a score is multiplied by this, so that a won game is worth more than a won position."""

    learn_from_endgame_tables: bool = False
    """Positions that an endgame table knows are worth what it says, as if the search had proven it. Off: what is
    learned comes from self-play alone."""

    opponent_share: Annotated[float, Meta(ge=0, le=1)] = 0.05
    """Share of the searching spent on games against a past generation; 0 turns it off."""

    switch_plies: Annotated[int, Meta(ge=0, le=100_000)] = 0
    """Each game explores for a uniformly drawn number of searched plies below this, and those are not learned from;
    from then on the search's own choice is played, so that outcomes are free of exploration. 0: off."""

    cut_outcomes: bool = False
    """An outcome is carried back only to the last move that was not the search's own choice; there, and on before it,
    the search's value takes its place, as traces are cut in Watkins's Q(lambda) (1989)."""

    outcome_lambda: Annotated[float, Meta(ge=0, le=1)] = 1.0
    """Carried back over a move, an outcome is mixed with the search's value of the position after it: this part of the
    outcome, the rest of the value (lambda returns; Sutton & Barto 2018, 12.1). 1: the outcome alone."""

    greedy_backup: bool = False
    """A row's search value is that at the end of the line which the search expects, in place of the mean over its tree
    (A0GB; Willemsen et al. 2021). With target.search_value_fraction=1 it is the whole value target."""

    exact_policy: bool = False
    """Where a position's result is proven, the policy target is spread evenly over all actions that are proven to keep
    it, in place of those that were visited most."""

    end_proven: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Share of games that end, with that result, as soon as search has proven it: what is left of them needs no
    learning where search proves it again. The others are played out. 0: all are."""

    surprise_weight: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Part of a game's rows that is shared out by surprise, the Kullback–Leibler divergence of the policy target from
    the network's prior: a surprising position is kept several times, another perhaps not at all (KataGo has 0.5). A
    game has as many rows as without, on average. 0: every position once."""

    start_from_stored: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Share of games that start at a position of the actor's earlier games in place of a random opening (Go-Exploit;
    Trudeau & Bowling 2023)."""

    reanalyse_share: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    """Share of the searching spent on positions of the actor's earlier games: the newest weights search them again, and
    new rows hold what they find, with the outcome that the game had (Schrittwieser et al. 2021)."""

    stored_choice: Literal["even", "surprise", "value_error"] = "even"
    """How those positions are chosen: evenly, or in proportion to the divergence of the policy target from the prior,
    or to the squared difference of the search's value from the outcome, as they were when the game was played."""

    stored_positions: Annotated[int, Meta(ge=1, le=10_000_000)] = 10_000
    """Newest positions that an actor keeps for start_from_stored and reanalyse_share."""

    full_search_share: Annotated[float, Meta(gt=0, le=1)] = 1.0
    """Share of moves that are searched in full; the others get fast_simulations, without noise, and are played but not
    learned from: more games for the same searching (playout cap randomisation; Wu 2019). Drawn for each move."""

    fast_simulations: Annotated[int, Meta(ge=1, le=100_000)] = 12
    """Simulations of a fast search, never more than of a full one."""

    late_simulations: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    """What num_simulations becomes by late_generation, in equal steps a generation; None: it stays as it is."""

    late_generation: Annotated[int, Meta(ge=1, le=1_000_000)] = 20
    """Generation from which a move gets late_simulations."""

    restart_search_on_update: bool = True
    """Restart searches in progress when new weights come, so that no tree mixes two networks."""

    def simulations_at(self, generation: int) -> int:
        """Simulations of a full search with the weights of this generation."""
        if self.late_simulations is None:
            return self.num_simulations
        gone = min(1.0, generation / self.late_generation)
        return round(self.num_simulations + (self.late_simulations - self.num_simulations) * gone)

    @property
    def most_simulations(self) -> int:
        """Of any search in the run."""
        return max(self.num_simulations, self.late_simulations or 0)


@dataclass(frozen=True)
class TargetConfig:
    """What the network learns from a row."""

    search_value_fraction: Annotated[float, Meta(ge=0, le=1)] = 0.5
    """Value target = (1 - this) * outcome of the game + this * value of the search."""

    value_weight: Annotated[float, Meta(gt=0, le=1000)] = 1.0
    """Weight of the value loss beside the policy loss."""

    moves_left_weight: Annotated[float, Meta(ge=0, le=1000)] = 0.1
    """Weight of the loss of the auxiliary head, with network.moves_left."""

    average_recurring: Literal["off", "values", "all"] = "off"
    """A position that is in the replay's window several times, mirror images taken as one, is learned with the mean of
    what was found there: values, of outcomes and search values; all, of policies too (of games with at most 64 legal
    actions). Openings come again and again with another outcome each time (Young et al. 2018)."""

    recurring_power: Annotated[float, Meta(ge=0, le=1)] = 1.0
    """A position that is in the window n times is drawn as often as n ** this would be: 1 each row alike; 0 each
    distinct position alike, with which average_recurring="all" loses nothing of what was found."""


@dataclass(frozen=True)
class EvaluationConfig:
    """How an agent is evaluated during a run."""

    num_simulations: Annotated[int, Meta(ge=1, le=100_000)] = 100
    """Simulations a position or move; the policy alone is evaluated as well, where the game has an eval set."""

    opponents: tuple[str, ...] = ()
    """Opponents to play against: "random", "greedy", "uct:100", "alphabeta:2", …, or "first", the first generation."""

    games: Annotated[int, Meta(ge=2, le=100_000)] = 40
    """Games against each of them, in pairs that swap seats."""

    random_opening_plies: Annotated[int, Meta(ge=0, le=100_000)] = 6
    """Uniformly random plies that pairs begin with, in games without customary openings."""

    endgames: bool = True
    """Measure endgame mistakes, where endgame tables of the game were built (`selfplay games endgames build`)."""

    match_games: Annotated[int, Meta(ge=2, le=100_000)] = 8
    """Games of a match between two generations (pool.opponents=pfsp or nash), in pairs that swap seats."""

    match_simulations: Annotated[int, Meta(ge=1, le=100_000)] = 16
    """Simulations a move in those games."""


@dataclass(frozen=True)
class AlphaZeroConfig:
    """Every setting of an AlphaZero run."""

    game: str = "tic-tac-toe"
    """Name of the game; `selfplay games list` shows them."""

    game_options: dict[str, int] = field(default_factory=dict)
    """Arguments of the game, such as game_options.history_length=8 for chess; `selfplay games list` shows them."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    actor: ActorConfig = field(default_factory=ActorConfig)
    inference: InferenceConfig = field(default_factory=InferenceConfig)
    target: TargetConfig = field(default_factory=TargetConfig)
    replay: ReplayConfig = field(default_factory=ReplayConfig)
    mining: MiningConfig = field(default_factory=MiningConfig)
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    pool: PoolConfig = field(default_factory=PoolConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    drift: DriftConfig = field(default_factory=DriftConfig)
    run: RunConfig = field(default_factory=RunConfig)
