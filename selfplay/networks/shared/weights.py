"""Weights as bytes, named by their content: who uses equal weights shares them, whatever their generation is called."""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Mapping
from typing import Any

from selfplay.networks.shared import messages, segment


def digest(weights: Mapping[str, Any]) -> bytes:
    """Of a state_dict: names, formats, shapes and numbers."""
    found = hashlib.blake2b(digest_size=messages.DIGEST)
    for name, tensor in sorted(weights.items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        found.update(memoryview(tensor.detach().cpu().contiguous().numpy()).cast("B") if tensor.numel() else b"")
    return found.digest()


def to_memory(weights: Mapping[str, Any]) -> tuple[int, int]:
    """(descriptor of new anonymous memory that holds them, bytes). The caller closes it."""
    from safetensors.torch import save

    packed = save({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()})
    descriptor = segment.sealed(len(packed))
    with mmap.mmap(descriptor, len(packed)) as memory:
        memory[:] = packed
    return descriptor, len(packed)


def from_memory(descriptor: int, size: int) -> dict[str, Any]:
    """What `to_memory` gave. Raises ValueError or a SafetensorError for anything else."""
    from safetensors.torch import load

    if os.fstat(descriptor).st_size != size:
        raise ValueError("weights of another size were announced.")
    with mmap.mmap(descriptor, size, prot=mmap.PROT_READ) as memory:
        return load(memory[:])
