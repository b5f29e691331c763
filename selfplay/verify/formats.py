"""Files with checksums of their own: PNG pictures and TensorBoard's event files, both by CRC. Reads one chunk at a
time; knows nothing of what is drawn."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

from selfplay.storage import bounded

_PNG = b"\x89PNG\r\n\x1a\n"
_LONGEST = 2**26  # bytes of a chunk; ours have less than a million


def png_is_whole(path: Path) -> bool:
    """Whether every chunk of a PNG file has its CRC and the last one ends the file. Raises OSError."""
    with bounded.opened(path) as file:
        if file.read(8) != _PNG:
            return False
        while True:
            head = file.read(8)
            if len(head) < 8:
                return False
            length, kind = struct.unpack(">I4s", head)
            if length > _LONGEST:
                return False
            data, crc = file.read(length), file.read(4)
            if crc != struct.pack(">I", zlib.crc32(kind + data)):
                return False
            if kind == b"IEND":
                return file.read(1) == b""


def _crc32c_of(byte: int) -> int:
    """CRC-32C (Castagnoli, reflected) of a byte, without the inversions before and after."""
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_TABLE = [_crc32c_of(byte) for byte in range(256)]


def _masked_crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def events_are_whole(path: Path) -> bool | None:
    """Whether every record of an event file has its CRCs; None where the file only ends in the middle of one, as a kill
    leaves it. Raises OSError."""
    with bounded.opened(path) as file:
        while head := file.read(12):
            if len(head) < 12:
                return None
            length, crc = struct.unpack("<QI", head)
            if crc != _masked_crc32c(head[:8]) or length > _LONGEST:
                return False
            data, tail = file.read(length), file.read(4)
            if len(tail) < 4:
                return None
            if struct.unpack("<I", tail)[0] != _masked_crc32c(data):
                return False
    return True
