"""The AlphaZero loss, and the batch it is computed on: rows of replay become planes and targets here.

A row holds the position, not its planes; planes, a random symmetry and the mix of targets are made when it is drawn.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from games.base import Game
from selfplay import device as devices
from selfplay.types import Batch, Loss

TOLERANCE = 0.01  # of what has to sum to 1
MAX_POLICY_TARGETS = 64  # of a position's legal actions, at most this many of the largest targets are kept in a row


def row_dtype(game: Game, moves_left: bool = False) -> np.dtype:
    """One position of a finished game: what the search found, and how the game ended. moves_left: also when."""
    width = min(game.max_legal_actions, MAX_POLICY_TARGETS)
    more = [("moves_left", "f4")] if moves_left else []  # plies until the end over the game's most, in [0, 1]
    return np.dtype(
        [
            ("state", game.state_dtype),
            ("actions", "i2", (width,)),  # padded with -1
            ("policy", "f4", (width,)),  # improved policy over `actions`
            ("search_wdl", "f4", (3,)),  # the search's value for the player to move
            ("outcome", "f4"),  # of the game, for the player to move, in [-1, 1]; or the position's proven value
            ("ply", "i2"),
            ("generation", "i4"),  # of the weights that searched it
            *more,
        ]
    )


def has_moves_left(dtype: np.dtype) -> bool:
    """Whether rows say how many plies were left."""
    return "moves_left" in (dtype.names or ())


def sound_rows(game: Game, rows: np.ndarray) -> np.ndarray:
    """[M] bool: whether each of rows [M] is one that a search can have made: a policy over legal actions that sums to
    1, and values in their ranges."""
    policy, actions, wdl = rows["policy"], rows["actions"], rows["search_wdl"]
    sound = np.abs(policy.sum(1) - 1) < TOLERANCE
    sound &= (policy >= 0).all(1) & (np.abs(rows["outcome"]) <= 1 + TOLERANCE)
    sound &= (np.abs(wdl.sum(1) - 1) < TOLERANCE) & (wdl >= -TOLERANCE).all(1)
    sound &= ((actions >= -1) & (actions < game.num_actions)).all(1)
    if has_moves_left(rows.dtype):
        sound &= (rows["moves_left"] >= 0) & (rows["moves_left"] <= 1)
    legal = np.zeros((len(rows), game.num_actions + 1), bool)  # the padding, -1, lands in the last column
    np.put_along_axis(legal, game.legal_actions(rows["state"])[0], True, 1)
    legal[:, -1] = False
    asked = np.where(sound[:, None], actions, -1)
    sound &= (np.take_along_axis(legal, asked, 1) | (policy == 0)).all(1)
    return sound


def make_batch(
    game: Game, rows: np.ndarray, search_value_fraction: float, rng: np.random.Generator, device: torch.device
) -> dict[str, torch.Tensor]:
    """Tensors for `loss` from rows [B]: planes [B, P, R, C], policy [B, A] and wdl [B, 3] targets, each position turned
    by a random symmetry. The value target is the game's outcome mixed with the search's value by
    `search_value_fraction`. Also moves_left [B] in [0, 1], of rows that have it."""
    size = len(rows)
    symmetry = rng.integers(0, game.num_symmetries, size)
    planes = game.observe(game.symmetric_states(rows["state"], symmetry))
    actions = game.symmetric_actions(rows["actions"], symmetry)
    policy = np.zeros((size, game.num_actions + 1), dtype=np.float32)  # the padding, -1, lands in the last column
    np.put_along_axis(policy, actions.astype(np.int64), rows["policy"], axis=1)
    win, loss = np.maximum(rows["outcome"], 0), np.maximum(-rows["outcome"], 0)
    wdl = np.stack([win, 1 - win - loss, loss], axis=1)
    wdl += np.float32(search_value_fraction) * (rows["search_wdl"] - wdl)
    batch = {
        "planes": torch.from_numpy(planes).to(device).contiguous(memory_format=torch.channels_last),
        "policy": torch.from_numpy(np.ascontiguousarray(policy[:, :-1])).to(device),
        "wdl": torch.from_numpy(wdl).to(device),
    }
    if has_moves_left(rows.dtype):
        batch["moves_left"] = torch.from_numpy(np.ascontiguousarray(rows["moves_left"])).to(device)
    return batch


def policy_value_loss(value_weight: float, moves_left_weight: float = 0.0) -> Loss:
    """Cross-entropy to the improved policy plus `value_weight` times cross-entropy to the win/draw/loss target; of
    batches that have moves_left also `moves_left_weight` times the cross-entropy to that share.

    Illegal actions are not masked: their target is zero, so the network learns to give them none. Reported beside the
    losses: policy_kl, the part of the policy loss that learning can remove (the rest is the target's entropy).
    """

    def loss(net: torch.nn.Module, batch: Batch, progress: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        planes = batch["planes"]
        dtype = devices.compute_dtype(planes.device.type)
        with torch.autocast(planes.device.type, dtype=dtype, enabled=dtype is not torch.float32):
            policy_logits, wdl_logits, *left = net(planes, moves_left=True) if "moves_left" in batch else net(planes)
        policy_loss = F.cross_entropy(policy_logits.float(), batch["policy"])
        value_loss = F.cross_entropy(wdl_logits.float(), batch["wdl"])
        entropy = torch.special.entr(batch["policy"]).sum(1).mean()
        total = policy_loss + value_weight * value_loss
        report = {"policy_loss": policy_loss, "value_loss": value_loss, "policy_kl": policy_loss - entropy}
        for logits in left:
            report["moves_left_loss"] = F.binary_cross_entropy_with_logits(logits.float(), batch["moves_left"])
            total = total + moves_left_weight * report["moves_left_loss"]
        return total, report

    return loss
