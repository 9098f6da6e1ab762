"""Optimizer steps: one native call over all parameters.

A step is element-wise arithmetic on a parameter, its gradient and its state, written here over IR values; from it
follows one kernel that reads and writes each of them once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from ..base.dtypes import dtype
from ..engine import foreach as engine
from ..engine.code import native
from ..ops import updates
from .convert import wrap

Update = Callable[..., Any]


def sgd_step(
    params: list[Any],
    grads: list[Any],
    momentum_buffers: list[Any] | None,
    *,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
    first: bool,
) -> None:
    """One step of gradient descent, in place: g = grad + weight_decay p; b = momentum b + (1 - dampening) g; p = p - lr
    b.

    `first` starts the momentum buffers at g. `nesterov` steps along g + momentum b. `maximize` turns the sign of the
    gradient.
    """
    key = (
        (weight_decay != 0.0, nesterov, maximize, first)
        if momentum_buffers is not None
        else (weight_decay != 0.0, False, maximize, False)
    )
    scalars = (float(lr), float(momentum), 1.0 - dampening, float(weight_decay))
    if momentum_buffers is None:
        _apply(updates.sgd_plain, key, (True, False), scalars, (params, grads))
    else:
        _apply(updates.sgd_momentum, key, (True, False, True), scalars, (params, grads, momentum_buffers))


def adam_step(
    params: list[Any],
    grads: list[Any],
    exp_avgs: list[Any],
    exp_avg_sqs: list[Any],
    max_exp_avg_sqs: list[Any] | None,
    *,
    step: int | list[int],
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    decoupled: bool,
    amsgrad: bool,
    maximize: bool,
) -> None:
    """One step of Adam (Kingma and Ba, 2015), in place; `decoupled` is AdamW (Loshchilov and Hutter, 2019).

    m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2; p = p - lr / (1 - beta1^t) * m / (sqrt(v / (1 -
    beta2^t)) + eps).
    """
    lists = [params, grads, exp_avgs, exp_avg_sqs, *([max_exp_avg_sqs] if max_exp_avg_sqs is not None else [])]
    if not isinstance(step, int):
        for t in sorted(set(step)):
            p, g, m, v, *top = [[x for x, s in zip(tensors, step) if s == t] for tensors in lists]
            adam_step(
                p,
                g,
                m,
                v,
                top[0] if top else None,
                step=t,
                lr=lr,
                beta1=beta1,
                beta2=beta2,
                eps=eps,
                weight_decay=weight_decay,
                decoupled=decoupled,
                amsgrad=amsgrad,
                maximize=maximize,
            )
        return
    correction1, correction2 = 1.0 - beta1**step, 1.0 - beta2**step
    decay = 1.0 - lr * weight_decay if decoupled else float(weight_decay)
    scalars = (lr / correction1, correction2**0.5, float(eps), 1.0 - beta1, float(beta2), 1.0 - beta2, decay)
    key = (weight_decay != 0.0, decoupled, amsgrad, maximize)
    writes = (True, False, True, True, True)[: len(lists)]
    _apply(updates.adam, key, writes, scalars, tuple(lists))


@cache
def _kernel(update: Update, key: tuple[bool, ...], writes: tuple[bool, ...], scalars: int, dt: dtype) -> engine.ForEach:
    return engine.ForEach(lambda s, tensors: update(key, s, *tensors), writes, scalars, dt)


def _apply(
    update: Update,
    key: tuple[bool, ...],
    writes: tuple[bool, ...],
    scalars: tuple[float, ...],
    lists: tuple[list[Any], ...],
) -> None:
    """Runs an update over the lists; sets that do not share a layout are brought to one first."""
    start, count = 0, len(lists[0])
    while start < count:
        dt = lists[0][start]._layout.dtype
        kernel = _kernel(update, key, writes, len(scalars), dt)
        part = lists if not start else tuple(tensors[start:] for tensors in lists)
        start += native().foreach(kernel.address, scalars, dt, *part)
        if start < count and (lists[0][start]._layout.dtype is dt):
            _apply_copied(kernel, writes, scalars, [tensors[start] for tensors in lists])
            start += 1


def _apply_copied(
    kernel: engine.ForEach, writes: tuple[bool, ...], scalars: tuple[float, ...], tensors: list[Any]
) -> None:
    """One set whose layouts differ: the kernel runs on contiguous copies, and what it wrote is copied back."""
    dt = tensors[0]._layout.dtype
    copies = [t.detach().to(dt).clone().contiguous() for t in tensors]
    done = native().foreach(kernel.address, scalars, dt, *[[c] for c in copies])
    assert done == 1
    for t, c, written in zip(tensors, copies, writes):
        if written:
            wrap(t._layout, t._storage, t._offset).copy_(c)
