"""Tic-tac-toe, connect four and a tree search in the most obvious Python: what the compiled, batched code is measured
against. A board is a list of cells, 0 empty, 1 and 2 the players' stones; nothing here is clever on purpose.
"""

from __future__ import annotations

import math
import random


class TicTacToe:
    columns, rows, line = 3, 3, 3

    def __init__(self) -> None:
        self.cells = [0] * (self.columns * self.rows)
        self.player = 1
        self.stones = 0
        self.winner = 0

    def copy(self) -> TicTacToe:
        other = type(self).__new__(type(self))
        other.cells, other.player = self.cells[:], self.player
        other.stones, other.winner = self.stones, self.winner
        return other

    def over(self) -> bool:
        return self.winner != 0 or self.stones == len(self.cells)

    def actions(self) -> list[int]:
        return [cell for cell, stone in enumerate(self.cells) if stone == 0]

    def cell_of(self, action: int) -> int:
        return action

    def play(self, action: int) -> None:
        cell = self.cell_of(action)
        self.cells[cell] = self.player
        self.stones += 1
        if self._completes_line(cell):
            self.winner = self.player
        self.player = 3 - self.player

    def _completes_line(self, cell: int) -> bool:
        row, column = divmod(cell, self.columns)
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
            count = 1
            for sign in (1, -1):
                r, c = row + sign * down, column + sign * right
                while 0 <= r < self.rows and 0 <= c < self.columns and self.cells[r * self.columns + c] == self.player:
                    count += 1
                    r, c = r + sign * down, c + sign * right
            if count >= self.line:
                return True
        return False


class ConnectFour(TicTacToe):
    columns, rows, line = 7, 6, 4

    def actions(self) -> list[int]:
        return [column for column in range(self.columns) if self.cells[column] == 0]

    def cell_of(self, action: int) -> int:
        row = self.rows - 1
        while self.cells[row * self.columns + action]:
            row -= 1
        return row * self.columns + action


GAMES = {"tic-tac-toe": TicTacToe, "connect-four": ConnectFour}


def random_game(name: str, rng: random.Random) -> int:
    """Plays one random game; returns its number of plies."""
    game = GAMES[name]()
    while not game.over():
        game.play(rng.choice(game.actions()))
    return game.stones


def openings(name: str, count: int, most_plies: int, rng: random.Random) -> list[TicTacToe]:
    """Positions after 0 to `most_plies` random plies, at most half a game; none of them is over."""
    found: list[TicTacToe] = []
    while len(found) < count:
        game = GAMES[name]()
        for _ in range(rng.randint(0, min(most_plies, len(game.cells) // 2))):
            if not game.over():
                game.play(rng.choice(game.actions()))
        if not game.over():
            found.append(game)
    return found


def perft(game: TicTacToe, depth: int) -> int:
    """Number of sequences of `depth` moves."""
    if depth == 0:
        return 1
    if game.over():
        return 0
    total = 0
    for action in game.actions():
        after = game.copy()
        after.play(action)
        total += perft(after, depth - 1)
    return total


class Node:
    """A position in the tree. Values are for the player who moved into it."""

    def __init__(self, prior: float) -> None:
        self.prior = prior
        self.visits = 0
        self.value_sum = 0.0
        self.children: dict[int, Node] = {}


def search(root_game: TicTacToe, simulations: int, c_puct: float = 1.5, fpu_reduction: float = 0.2) -> Node:
    """PUCT with uniform priors and every unfinished position valued as a draw."""
    root = Node(1.0)
    for _ in range(simulations + 1):  # the first evaluates the root
        node, game, path = root, root_game.copy(), [root]
        while node.children:
            action, node = select(node, c_puct, fpu_reduction)
            game.play(action)
            path.append(node)
        value = 1.0 if game.winner else 0.0  # for the player who moved last
        if not game.over():
            legal = game.actions()
            node.children = {action: Node(1 / len(legal)) for action in legal}
        for visited in reversed(path):
            visited.visits += 1
            visited.value_sum += value
            value = -value
    return root


def select(node: Node, c_puct: float, fpu_reduction: float) -> tuple[int, Node]:
    own_value = -node.value_sum / node.visits
    tried = sum(child.prior for child in node.children.values() if child.visits)
    unvisited = own_value - fpu_reduction * math.sqrt(tried)
    root_visits = math.sqrt(node.visits)

    def score(child: Node) -> float:
        value = child.value_sum / child.visits if child.visits else unvisited
        return value + c_puct * child.prior * root_visits / (1 + child.visits)

    return max(node.children.items(), key=lambda item: score(item[1]))
