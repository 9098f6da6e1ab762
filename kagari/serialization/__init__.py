"""Saving and loading: PyTorch's file format, safetensors, and checkpoints of several files."""

from __future__ import annotations

from . import safetensors
from .load import get_unsafe_globals_in_checkpoint, load
from .names import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from .options import (
    LoadEndianness,
    get_crc32_options,
    get_default_load_endianness,
    get_default_mmap_options,
    set_crc32_options,
    set_default_load_endianness,
    set_default_mmap_options,
    skip_data,
)
from .save import save
from .shards import load_shards, save_shards

__all__ = [
    "LoadEndianness", "add_safe_globals", "clear_safe_globals", "get_crc32_options", "get_default_load_endianness",
    "get_default_mmap_options", "get_safe_globals", "get_unsafe_globals_in_checkpoint", "load", "load_shards",
    "safe_globals", "safetensors", "save", "save_shards", "set_crc32_options", "set_default_load_endianness",
    "set_default_mmap_options", "skip_data",
]  # fmt: skip
