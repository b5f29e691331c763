"""What clients and servers of shared inference say to each other: short datagrams on a Unix socket, one kind a letter.

    client → server                                         server → client
    HELLO     sizes of its segment; carries a descriptor    WELCOME  the server's process
    USE       the weights it wants, all of them, by digest  NEED     the weights it is to send; none: all are there
    WEIGHTS   digest and size; carries a descriptor         ANSWER   a request's slot is filled
    REQUEST   a slot of positions, and for which weights    REFUSAL  why the server does not go on with this client

The socket lies in Linux's abstract namespace: its name goes with the process that listens, so nothing is left behind
and only one can have it. Positions, answers and weights travel in shared memory; see `segment`.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable
from typing import NamedTuple

HELLO, USE, WEIGHTS, REQUEST = b"H", b"U", b"L", b"R"
WELCOME, NEED, ANSWER, REFUSAL = b"W", b"N", b"A", b"E"
DIGEST = 16  # bytes
LONGEST = 4096  # bytes of a message
BACKLOG = 4096  # clients that may wait for a server which is starting

_HELLO = struct.Struct("<IIII")  # slots, capacity, width, bytes of a state
_WEIGHTS = struct.Struct(f"<{DIGEST}sQ")
_REQUEST = struct.Struct(f"<QII{DIGEST}s")
_ANSWER = struct.Struct("<QIIQ")
_WELCOME = struct.Struct("<Q")


class Request(NamedTuple):
    number: int  # of the client's requests, rising
    slot: int
    rows: int
    digest: bytes  # of the weights


class Answer(NamedTuple):
    number: int
    batch: int  # positions of the batch that it was part of
    queue: int  # positions that waited when that batch began, its own among them
    waited: int  # microseconds from its arrival to the beginning of that batch


def hello(slots: int, capacity: int, width: int, state: int) -> bytes:
    return HELLO + _HELLO.pack(slots, capacity, width, state)


def parse_hello(message: bytes) -> tuple[int, int, int, int]:
    slots, capacity, width, state = _HELLO.unpack(message[1:])
    return slots, capacity, width, state


def welcome(pid: int) -> bytes:
    return WELCOME + _WELCOME.pack(pid)


def parse_welcome(message: bytes) -> int:
    return int(_WELCOME.unpack(message[1:])[0])


def digests(kind: bytes, listed: Iterable[bytes]) -> bytes:
    """A USE or NEED message."""
    return kind + b"".join(listed)


def parse_digests(message: bytes) -> list[bytes]:
    return [message[at : at + DIGEST] for at in range(1, len(message), DIGEST)]


def weights(digest: bytes, size: int) -> bytes:
    return WEIGHTS + _WEIGHTS.pack(digest, size)


def parse_weights(message: bytes) -> tuple[bytes, int]:
    digest, size = _WEIGHTS.unpack(message[1:])
    return digest, size


def request(asked: Request) -> bytes:
    return REQUEST + _REQUEST.pack(*asked)


def parse_request(message: bytes) -> Request:
    return Request(*_REQUEST.unpack(message[1:]))


def answer(given: Answer) -> bytes:
    return ANSWER + _ANSWER.pack(*given)


def parse_answer(message: bytes) -> Answer:
    return Answer(*_ANSWER.unpack(message[1:]))


def refusal(why: str) -> bytes:
    return REFUSAL + why.encode()[: LONGEST - 1]


def address(key: str, number: int) -> str:
    """Of server `number` of the run `key` on this node."""
    return f"\0selfplay-inference-{os.getuid()}-{key}-{number}"


def is_own(connection: socket.socket) -> bool:
    """Whether the other end is a process of this user: abstract sockets have no file whose owner would say so."""
    return _peer(connection)[1] == os.getuid()


def listener(connection: socket.socket) -> int:
    """The process that listened when this was connected: a server, or the client that had just begun to start one."""
    return _peer(connection)[0]


def _peer(connection: socket.socket) -> tuple[int, int, int]:
    """(process, user, group) of the other end."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    process, user, group = struct.unpack("3i", credentials)
    return process, user, group


def receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """(message, descriptors that it carries); b"" where the other end has closed or died."""
    try:
        message, descriptors, _, _ = socket.recv_fds(connection, LONGEST, 1)
    except (ConnectionResetError, BrokenPipeError):
        return b"", []
    return message, list(descriptors)
