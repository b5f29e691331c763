"""Readers of image files: IDX, the format of MNIST, and the binary version of CIFAR-10.

Nothing is downloaded. A file's header must agree with its length. Knows bytes and arrays, not data sets.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from selfplay.errors import UserError

LARGEST = 2**32  # bytes that a file may hold when unpacked, so that a damaged header cannot fill the memory
UNPACKED = 2**26  # bytes; a gzipped file that holds more must not be
SHRINKS = 100  # times smaller than what it holds, which images are not
GZIP = b"\x1f\x8b"
UNSIGNED_BYTES = 0x08  # the only one of IDX's number types that images and labels use
MOST_AXES = 4
CIFAR_SHAPE = (3, 32, 32)  # planes red, green, blue; rows; columns
CIFAR_RECORD = 1 + 3 * 32 * 32  # label, pixels
CIFAR_CLASSES = 10


class DataError(UserError):
    """Data that cannot be read or used."""


def read_idx(path: Path) -> np.ndarray:
    """The array in an IDX file of unsigned bytes, plain or gzipped: uint8, of the shape in its header, read-only.

    The format: two zero bytes, the number type, the number of axes, the axes as big-endian uint32, the numbers.
    Raises DataError when the file is missing, of another kind, damaged, cut off, too long, or larger than LARGEST.
    """
    path = Path(path)
    _check_is_file(path)
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == GZIP
            raw.seek(0)
            with gzip.open(raw) if zipped else raw as file:
                shape = _idx_shape(path, file.read(4), file.read(4 * MOST_AXES))
                size = int(np.prod(shape, dtype=object))
                if size > LARGEST:
                    raise DataError(f"{path} claims to hold {size} bytes: expected at most {LARGEST}.")
                if size > max(UNPACKED, SHRINKS * path.stat().st_size):
                    raise DataError(f"{path} claims to hold {size:,} bytes in {path.stat().st_size:,}: it is damaged.")
                file.seek(4 + 4 * len(shape))
                data = file.read(size + 1)  # one byte more, so that gzip reaches the end and tests its checksum
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, error) from None
    if len(data) != size:
        found = "more" if len(data) > size else f"only {len(data)}"
        raise DataError(f"{path} should hold {size} bytes after its header {shape} but holds {found}: it is damaged.")
    return np.frombuffer(data, dtype=np.uint8).reshape(shape)


def _idx_shape(path: Path, magic: bytes, axes: bytes) -> tuple[int, ...]:
    if len(magic) < 4 or magic[:2] != b"\0\0" or not 1 <= magic[3] <= MOST_AXES:
        raise DataError(f"{path} is not an IDX file: expected two zero bytes, a type and 1 to {MOST_AXES} axes.")
    if magic[2] != UNSIGNED_BYTES:
        raise DataError(f"{path} holds numbers of IDX type 0x{magic[2]:02x}: expected unsigned bytes, 0x08.")
    count = magic[3]
    if len(axes) < 4 * count:
        raise DataError(f"{path} is cut off in its header.")
    return struct.unpack(f">{count}I", axes[: 4 * count])


def read_idx_images(images: Path, labels: Path | None = None) -> tuple[np.ndarray, np.ndarray | None]:
    """(pixels [N, 1, R, C] uint8, labels [N] int64 or None) from an IDX file of images [N, R, C] and one of labels [N].

    Raises DataError as `read_idx` does, and when the files do not match or hold no image.
    """
    pixels = read_idx(images)
    if pixels.ndim != 3 or pixels.size == 0:
        raise DataError(f"{images} has the shape {pixels.shape}; images need three axes: number, rows, columns.")
    if labels is None:
        return pixels[:, None], None
    classes = read_idx(labels)
    if classes.shape != pixels.shape[:1]:
        raise DataError(f"{labels} has the shape {classes.shape}, but {images} holds {len(pixels)} images.")
    return pixels[:, None], classes.astype(np.int64)


def read_cifar10(paths: Sequence[Path]) -> tuple[np.ndarray, np.ndarray]:
    """(pixels [N, 3, 32, 32] uint8, labels [N] int64, 0–9) from files of CIFAR-10's binary version, such as
    data_batch_1.bin: records of a label and 3,072 pixels.

    Raises DataError when no file is given, or one is missing, damaged, cut off, or larger than LARGEST.
    """
    if not paths:
        raise DataError("CIFAR-10 needs the path of at least one file, such as data_batch_1.bin.")
    records = np.concatenate([_cifar10_records(Path(path)) for path in paths])
    return records[:, 1:].reshape(-1, *CIFAR_SHAPE), records[:, 0].astype(np.int64)


def _cifar10_records(path: Path) -> np.ndarray:
    _check_is_file(path)
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise DataError(f"{path} has {size} bytes: expected at most {LARGEST}.")
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None
    if not data or len(data) % CIFAR_RECORD:
        raise DataError(f"{path} has {len(data)} bytes, not a multiple of {CIFAR_RECORD}: no whole CIFAR-10 records.")
    records = np.frombuffer(data, dtype=np.uint8).reshape(-1, CIFAR_RECORD)
    if (label := int(records[:, 0].max())) >= CIFAR_CLASSES:
        raise DataError(f"{path} has the label {label}, but CIFAR-10 has 0 to 9: it is damaged or another set.")
    return records


def _check_is_file(path: Path) -> None:
    """Raises DataError for anything but a regular file: reading from a pipe or a terminal would not return."""
    if not path.is_file():
        raise DataError(f"{path} is not a file." if path.exists() else f"There is no file {path}.")


def _unreadable(path: Path, error: Exception) -> DataError:
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
    return DataError(f"{path} cannot be read ({why.rstrip('.')}).")
