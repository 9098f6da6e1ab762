"""Checksums of much memory, for the floors above."""

from __future__ import annotations

from ..engine.checksum import crc32, filled, joined

__all__ = ["crc32", "filled", "joined"]
