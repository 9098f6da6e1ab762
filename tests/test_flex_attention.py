"""Attention with functions of the positions, next to the oracle."""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari.nn.attention import flex_attention as ours

CASES = """
f.flex_attention(q, k, v, enable_gqa=True)
f.flex_attention(q, k, v, block_mask=mask, enable_gqa=True)
f.flex_attention(q, k, v, lambda s, b, h, i, j: s * 2 + bias[h] - abs(i - j), mask, 0.3, True, True)
f.flex_attention(q, k, v, enable_gqa=True, return_aux=f.AuxRequest(lse=True))[1].lse
f.create_mask(f.or_masks(causal, lambda b, h, i, j: j == h), 2, 3, 4, 5)
f.create_mask(f.and_masks(causal, lambda b, h, i, j: document[i] == document[j]), None, None, 4, 4)
(mask.kv_num_blocks, mask.kv_indices, mask.full_kv_num_blocks, mask.full_kv_indices, mask.to_dense())
(mask.shape, mask.seq_lengths, mask.BLOCK_SIZE, mask.numel(), mask.sparsity())
"""
MASKS = {
    "causal": (lambda b, h, i, j: i >= j, (None, None, 300, 700)),
    "of many heads": (lambda b, h, i, j: (i + j + h) % 2 == 0, (2, 3, 20, 9)),
    "of many blocks": (lambda b, h, i, j: (i // 64 + j // 64) % 7 == 0, (1, 2, 3200, 2880)),
    "with little in it": (lambda b, h, i, j: (i < 3) & (j < 9), (None, None, 900, 700)),
}
ERRORS = """
f.flex_attention(q, k, v)
f.flex_attention(q[0], k, v)
f.flex_attention(q, k[..., :4], v, enable_gqa=True)
f.flex_attention(q[:, :3], k, v, enable_gqa=True)
f.flex_attention(q[:1], k, v, enable_gqa=True)
"""


def names(torch: ModuleType, f: ModuleType) -> dict[str, Any]:
    torch.manual_seed(0)
    q, k, v = torch.randn(2, 4, 6, 8), torch.randn(2, 2, 7, 8), torch.randn(2, 2, 7, 5)
    bias, document = torch.randn(4), torch.tensor([0, 0, 1, 1])

    def causal(b: Any, h: Any, i: Any, j: Any) -> Any:
        return i > j

    mask = f.create_block_mask(causal, None, None, 6, 7, device="cpu", BLOCK_SIZE=2)
    return {
        "f": f, "q": q, "k": k, "v": v, "bias": bias, "causal": causal, "mask": mask, "document": document
    }  # fmt: skip


def test_as_the_oracle(oracle: ModuleType) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mine, theirs = names(kagari, ours), names(oracle, importlib.import_module("torch.nn.attention.flex_attention"))
        for text in CASES.strip().splitlines():
            a, b = eval(text, mine), eval(text, theirs)
            for x, y in zip(a if isinstance(a, tuple) else (a,), b if isinstance(b, tuple) else (b,), strict=True):
                if isinstance(x, kagari.Tensor):
                    assert list(x.shape) == list(y.shape), text
                    expected = kagari.tensor(y.double().tolist(), dtype=kagari.float64)
                    kagari.testing.assert_close(x.double(), expected, rtol=1e-4, atol=1e-5)
                else:
                    assert x == pytest.approx(y), text


def test_errors_are_the_oracles(oracle: ModuleType) -> None:
    mine, theirs = names(kagari, ours), names(oracle, importlib.import_module("torch.nn.attention.flex_attention"))
    for text in ERRORS.strip().splitlines():
        found = []
        for given in (mine, theirs):
            with pytest.raises((ValueError, NotImplementedError)) as error:
                eval(text, given)
            found.append((error.type, str(error.value)))
        assert found[0] == found[1]


def test_gradients() -> None:
    given = names(kagari, ours)
    q, k, v = (given[n].double().requires_grad_() for n in "qkv")
    kagari.autograd.gradcheck(lambda *a: ours.flex_attention(*a, block_mask=given["mask"], enable_gqa=True), (q, k, v))


def test_functions_that_are_not_element_by_element() -> None:
    x = kagari.randn(1, 1, 3, 4)
    with pytest.raises(RuntimeError, match="has to be element by element"):
        ours.flex_attention(x, x, x, lambda s, b, h, i, j: s + (x[0, 0, i] * x[0, 0, j]).sum())


@pytest.mark.parametrize("name", MASKS)
def test_pictures_of_masks(name: str, oracle: ModuleType) -> None:
    theirs = importlib.import_module("torch.nn.attention.flex_attention")
    mod, (batch, heads, rows, columns) = MASKS[name]
    mask, other = (f.create_block_mask(mod, batch, heads, rows, columns, device="cpu") for f in (ours, theirs))
    assert str(mask) == str(other) and repr(mask) == repr(other)
    for index in (0, (0, 0), (-1,), slice(None), (slice(0, 1), 0)):
        assert str(mask[index]) == str(other[index])
    for size in (3, (10, 7), -1):
        assert mask.to_string(size, limit=1) == other.to_string(size, limit=1)
    for part in ("q_num_blocks", "q_indices", "full_q_num_blocks", "full_q_indices"):
        assert getattr(mask, part).tolist() == getattr(other, part).tolist()
