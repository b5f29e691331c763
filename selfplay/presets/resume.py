"""Which settings a run that is resumed may change: each is either taken, with a note that names the old value and the
new one, or refused in a sentence. One table for all families; knows the names of settings, not what they do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selfplay import config as configs
from selfplay.errors import ConfigError

# Section → what a new value of its settings does not fit: none of these may change, but for those in MAY_CHANGE.
FIXED_SECTIONS = {
    "game_options": "the rules and inputs that it was trained with are others",
    "network": "its weights fit no other network",
    "data": "what it has learned is of other data",
    "stream": "what it has learned is of another stream",
    "classifier": "its weights fit no other network",
    "info": "its weights fit no other codes",
    "superres": "its weights belong to this enlargement",
    "autoencoder": "its weights belong to this loss",
}
FIXED_KEYS = {
    "game": "what it has learned is of another game",
    "model": "its weights fit no other model",
    "run.seed": "its random streams are those of the seed it began with",
    "learner.optimizer": "the optimizer's moments are of no use to another",
}
MAY_CHANGE = {
    # Where data lie; whether these are the same data, the agent tells by their digest.
    "data": "path labels inception reference",
    "search": (
        "policy c_puct fpu_reduction c_uct dirichlet_alpha dirichlet_fraction reuse_tree max_num_considered_actions "
        "gumbel_scale c_visit c_scale solve look_ahead proof_nodes root_proof_nodes edges_per_node"
    ),
    "actor": (
        "concurrent_games num_simulations random_opening_plies temperature final_temperature temperature_half_life "
        "cache_entries adjudicate_after adjudicate_below adjudication_scale opponent_share restart_search_on_update "
        "switch_plies cut_outcomes outcome_lambda greedy_backup exact_policy end_proven surprise_weight "
        "learn_from_endgame_tables symmetric_cache start_from_stored reanalyse_share stored_choice stored_positions "
        "full_search_share fast_simulations late_simulations late_generation"
    ),
    "inference": "mode backend precision device servers max_batch wait_ms groups",
    "target": "search_value_fraction value_weight moves_left_weight average_recurring recurring_power",
    "evaluation": "num_simulations opponents games random_opening_plies match_games match_simulations endgames",
    "objective": (
        "loss r1 r2 final_penalty gradient_penalty label_smoothing noisy_labels instance_noise past_fakes past_critics "
        "feature_matching augmentations augmentation_probability augmentation_target critic_steps critic_learning_rate"
    ),
    "replay": "samples_per_insert window_min window_fraction capacity storage learn_after",
    "drift": "enabled alarms alpha actions react cool_down lasting reuse_factor rate_factor",
    "mining": "enabled strength floor ceiling smoothing rows",
    "learner": (
        "batch_size learning_rate final_learning_rate weight_decay max_gradient_norm ema_decay beta1 beta2 final_beta2 "
        "schedule rule lookahead_steps lookahead_alpha"
    ),
    "pool": "opponents priority priority_power matches keep_newest keep_log_spaced",
    "run": (
        "minutes generations schedule_generations evaluations generation_rows rollout_rows evaluate_every "
        "stop_when_solved actors actor_gpus"
    ),
}  # fmt: skip


def rule(key: str) -> str | None:
    """Why a setting, by its dotted key, may not change on resume; None where it may. Raises KeyError for a setting that
    the table lacks."""
    section, _, name = key.partition(".")
    if name in MAY_CHANGE.get(section, "").split():
        return None
    if section in FIXED_SECTIONS:
        return FIXED_SECTIONS[section]
    return FIXED_KEYS[key]


def check(path: Path, saved: Any, config: Any) -> None:
    """Refuses to go on with the run in the folder `path`, whose settings are `saved`, with those of `config`. Raises
    ConfigError."""
    if type(saved) is not type(config):
        return  # another family, which the folder refuses
    held = dict(configs.keys(saved))
    for key, value in configs.keys(config):
        if held[key] != value and (why := rule(key)):
            raise ConfigError(
                f"'{key}' cannot change from {configs.shown(held[key])} to {configs.shown(value)} in the run "
                f"'{path}', since {why}: start a new run with --run DIR, or leave the setting out."
            )
