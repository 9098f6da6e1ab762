"""Floats of eight bits in NumPy arrays, by the formulas that kernels are made of."""

from __future__ import annotations

from functools import cache

import numpy as np

from ..base.dtypes import dtype, float32, uint8
from ..ir.bytes import decode, encode
from ..ir.graph import Graph, Value
from .interpret import interpret


@cache
def numbers_of_bytes(dt: dtype) -> np.ndarray:
    """What each byte stands for in a type of floats of eight bits."""
    x = Value("input", (), (0,), (256,), uint8)
    return interpret(Graph((x,), (decode(x, dt),)), (np.arange(256),))[0]


def bytes_of_numbers(values: np.ndarray, dt: dtype) -> np.ndarray:
    """The bytes nearest to an array's numbers."""
    x = Value("input", (), (0,), values.shape, float32)
    return interpret(Graph((x,), (encode(x, dt),)), (values.astype(np.float32),))[0]
