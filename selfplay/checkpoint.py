"""Artifacts on disk: folders of files that are whole or absent, and that prove it.

An artifact is written beside its place, synced, and renamed into it; its manifest lists the SHA-256 of every file and
says what the artifact is. Reading checks both, so a torn write, a flipped bit or a stranger's file is found. What is
read is tensors (safetensors), arrays (.npy without pickles) and JSON: nothing that a user hands over is ever executed.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError

from selfplay.errors import CheckpointError

FORMAT = 1
MANIFEST = "manifest.json"


def write(folder: Path, files: Mapping[str, bytes], meta: Mapping[str, Any]) -> None:
    """Writes an artifact; at any instant `folder` holds the old one (or nothing) or the new one, never a mixture.

    Raises CheckpointError, leaving no partial file behind, when the disk refuses.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    manifest = {"format": FORMAT, "meta": dict(meta), "files": {name: digest(data) for name, data in files.items()}}
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, data in files.items():
            write_file(partial / name, data)
        write_file(partial / MANIFEST, json.dumps(manifest, indent=1).encode())
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
        _sync(folder.parent)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        size = sum(map(len, files.values())) / 2**20
        raise CheckpointError(
            f"cannot write {folder} ({error.strerror or error}): {size:.1f} MB and write permission are needed there."
        ) from error


def read(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """(meta, file contents by name) of an artifact. Raises CheckpointError if anything about it is not as written."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        version, meta, digests = manifest["format"], manifest["meta"], manifest["files"]
        names = [str(name) for name in digests]
    except FileNotFoundError:
        raise CheckpointError(f"{folder} is not a checkpoint: it has no {MANIFEST}.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{folder / MANIFEST} is damaged ({type(error).__name__}); use another checkpoint."
        ) from None
    if version != FORMAT:
        raise CheckpointError(f"{folder} has format {version}, this version reads format {FORMAT}: update selfplay.")
    files = {}
    for name in names:
        path = folder / name
        if Path(name).name != name or path.is_symlink():
            raise CheckpointError(f"{folder / MANIFEST} names '{name}', which is outside its folder; do not trust it.")
        try:
            files[name] = path.read_bytes()
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read ({error.strerror}); use another checkpoint.") from None
        if digest(files[name]) != digests[name]:
            raise CheckpointError(f"{path} is damaged: its SHA-256 is not the one written; use another checkpoint.")
    return meta, files


def write_file(path: Path, data: bytes) -> None:
    """Writes and syncs one file. Raises OSError."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, data: bytes) -> None:
    """Writes one file beside `path`, then renames it there. Raises OSError."""
    partial = path.with_name(f".{path.name}.partial")
    write_file(partial, data)
    partial.rename(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def pack_tensors(tensors: Mapping[str, torch.Tensor]) -> bytes:
    return safetensors.torch.save({name: tensor.contiguous() for name, tensor in tensors.items()})


def unpack_tensors(data: bytes, name: str) -> dict[str, torch.Tensor]:
    """Raises CheckpointError when `data` is not safetensors or holds a number that is not finite."""
    try:
        tensors = safetensors.torch.load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"{name} is not a safetensors file ({error}).") from None
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise CheckpointError(f"{name} holds numbers that are not finite (in {key}); use another checkpoint.")
    return tensors


def pack_array(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def unpack_array(data: bytes, name: str) -> np.ndarray:
    """Raises CheckpointError when `data` is not a .npy file free of pickles."""
    try:
        array: np.ndarray = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise CheckpointError(f"{name} is not a plain .npy file ({error}).") from None
    return array
