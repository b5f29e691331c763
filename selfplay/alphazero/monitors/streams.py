"""What an AlphaZero run is watched for, in words; docs/drift.md has the same as a table."""

from __future__ import annotations

from selfplay.drift.monitor import Stream

MOVES = Stream(
    "moves", "concept p(y|x)", "row",
    "moves played, against the search's policy at the temperature of the settings (likelihood ratio, e-process)",
    "An actor plays otherwise than it says, so that outcomes are of other play than the policies that are learned.",
    "Look at the actor's machine and version, and at actor.temperature, final_temperature and temperature_half_life.",
    actions=("restore-generation", "stop"),
)  # fmt: skip
OPENINGS = Stream(
    "openings", "covariate p(x)", "game",
    "starting positions, against those that the settings make (χ² with games as units, e-process)",
    "Games start from other positions than actor.random_opening_plies makes: the network sees too few of them.",
    "Look for what feeds the replay and for random streams that repeat.",
    actions=("restore-generation", "stop"),
)  # fmt: skip
ACTORS = Stream(
    "actors", "covariate p(x)", "game",
    "games of one actor, against those of the others in the same generation (Mann–Whitney by game, e-process)",
    "Actors with the same weights and settings play different games: one of them is broken.",
    "Compare their machines and versions, and restart the run.",
    actions=("restore-generation", "stop"),
)  # fmt: skip
LABELS = Stream(
    "labels", "label p(y)", "game",
    "outcomes against what a sure search said before the last move (Bernoulli, e-process)",
    "Outcomes contradict positions that the search is sure of: labels are wrong or have the wrong sign.",
    "Look at the game's rewards and discounts (`selfplay games check`) and at what changes rows on their way.",
    actions=("restore-generation", "stop"),
)  # fmt: skip
VALUES = Stream(
    "values", "concept p(y|x)", "game",
    "the search's value before the outcome was known, against saying 0 always (t test by game, e-process)",
    "Values are worse than none, and the search relies on them.",
    "Try a smaller target.value_weight or learner.learning_rate, or a larger replay.window_min.",
    actions=("restore-generation", "slow-reuse", "stop"), lag=1,
)  # fmt: skip
VALUE_HEAD = Stream(
    "value_head", "concept p(y|x)", "batch",
    "how far the value head's weights have moved in a generation, as a share of how far the policy's have",
    "The value head does not learn while the policy does: it is frozen, or cut off from its loss.",
    "Look at target.value_weight, and at what sets requires_grad or drops gradients.",
    limit=0.01, below=True, measure="× as far as the policy's",
    actions=("restore-generation", "stop"),
)  # fmt: skip
VALUE_CHURN = Stream(
    "value_churn", "concept p(y|x)", "batch",
    "mean change of the value on fixed positions in a generation in which the policy has moved",
    "The value of every position is what it was, to the last bit, while the policy has moved.",
    "Look at what the value head is fed, and whether its units are dead (drift/dead_units).",
    limit=1e-9, below=True, measure="mean change of the value",
    actions=("restore-generation", "stop"),
)  # fmt: skip
BEHIND = Stream(
    "behind", "concept p(y|x)", "batch",
    "batches of older weights, after the one that was under way when the newest were published",
    "An actor goes on with older weights than it is sent: what it plays is out of date.",
    "Look at the actor's machine and its connection, and restart the run.",
    limit=1.5, measure="batches of older weights",
    actions=("stop",),
)  # fmt: skip
AGE = Stream(
    "age", "covariate p(x)", "batch",
    "mean age of the rows drawn, in generations, as a multiple of what even draws from the window give",
    "Learning draws older rows than the window has on average: newer ones are not arriving, or not being drawn.",
    "Look at mining.strength and at rows left out as unsound.",
    limit=1.5, times=2, measure="× the age of even draws",
    actions=("evict-rows", "slow-reuse", "stop"),
)  # fmt: skip
LINES = Stream(
    "lines", "covariate p(x)", "game",
    "rise of the most frequent opening line's share in one generation",
    "Play has collapsed to one opening line within a generation.",
    "Try a higher actor.temperature, a larger search.dirichlet_fraction, or random_opening_plies.",
    limit=0.6, measure="rise of a share",
    actions=("restore-generation", "add-anchors", "stop"), lag=1,
)  # fmt: skip
LENGTHS = Stream(
    "lengths", "covariate p(x)", "game",
    "lengths of games, against those of the generation before (AUC, distance from a half)",
    "Games have become much longer or shorter within a generation.",
    "Look at evaluations and at samples of games; a lower learner.learning_rate makes smaller steps.",
    limit=0.4, measure="of AUC, from a half",
    actions=("slow-reuse", "stop"),
)  # fmt: skip
FORGETTING = Stream(
    "forgetting", "concept p(y|x)", "game",
    "fall of points or accuracy below the best two evaluations in a row, over what chance makes of so many games",
    "The agent loses against opponents, or on positions, that it did well on: it forgets, or goes round in a cycle.",
    "Try pool.opponents=pfsp with a larger actor.opponent_share, or a larger replay.window_min.",
    limit=1.0, measure="× what chance makes of it",
    actions=("restore-generation", "slow-reuse", "add-anchors", "stop"),
)  # fmt: skip

STREAMS: tuple[Stream, ...] = (
    MOVES,
    OPENINGS,
    ACTORS,
    LABELS,
    VALUES,
    VALUE_HEAD,
    VALUE_CHURN,
    BEHIND,
    AGE,
    LINES,
    LENGTHS,
    FORGETTING,
)
