"""The rules of chess behind the game contract: records, actions, planes, keys, Chess960. The work is done in kernels.

The board is always seen by the player to move, whose pawns go up, so that one colour's code, planes and actions serve
both. The text of moves is UCI. FEN and records are in `fen.py` and `pgn`, which use python-chess.
"""

from __future__ import annotations

import numpy as np

from games import base
from games.chess import geometry, history, kernels, playout_kernels

STANDARD = 518  # number of the usual start among the 960
_PIECES = ".pnbrk.q"  # by the sum of boards, as in history.kind_at
PROMOTIONS = "qnbr"  # by geometry's promotion number


class Chess(base.Game):
    """Chess by the rules of FIDE, ended at once by mate, stalemate and every draw that a player could claim.

    Draws: stalemate, the third occurrence of a position, fifty moves without capture or pawn move, too little material
    (bare kings, a lone minor piece, bishops on one colour), and `max_game_length` plies. A mating move wins whatever
    else it does.

    Actions are 1,858 codes (`geometry`): from square to square as a queen or a knight goes, from the mover's view; a
    pawn that arrives becomes a queen unless the code names another piece; to castle, the king goes onto its own rook.

    Planes, from the mover's view, row 0 on the far side: for each of `history_length` positions, the latest first, six
    of own pieces, six of the other's (P N B R Q K) and two that say that the position stood once, twice before; then
    whether castling is open (own short, long; the other's), the en passant target, plies played / max_game_length, and
    clock / 100. With history_length = 8 these are AlphaZero's 119 (Silver et al. 2018, table S1), but for the colour
    plane, which tells nothing where the board is turned, and whose place the en passant target takes.
    """

    name = "chess"
    version = 1
    state_dtype = np.dtype(
        [
            *kernels.POSITION,  # bitboards as in kernels.py
            ("moves", "u2", (kernels.MEMORY,)),  # the last moves, move n at n % MEMORY; see kernels.py
            ("ply", "u2"),  # moves played since the start of this game or set-up position
            ("first_move", "u2"),  # full-move number of that start, for FEN and PGN
            ("repeats", "u2"),  # how often the last 8 positions stood before, two bits each, the latest lowest
            ("clock", "u1"),  # plies since the last capture or pawn move
            ("window", "u1"),  # moves that lead back to positions that this one could repeat
            ("to_play", "i1"),  # 0 white, 1 black
            ("terminal", "?"),
        ],
        align=True,
    )
    num_actions = geometry.NUM_CODES
    max_legal_actions = 218  # R. Petrović 1964; shown to be the most that a legal position has
    max_game_length = 512
    history_length = 2  # positions in the planes, 1 to 8; the record holds enough for any
    observation_shape = (2 * history.PER_POSITION + history.CONSTANT_PLANES, 8, 8)
    facets = {
        "notation": "games.chess.notation:ChessNotation",
        "protocols": "games.chess.protocols:ChessProtocols",
        "appearance": "games.chess.appearance:ChessAppearance",
        "knowledge": "games.chess.knowledge:ChessKnowledge",
        "endgames": "games.chess.endgames.tables:ChessEndgames",
    }

    def __init__(
        self, history_length: int = history_length, max_game_length: int = max_game_length, chess960: bool = False
    ) -> None:
        """history_length: positions in the planes, 1 to 8; max_game_length: plies after which a game is drawn, 1 to
        10,000; chess960: FEN may name castling from any files, and castling is written as the king's move onto its
        rook. The rules are those of Chess960 anyhow, which include the usual ones."""
        if not 1 <= history_length <= 8:
            raise ValueError(f"history_length is {history_length}, but must be 1 to 8 positions.")
        if not 1 <= max_game_length <= 10_000:
            raise ValueError(f"max_game_length is {max_game_length}, but must be 1 to 10000 plies.")
        self.history_length, self.chess960 = history_length, bool(chess960)
        self.max_game_length = max_game_length  # type: ignore[misc]  # per instance, as the next
        planes = history.PER_POSITION * history_length + history.CONSTANT_PLANES
        self.observation_shape = (planes, 8, 8)  # type: ignore[misc]

    def initial_states(self, batch: int) -> np.ndarray:
        return np.repeat(_START, batch)

    def chess960_states(self, numbers: np.ndarray) -> np.ndarray:
        """[B] state_dtype: start positions of Chess960 by number, 0 to 959; 518 is the usual one."""
        return np.concatenate([_start(int(number)) for number in numbers])

    def step(self, states: np.ndarray, actions: np.ndarray) -> base.Step:
        after = base.copied(states)
        reward = np.empty(len(states), dtype=np.float32)
        discount = np.empty(len(states), dtype=np.float32)
        kernels.advance(after, base.kernel_ready(np.asarray(actions, dtype=np.int32)), geometry.MOVE, reward, discount)
        history.judge(after, self.max_game_length, discount)
        return base.Step(after, reward, discount)

    def legal_actions(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        actions = np.empty((len(states), self.max_legal_actions), dtype=np.int32)
        count = np.empty(len(states), dtype=np.int32)
        scratch = np.empty(geometry.SQUARES, dtype=np.uint64)
        kernels.legal_actions(base.kernel_ready(states), geometry.CODE, scratch, actions, count)
        return actions, count

    def observe(self, states: np.ndarray) -> np.ndarray:
        # Written with the planes last, which is what a channels-last network wants in memory; viewed planes first.
        planes = np.empty((len(states), 8, 8, self.observation_shape[0]), dtype=np.float32)
        history.observe(base.kernel_ready(states), self.history_length, self.max_game_length, planes)
        return planes.transpose(0, 3, 1, 2)

    def key(self, states: np.ndarray) -> np.ndarray:
        """[B] uint64: `position_key`, and what else the outcome depends on.

        That is, how often the position stood before, and the plies left until fifty moves or `max_game_length` end the
        game, in steps of 8 below 40. Earlier positions in the planes are left out: they change an evaluation a little.
        """
        keys = self.position_key(states)
        history.distinguish(base.kernel_ready(states), _ZOBRIST, self.max_game_length, keys)
        return keys

    def position_key(self, states: np.ndarray) -> np.ndarray:
        """[B] uint64 Zobrist keys, equal where the rule of threefold repetition sees one position: same pieces, mover,
        castling rights and captures en passant."""
        keys = np.empty(len(states), dtype=np.uint64)
        history.zobrist(base.kernel_ready(states), _ZOBRIST, keys)
        return keys

    def playouts(self, states: np.ndarray, seeds: np.ndarray, plies: np.ndarray | None = None) -> np.ndarray:
        outcome, played = np.empty(len(states), dtype=np.int8), np.zeros(len(states), dtype=np.int64)
        targets = np.empty(geometry.SQUARES, dtype=np.uint64)
        marks = np.empty((2, self.max_game_length // 2 + 1), dtype=np.uint64)
        seeds = base.mix64(np.asarray(seeds))
        playout_kernels.play_out(base.copied(states), seeds, self.max_game_length, targets, marks, outcome, played)
        if plies is not None:
            plies += played
        return outcome

    def settled(self, states: np.ndarray) -> np.ndarray:
        """[B] state_dtype: set-up positions with `terminal` as it must be: no legal move, or a draw by rule."""
        settled = base.copied(states)
        settled["terminal"] = False
        settled["terminal"] = self.legal_actions(settled)[1] == 0
        history.judge(settled, self.max_game_length, np.zeros(len(states), dtype=np.float32))
        return settled

    def unclaimed(self, states: np.ndarray) -> np.ndarray:
        """See `Game.unclaimed`: play goes on after the third occurrence of a position, fifty moves without progress and
        `max_game_length` plies, not without a legal move or enough material."""
        after, over = base.copied(states), np.flatnonzero(states["terminal"])
        anew = after[over]
        ply = anew["ply"].astype(np.int64)
        anew["first_move"] += ((ply + ((anew["to_play"] ^ ply) & 1)) // 2).astype(np.uint16)
        for field in ("ply", "clock", "window", "repeats"):
            anew[field] = 0
        anew = self.settled(anew)
        going = ~anew["terminal"]
        after[over[going]] = anew[going]
        return after

    def action_planes(self) -> np.ndarray:
        """73 planes over the square that the piece leaves (Silver et al. 2018, table S2); see `geometry.PLANE`."""
        source = geometry.MOVE[:, 0].astype(np.int64)
        return (geometry.PLANE * 8 + 7 - source // 8) * 8 + source % 8

    def action_to_string(self, state: np.void, action: int) -> str:
        """UCI; see `uci`."""
        return self.uci(state, action, self.chess960)

    def uci(self, state: np.void, action: int, chess960: bool = False) -> str:
        """Castling is the king's two-square move where king and rook stand as in usual chess, unless chess960 is set;
        otherwise the king's move onto its rook."""
        source, target, promotion = map(int, geometry.MOVE[action])
        suffix = PROMOTIONS[promotion] if int(state["pawns"]) >> source & 1 and target >= 56 else ""
        usual = source == 4 and target in (0, 7) and int(state["castling"]) >> target & 1
        if usual and int(state["kings"]) >> source & 1 and not chess960:
            target = 6 if target == 7 else 2
        turn = 56 if state["to_play"] else 0
        return square_name(source ^ turn) + square_name(target ^ turn) + suffix

    def to_string(self, state: np.void) -> str:
        """White below, for both players; white's pieces are capitals."""
        lines = []
        for rank in range(7, -1, -1):
            row = [piece_at(state, rank * 8 + file) for file in range(8)]
            lines.append(f"{rank + 1} {' '.join(row)}")
        return "\n".join([*lines, "  a b c d e f g h"])


def square_name(square: int) -> str:
    """a1 … h8, for squares numbered from white's side."""
    return "abcdefgh"[square % 8] + str(square // 8 + 1)


def piece_at(state: np.void, square: int) -> str:
    """The piece on a square numbered from white's side: a letter, capital for white, or a point for none."""
    seen = square ^ 56 if state["to_play"] else square
    kind = 0
    for name, value in (("pawns", 1), ("knights", 2), ("diagonals", 3), ("straights", 4), ("kings", 5)):
        kind += value * (int(state[name]) >> seen & 1)
    white = (int(state["own"]) >> seen & 1) != state["to_play"]
    return _PIECES[kind].upper() if white else _PIECES[kind]


def chess960_pieces(number: int) -> str:
    """White's first rank, files a to h, in a start position of Chess960. Numbered as R. Scharnagl did."""
    if not 0 <= number < 960:
        raise ValueError(f"{number} is no start position of Chess960: they are numbered 0 to 959.")
    rank = [""] * 8
    number, light = divmod(number, 4)
    number, dark = divmod(number, 4)
    knights, queen = divmod(number, 6)
    rank[2 * light + 1], rank[2 * dark] = "B", "B"
    free = [file for file in range(8) if not rank[file]]
    rank[free.pop(queen)] = "Q"
    pairs = [(first, second) for first in range(5) for second in range(first + 1, 5)]
    for file in pairs[knights]:
        rank[free[file]] = "N"
    for file, piece in zip((file for file in range(8) if not rank[file]), "RKR", strict=True):
        rank[file] = piece
    return "".join(rank)


def _start(number: int) -> np.ndarray:
    """[1] state_dtype."""
    rank = chess960_pieces(number)
    files = {piece: sum(1 << file for file in range(8) if rank[file] == piece) for piece in "NBRQK"}
    both_sides = {piece: bits | bits << 56 for piece, bits in files.items()}
    state = np.zeros(1, dtype=Chess.state_dtype)
    state["own"] = 0xFFFF
    state["pawns"] = 0x00FF00000000FF00
    state["knights"], state["kings"] = both_sides["N"], both_sides["K"]
    state["diagonals"] = both_sides["B"] | both_sides["Q"]
    state["straights"] = both_sides["R"] | both_sides["Q"]
    state["castling"] = both_sides["R"]
    state["first_move"] = 1
    return state


_START = _start(STANDARD)
_ZOBRIST = base.mix64(np.arange(1, (history.OTHER_ROW + 1) * 64 + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
_ZOBRIST = np.ascontiguousarray(_ZOBRIST.reshape(-1, 64))
