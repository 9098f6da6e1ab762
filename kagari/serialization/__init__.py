"""Saving and loading: PyTorch's file format, safetensors, and checkpoints of several files."""

from __future__ import annotations

from . import safetensors
from .load import load
from .names import add_safe_globals, clear_safe_globals, get_safe_globals, safe_globals
from .save import save
from .shards import load_shards, save_shards

__all__ = [
    "add_safe_globals", "clear_safe_globals", "get_safe_globals", "load", "load_shards", "safe_globals", "safetensors",
    "save", "save_shards",
]  # fmt: skip
