"""Artifacts on disk: folders of files that are complete or absent, with digests that show it.

An artifact is written beside its place, synced, and renamed into it; its manifest lists the SHA-256 of every file and
says what the artifact is. Reading checks both, so a torn write, a flipped bit or a foreign file is found. What is
read is tensors (safetensors), arrays (.npy without pickles) and JSON: nothing that a user hands over is ever executed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import re
import shutil
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn
from torch.overrides import TorchFunctionMode

from selfplay.errors import CheckpointError, shorten
from selfplay.storage import bounded, json_text

FORMAT = 1
MANIFEST = "manifest.json"
_PARTIAL = re.compile(r"\.\d{6,}\.partial")  # what `write` is writing, of an artifact with a number for a name
_DAMAGE = (ValueError, KeyError, TypeError, AttributeError)  # what reading a damaged JSON file raises


def write(folder: Path, files: Mapping[str, bytes], meta: Mapping[str, Any]) -> None:
    """Writes an artifact; at any instant `folder` holds the old one (or nothing) or the new one, never a mixture.

    Between two renames the old one lies aside: `read` finds it there, and `recover` puts it back after a crash. Raises
    CheckpointError, leaving no partial file behind, when the disk refuses.
    """
    partial, aside = folder.with_name(f".{folder.name}.partial"), _aside(folder)
    manifest = {"format": FORMAT, "meta": dict(meta), "files": {name: digest(data) for name, data in files.items()}}
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, data in files.items():
            write_file(partial / name, data)
        write_file(partial / MANIFEST, _sealed(manifest))
        _sync(partial)
        if folder.exists():
            remove(aside)
            folder.rename(aside)
        partial.rename(folder)
        _sync(folder.parent)
        remove(aside)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        with contextlib.suppress(OSError):  # else the next session does it
            recover(folder.parent)
        size = sum(map(len, files.values())) / 2**20
        raise CheckpointError(
            f"cannot write {folder} ({error.strerror or error}): {size:.1f} MB and write permission are needed there."
        ) from error


def recover(parent: Path) -> None:
    """Puts right what a crash in the middle of `write` left among the artifacts in `parent`, and deletes what it had
    not finished: for writers only. Raises OSError."""
    for partial in parent.glob(".*.partial"):
        if _PARTIAL.fullmatch(partial.name):
            shutil.rmtree(partial)
    for aside in parent.glob(".*.aside"):
        folder = aside.with_name(aside.name[1 : -len(".aside")])
        if not is_one(aside):
            continue
        if folder.exists():
            remove(aside)
        else:
            aside.rename(folder)


def is_one(folder: Path) -> bool:
    """Whether `folder` holds an artifact, whole or damaged: it has a manifest with a format and names of files."""
    return _named(folder) is not None


def remove(folder: Path) -> None:
    """Deletes an artifact: the files that its manifest names, the manifest, and the folder where nothing else is in it.
    Nothing is deleted where no manifest can be read. What the system refuses to delete stays, without an error."""
    names = _named(folder)
    with contextlib.suppress(OSError):
        for name in [*(names or []), *([] if names is None else [MANIFEST])]:
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()


def drop(folder: Path) -> None:
    """Deletes an artifact as `remove` does, but first renames it, so that a reader finds all of it or nothing, and a
    crash meanwhile leaves what `drop_leftovers` deletes. One with a file of somebody else's in it keeps its name."""
    names = _named(folder)
    with contextlib.suppress(OSError):
        if names is not None and {each.name for each in folder.iterdir()} <= {*names, MANIFEST}:
            folder = folder.rename(folder.with_name(f".{folder.name}.dropped"))
    remove(folder)


def drop_leftovers(parent: Path) -> None:
    """Deletes what a crash in the middle of `drop` left among the artifacts in `parent`."""
    for left in parent.glob(".*.dropped"):
        remove(left)


def _named(folder: Path) -> list[str] | None:
    """Names of the files in an artifact, those outside its folder left out; None where there is no artifact."""
    try:
        manifest = bounded.read_json(folder / MANIFEST)
        if not isinstance(manifest["format"], int):
            return None
        return [name for name in dict(manifest["files"]) if Path(name).name == name]
    except (OSError, *_DAMAGE):
        return None


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.aside")


def _sealed(manifest: Mapping[str, Any]) -> bytes:
    """The manifest as JSON, its own digest included: a flipped bit in `meta` must not go unnoticed either."""
    body = json_text.dumps(manifest, indent=1)
    return json_text.dumps({**manifest, "sha256": digest(body.encode())}, indent=1).encode()


def read(folder: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """(meta, file contents by name) of an artifact. Raises CheckpointError if anything about it is not as written."""
    if not folder.exists() and _aside(folder).exists():
        folder = _aside(folder)
    meta, digests = _manifest(folder)
    files = {}
    for name in digests:
        path = folder / name
        _require_plain(folder, name)
        if not os.path.isfile(path):  # missing, or something that reading would wait for
            raise CheckpointError(f"{path} is missing; use another checkpoint.")
        try:
            files[name] = bounded.read(path)
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read ({error.strerror}); use another checkpoint.") from None
        if digest(files[name]) != digests[name]:
            raise CheckpointError(f"{path} is damaged: its SHA-256 is not the one written; use another checkpoint.")
    return meta, files


def identity(folder: Path) -> str:
    """16 hex digits that identify an artifact: equal for equal files and meta. Raises CheckpointError."""
    try:
        return digest(bounded.read(folder / MANIFEST, bounded.MAX_JSON))[:16]
    except OSError as error:
        raise CheckpointError(f"{folder / MANIFEST} cannot be read ({error.strerror}).") from None


def _manifest(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """(meta, digests by file name)."""
    path = folder / MANIFEST
    try:
        data = bounded.read(path, bounded.MAX_JSON)
        manifest = bounded.parse_json(data)
        version, meta, digests = manifest["format"], manifest["meta"], manifest["files"]
    except FileNotFoundError:
        raise CheckpointError(f"{folder} is not a checkpoint: it has no {MANIFEST}.") from None
    except (OSError, *_DAMAGE) as error:
        raise CheckpointError(f"{path} is damaged ({bounded.reason(error)}); use another checkpoint.") from None
    if version != FORMAT and isinstance(version, int):
        raise CheckpointError(f"{folder} has format {version}, this version reads format {FORMAT}: update selfplay.")
    written = {"format": version, "meta": meta, "files": digests}
    if not (isinstance(meta, dict) and isinstance(digests, dict)) or data != _sealed(written):
        raise CheckpointError(f"{path} is damaged: it is not as it was written; use another checkpoint.")
    return meta, digests


def check(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """(meta, what is wrong with each file: "missing" or "damaged") of an artifact, in the memory of one block. Raises
    CheckpointError where the manifest cannot be used."""
    meta, digests = _manifest(folder)
    found = {}
    for name, written in digests.items():
        path = folder / name
        _require_plain(folder, name)
        if not os.path.isfile(path):
            found[name] = "missing"
        elif digest_of(path) != written:
            found[name] = "damaged"
    return meta, found


def digest_of(path: Path) -> str | None:
    """SHA-256 of a file's content, read block by block; None where the system refuses to read it."""
    try:
        with bounded.opened(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _require_plain(folder: Path, name: str) -> None:
    """Raises CheckpointError for a name that leads out of its folder."""
    if Path(name).name != name or os.path.islink(folder / name):
        raise CheckpointError(
            f"{folder / MANIFEST} names '{shorten(name, 80)}', which is outside its folder; do not trust it."
        )


def write_file(path: Path, data: bytes) -> None:
    """Writes and syncs one file, which must not be there. Raises OSError."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, data: bytes) -> None:
    """Writes one file beside `path`, then renames it there; a link is replaced, not followed. Nothing is left beside it
    where that fails. Devices and pipes stay, and links to them in /dev. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        mode = path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)) or path.absolute().parent == Path("/dev"):
            raise OSError(errno.EINVAL, "not a file that could be replaced", str(path))
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        write_file(partial, data)
        partial.rename(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
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
    except (SafetensorError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        raise CheckpointError(f"{name} is not a safetensors file ({error}).") from None
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor.float()).all():
            raise CheckpointError(f"{name} holds numbers that are not finite (in {key}); use another checkpoint.")
    return tensors


def require_fit(build: Callable[[], nn.Module], tensors: Mapping[str, torch.Tensor], folder: Path) -> None:
    """Raises CheckpointError where these tensors are not those of the network that `build` makes. It is built without
    memory first: what a checkpoint says of its network may ask for far more than the checkpoint holds."""
    with torch.device("meta"), _Undrawn():
        wanted = build().state_dict()
    if {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()} != {
        name: (tensor.shape, tensor.dtype) for name, tensor in wanted.items()
    }:
        raise CheckpointError(f"{folder} holds weights that do not fit the network it describes.")


class _Undrawn(TorchFunctionMode):
    """Draws no initial weights: for tensors without memory PyTorch would load its compiler to do so, for a second."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return torch.empty(*args, **kwargs) if func is torch.randn else func(*args, **kwargs)


def pack_array(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def unpack_array(data: bytes, name: str) -> np.ndarray:
    """Raises CheckpointError when `data` is not a .npy file free of pickles."""
    try:
        array: np.ndarray = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, MemoryError, OverflowError, TypeError) as error:
        raise CheckpointError(f"{name} is not a plain .npy file ({error}).") from None
    return array
