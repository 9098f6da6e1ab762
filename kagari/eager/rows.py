"""Samples in the rows of a batch, for the floors above."""

from __future__ import annotations

from ..engine.rows import ARRAYS, FLOATS, INTEGERS, OBJECTS, TENSORS, Rows, column, prepare

__all__ = ["ARRAYS", "FLOATS", "INTEGERS", "OBJECTS", "Rows", "TENSORS", "column", "prepare"]
