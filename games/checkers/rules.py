"""English checkers (draughts on 32 squares) on bitboards: the game contract around the kernels.

The words of a position and the numbering of squares and directions are those of `board.py`. Knows no FEN, no record and
no engine.
"""

from __future__ import annotations

import numpy as np

from games import base
from games.checkers import board, kernels

QUIET_PLIES = 80
OCCURRENCES = 3
MAX_LEGAL_ACTIONS = 42  # steps of 12 kings on an empty board, found by trying all; jumps are at most 2 a captured man
CLOCK_STEPS = 8

# A game moves men at most 2 * (4 * 7 + 4 * 6 + 4 * 5) rows and captures at most 24 pieces.
_MAX_IRREVERSIBLE_PLIES = 144 + 24


def state_dtype_of(quiet_plies: int) -> np.dtype:
    """The record of a position, with room for the kings' steps that the draw rule allows."""
    return np.dtype(
        [
            ("own", "u8"),  # pieces of the player to move
            ("other", "u8"),
            ("kings", "u8"),  # of both
            ("jumper", "u1"),  # 1 + square of the piece that has to jump on, 0 when there is none
            ("to_play", "i1"),  # 0 is Black, who begins
            ("terminal", "?"),
            ("clock", "u1"),  # plies since the last capture or man's move
            ("repetitions", "u1"),  # how often the position stood on the board before
            ("history", "u1", (quiet_plies,)),  # those plies, 4 * bit + direction as their mover saw them; then 0
        ],
        align=True,
    )


class Checkers(base.Game):
    """English checkers. Black (dark) moves first; who cannot move loses; the start position is a proven draw.

    Captures are forced, any of them may be chosen. An action is one step or one jump from the view of its mover,
    (square * 4 + direction) * 2 + jump, so that a jump over several pieces is several plies of the same side (discount
    +1), and `jumper` holds the piece that goes on. A man that is crowned stops there. Kings do not fly.

    The game is drawn when a position occurs for the third time with the same player to move, and after 80 plies in a
    row (40 moves of each side) without a capture or a man's move; a player who cannot move loses all the same. Both
    limits are arguments: `Checkers(quiet_plies=..., occurrences=...)`, where occurrences=0 turns repetition off.

    Repetition is exact: between two irreversible plies only kings step, so the record keeps those steps, a byte each,
    and takes them back to compare, which costs a quarter of the room that hashes of the positions would.

    Planes [8, 8], row 0 the mover's back row, light squares always 0: own men, own kings, the opponent's men, their
    kings, the piece that jumps on, and two that are constant: the clock in eighths of its limit, rounded down, and
    whether the position stood on the board before. A 4×8 layout would halve the planes, but there the same diagonal
    step is another offset on every second row, and a convolution would have to learn each pattern twice.

    `key` covers what the planes show, and who is to move: pieces, jumping piece, eighths of the clock, repeated or not.
    An evaluation that was stored under a key is therefore the evaluation of every position that has it.
    """

    name = "checkers"
    version = 1
    state_dtype = state_dtype_of(QUIET_PLIES)
    num_actions = board.SQUARES * board.DIRECTIONS * 2
    max_legal_actions = MAX_LEGAL_ACTIONS
    max_game_length = (_MAX_IRREVERSIBLE_PLIES + 1) * QUIET_PLIES
    observation_shape = (7, board.SIDE, board.SIDE)
    facets = {
        "notation": "games.checkers.notation:CheckersNotation",
        "protocols": "games.checkers.protocols:CheckersProtocols",
        "appearance": "games.checkers.appearance:CheckersAppearance",
        "knowledge": "games.checkers.knowledge:CheckersKnowledge",
        "endgames": "games.checkers.endgames.tables:CheckersEndgames",
    }

    def __init__(self, quiet_plies: int = QUIET_PLIES, occurrences: int = OCCURRENCES) -> None:
        """quiet_plies: 1–255; occurrences: of a position in a drawn game, at least 2, or 0 for no such rule."""
        if not 1 <= quiet_plies <= 255:
            raise ValueError(f"quiet_plies is {quiet_plies}; allowed are 1 to 255.")
        if occurrences != 0 and not 2 <= occurrences <= 255:
            raise ValueError(f"occurrences is {occurrences}; allowed are 2 to 255, or 0 for no draws by repetition.")
        self.quiet_plies, self.occurrences = quiet_plies, occurrences
        self.max_game_length = (_MAX_IRREVERSIBLE_PLIES + 1) * quiet_plies  # type: ignore[misc]
        if quiet_plies > QUIET_PLIES:  # the record has to grow, and the kernels to be compiled for it
            self.state_dtype = state_dtype_of(quiet_plies)  # type: ignore[misc]

    # -- rules ---------------------------------------------------------------------------------------

    def initial_states(self, batch: int) -> np.ndarray:
        states = np.zeros(batch, dtype=self.state_dtype)
        states["own"] = board.bits(board.BLACK_START)
        states["other"] = board.bits(board.WHITE_START)
        return states

    @np.errstate(over="ignore")  # uncompiled kernels wrap around on purpose, here and below
    def step(self, states: np.ndarray, actions: np.ndarray) -> base.Step:
        after = base.copied(states)
        reward = np.empty(len(states), dtype=np.float32)
        discount = np.empty(len(states), dtype=np.float32)
        actions = base.kernel_ready(np.asarray(actions, dtype=np.int32))
        kernels.step(after, actions, self.quiet_plies, self.occurrences, reward, discount)
        return base.Step(after, reward, discount)

    @np.errstate(over="ignore")
    def legal_actions(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        actions = np.empty((len(states), MAX_LEGAL_ACTIONS), dtype=np.int32)
        count = np.empty(len(states), dtype=np.int32)
        kernels.legal_actions(base.kernel_ready(states), actions, count)
        return actions, count

    @np.errstate(over="ignore")
    def observe(self, states: np.ndarray) -> np.ndarray:
        # Written with the planes last, which is what a channels-last network wants in memory; viewed planes first.
        planes = np.zeros((len(states), board.SIDE, board.SIDE, self.observation_shape[0]), dtype=np.float32)
        kernels.observe(base.kernel_ready(states), self.quiet_plies, CLOCK_STEPS, planes)
        return planes.transpose(0, 3, 1, 2)

    def key(self, states: np.ndarray) -> np.ndarray:
        # Two words hold it all, 35 bits and 29, 35 and 29: `other` is cut in two. mix64 is a bijection.
        eighths = states["clock"].astype(np.uint64) * np.uint64(CLOCK_STEPS) // np.uint64(self.quiet_plies)
        rest = states["jumper"].astype(np.uint64) | eighths << np.uint64(6)
        rest |= (states["repetitions"] > 0).astype(np.uint64) << np.uint64(10)
        rest |= states["to_play"].astype(np.uint64) << np.uint64(11)
        other = states["other"].astype(np.uint64)
        first = states["own"].astype(np.uint64) | other << np.uint64(board.WIDTH)
        second = states["kings"].astype(np.uint64) | rest << np.uint64(board.WIDTH)
        second |= other >> np.uint64(64 - board.WIDTH) << np.uint64(board.WIDTH + 12)
        keys = base.mix64(base.mix64(first) ^ second)
        return np.where(keys == 0, np.uint64(1), keys)

    @np.errstate(over="ignore")
    def playouts(self, states: np.ndarray, seeds: np.ndarray, plies: np.ndarray | None = None) -> np.ndarray:
        outcome, played = np.empty(len(states), dtype=np.int8), np.zeros(len(states), dtype=np.int64)
        seeds = base.mix64(np.asarray(seeds))  # of its own: the kernel counts them up
        row = np.empty(MAX_LEGAL_ACTIONS, dtype=np.int32)
        kernels.playout(base.copied(states), seeds, self.quiet_plies, self.occurrences, row, outcome, played)
        if plies is not None:
            plies += played
        return outcome

    def unclaimed(self, states: np.ndarray) -> np.ndarray:
        """See `Game.unclaimed`: play goes on after repetitions and quiet plies, not for a player who cannot move."""
        going = base.copied(states)
        going["terminal"] = False
        drawn = states["terminal"] & (self.legal_actions(going)[1] > 0)  # who cannot move has lost
        going["terminal"] = states["terminal"] & ~drawn
        for field in ("clock", "repetitions", "history"):
            going[field][drawn] = 0
        return going

    def action_planes(self) -> np.ndarray:
        """Eight planes, direction and step or jump, over the square that the piece leaves."""
        square, plane = np.divmod(np.arange(self.num_actions), board.DIRECTIONS * 2)
        return (plane * board.SIDE + board.ROW_OF[square]) * board.SIDE + board.COLUMN_OF[square]

    # -- text ----------------------------------------------------------------------------------------

    def action_to_string(self, state: np.void, action: int) -> str:
        """One ply: "11-15" for a step, "22x15" for one jump, whether or not it goes on."""
        start, target, over = board.squares_of(int(action))
        to_play = int(state["to_play"])
        return f"{board.number(start, to_play)}{'x' if over >= 0 else '-'}{board.number(target, to_play)}"

    def to_string(self, state: np.void) -> str:
        """The board with White at the bottom: b and w men, B and W kings. Square numbers stand on the left."""
        marks = marks_of(state)
        lines = []
        for row in range(board.SIDE):
            first = 4 * row
            cells = [" "] * board.SIDE
            for square in range(first, first + 4):
                cells[board.COLUMN_OF[square]] = marks[square]
            lines.append(f"{first + 1:2}-{first + 4:<2}  {' '.join(cells)}".rstrip())
        if state["jumper"]:
            lines.append(f"{board.number(int(state['jumper']) - 1, int(state['to_play']))} jumps on")
        return "\n".join(lines)


def marks_of(state: np.void) -> list[str]:
    """[32] one character a square, by square number less one: b, w, B, W or a dot."""
    marks = ["."] * board.SQUARES
    to_play = int(state["to_play"])
    kings = set(board.squares(state["kings"]))
    for field, player in (("own", to_play), ("other", 1 - to_play)):
        for square in board.squares(state[field]):
            mark = "bw"[player]
            marks[board.number(square, to_play) - 1] = mark.upper() if square in kings else mark
    return marks
