"""The device for tensors, and the tuning of this process: number format, allocator, threads."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
from functools import cache
from pathlib import Path

import torch

_NATIVE_BF16_FLAGS = ("avx512_bf16", "amx_bf16")


def best() -> torch.device:
    """The GPU when there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def gpus() -> int:
    """GPUs of this machine that may be used."""
    return torch.cuda.device_count()


def memory() -> int:
    """Bytes of this machine's memory."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch or Python says that memory ran out."""
    of_torch = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, MemoryError) or any(words in str(error) for words in of_torch)


def release_memory() -> None:
    """Gives unused memory back, before something is tried again."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


@cache
def compute_dtype(device_type: str) -> torch.dtype:
    """bfloat16 where the processor computes in it natively (2x faster there), else float32."""
    if device_type == "cuda":
        natively = torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if natively else torch.float32
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text() if cpuinfo.exists() else ""
    return torch.bfloat16 if any(flag in flags for flag in _NATIVE_BF16_FLAGS) else torch.float32


def tune_process(threads: int = 1) -> None:
    """One process, one core: intra-op threads cost more than they bring on small batches, and glibc's allocator, which
    maps and trims large activation buffers at every operation, is told to keep them (+27 % on batches of 256)."""
    torch.set_num_threads(threads)
    if platform.system() == "Linux" and platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        m_mmap_threshold, m_trim_threshold, m_top_pad = -3, -1, -2
        libc.mallopt(m_mmap_threshold, 2**31 - 1)
        libc.mallopt(m_trim_threshold, 2**31 - 1)
        libc.mallopt(m_top_pad, 256 * 2**20)
