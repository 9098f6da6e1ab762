"""Every operator once, by family."""

from __future__ import annotations

from . import (
    activation,
    arrange,
    channelnorm,
    choose,
    compare,
    conv,
    copies,
    diagonal,
    gate,
    index,
    loss,
    matmul,
    memory,
    movement,
    normalize,
    pointwise,
    reduce,
    softmax,
    sort,
    unary,
)
from .operator import Operator

OPERATORS: tuple[Operator, ...] = (
    *memory.OPERATORS,
    *unary.OPERATORS,
    *pointwise.OPERATORS,
    *choose.OPERATORS,
    *compare.OPERATORS,
    *activation.OPERATORS,
    *gate.OPERATORS,
    *reduce.OPERATORS,
    *movement.OPERATORS,
    *diagonal.OPERATORS,
    *copies.OPERATORS,
    *arrange.OPERATORS,
    *index.OPERATORS,
    *matmul.OPERATORS,
    *conv.OPERATORS,
    *softmax.OPERATORS,
    *sort.OPERATORS,
    *loss.OPERATORS,
    *normalize.OPERATORS,
    *channelnorm.OPERATORS,
)
