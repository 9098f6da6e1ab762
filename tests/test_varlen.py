"""Attention of sequences that lie one after the other: PyTorch has it for GPUs alone, so it is next to a formula."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import kagari
from kagari.nn.attention import flex_attention, varlen

BEGINS_Q, BEGINS_K = [0, 2, 2, 7], [0, 4, 7, 10]


def expected(q: Any, k: Any, v: Any, window: tuple[int, int], scale: float, used: Any = None) -> tuple[Any, Any]:
    """The definition in NumPy, query by query."""
    result, logs = np.zeros(q.shape), np.full(q.shape[:2], -np.inf)
    groups = q.shape[1] // k.shape[1]
    for n in range(3):
        first, last = BEGINS_Q[n], BEGINS_Q[n + 1]
        start = BEGINS_K[n]
        count = BEGINS_K[n + 1] - start if used is None else used[n]
        for i in range(first, last):
            at = i - last + count
            seen = [j for j in range(count) if window[0] < 0 or j >= at - window[0]]
            seen = [start + j for j in seen if window[1] < 0 or j <= at + window[1]]
            for h in range(q.shape[1]):
                scores = np.array([q[i, h] @ k[j, h // groups] for j in seen]) * scale
                if seen:
                    weights = np.exp(scores - scores.max())
                    logs[i, h] = scores.max() + math.log(weights.sum())
                    result[i, h] = sum(w * v[j, h // groups] for w, j in zip(weights / weights.sum(), seen))
    return result, logs


def given(heads: int = 2) -> list[Any]:
    kagari.manual_seed(0)
    return [kagari.randn(7, 4, 8), kagari.randn(10, heads, 8), kagari.randn(10, heads, 8)]


def call(q: Any, k: Any, v: Any, **options: Any) -> Any:
    return varlen.varlen_attn(q, k, v, kagari.tensor(BEGINS_Q), kagari.tensor(BEGINS_K), 5, 4, **options)


@pytest.mark.parametrize("window", [(-1, -1), (-1, 0), (1, 0), (0, 1), (2, -1)])
@pytest.mark.parametrize("heads", [4, 2])
def test_is_the_formula(window: tuple[int, int], heads: int) -> None:
    tensors = given(heads)
    aux = varlen.AuxRequest(lse=True)
    found, logs = call(*tensors, window_size=window, enable_gqa=heads != 4, return_aux=aux)
    wanted, wanted_logs = expected(*[t.numpy() for t in tensors], window, 8**-0.5)
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-5)
    np.testing.assert_allclose(logs.numpy(), wanted_logs, atol=1e-5)


def test_fewer_keys_and_pages() -> None:
    q, k, v = given(4)
    used = kagari.tensor([2, 3, 1])
    found = call(q, k, v, seqused_k=used, scale=0.3)
    np.testing.assert_allclose(
        found.numpy(), expected(q.numpy(), k.numpy(), v.numpy(), (-1, -1), 0.3, [2, 3, 1])[0], atol=1e-5
    )
    # Pages of two tokens, in another order: sequence 0 lies in pages 4 and 1, and so on.
    table = kagari.tensor([[4, 1], [0, 3], [2, 0]], dtype=kagari.int32)
    pages = [kagari.zeros(5, 2, 4, 8) for _ in range(2)]
    for pool, source in zip(pages, (k, v)):
        for n, begin in enumerate(BEGINS_K[:-1]):
            for i in range([2, 3, 1][n]):
                pool[table[n, i // 2], i % 2] = source[begin + i]
    paged = varlen.varlen_attn(
        q, *pages, kagari.tensor(BEGINS_Q), None, 5, 4, scale=0.3, seqused_k=used, block_table=table
    )
    kagari.testing.assert_close(paged, found)


def test_gradients() -> None:
    tensors = [t.double().requires_grad_() for t in given(4)]
    assert kagari.autograd.gradcheck(lambda *t: call(*t, window_size=(-1, 0)), tensors)


def test_out_and_errors() -> None:
    q, k, v = given(4)
    out = kagari.empty(7, 4, 8)
    begins = [kagari.tensor(BEGINS_Q), kagari.tensor(BEGINS_K)]
    assert varlen.varlen_attn_out(out, q, k, v, *begins, 5, 4) is out
    kagari.testing.assert_close(out, call(q, k, v))
    with pytest.raises(ValueError, match="heads"):
        call(q, k[:, :2], v[:, :2])
    with pytest.raises(ValueError, match="sequences"):
        varlen.varlen_attn(q, k, v, begins[0], kagari.tensor([0, 10]), 5, 10)
    with pytest.raises(ValueError, match="block_table"):
        varlen.varlen_attn(q, k, v, begins[0], None, 5, 4)


def test_flex_attention_takes_no_nested_tensors() -> None:
    x = kagari.nested.nested_tensor([kagari.ones(1, 2, 4), kagari.ones(1, 3, 4)], layout=kagari.jagged)
    with pytest.raises(NotImplementedError, match="NestedTensor"):
        flex_attention.flex_attention(x, x, x)
