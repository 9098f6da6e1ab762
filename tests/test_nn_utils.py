"""`nn.utils` against the oracle: sequences of different lengths, reparametrised weights, calls with other weights."""

from __future__ import annotations

import copy
import pickle
import warnings
from types import ModuleType
from typing import Any

import pytest

import kagari


def outcome(scenario: Any, lib: ModuleType) -> tuple[str, ...]:
    """What a scenario gives, or its error, without the library's name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lib.manual_seed(0)
        try:
            result = "gives", repr(scenario(lib, lib.nn.utils.rnn))
        except Exception as error:
            result = "raises", type(error).__name__, str(error)
    return tuple(part.replace("torch.", "kagari.") for part in result)


def steps(t: Any, *shape: int) -> Any:
    count = 1
    for size in shape:
        count *= size
    return t.arange(float(count)).reshape(shape)


def packed(t: Any, r: Any) -> Any:
    return r.pack_padded_sequence(steps(t, 3, 4), [2, 4, 3], batch_first=True, enforce_sorted=False)


SEQUENCES = {
    "pack": lambda t, r: r.pack_padded_sequence(steps(t, 4, 3, 2), [4, 2, 1]),
    "pack batch first": lambda t, r: r.pack_padded_sequence(steps(t, 3, 4), t.tensor([4, 2, 1]), batch_first=True),
    "pack shorter than the padding": lambda t, r: r.pack_padded_sequence(steps(t, 4, 3), [2, 2, 1]),
    "pack unsorted": packed,
    "pack equal lengths": lambda t, r: r.pack_padded_sequence(steps(t, 3, 5), [2, 3, 2, 3, 2], enforce_sorted=False),
    "pack lengths of another type": lambda t, r: r.pack_padded_sequence(steps(t, 4, 3), t.tensor([4.0, 2.0, 1.0])),
    "pack too few lengths": lambda t, r: r.pack_padded_sequence(steps(t, 4, 3), [4, 3]),
    "pack too few lengths unsorted": lambda t, r: r.pack_padded_sequence(steps(t, 4, 3), [4], enforce_sorted=False),
    "pack a length of zero": lambda t, r: r.pack_padded_sequence(steps(t, 4, 3), [4, 3, 0]),
    "pack out of order": lambda t, r: r.pack_padded_sequence(steps(t, 4, 3), [3, 4, 2]),
    "pack lengths of two dimensions": lambda t, r: r.pack_padded_sequence(steps(t, 4, 3), t.tensor([[4, 3, 2]])),
    "pack nothing": lambda t, r: r.pack_padded_sequence(t.zeros(3, 0), []),
    "pack a vector": lambda t, r: r.pack_padded_sequence(t.zeros(3), [3]),
    "pack a list": lambda t, r: r.pack_padded_sequence([1], [3]),
    "pad": lambda t, r: r.pad_packed_sequence(packed(t, r)),
    "pad batch first": lambda t, r: r.pad_packed_sequence(packed(t, r), True, -1.0, 6),
    "pad to less": lambda t, r: r.pad_packed_sequence(packed(t, r), total_length=3),
    "pad sorted": lambda t, r: r.pad_packed_sequence(r.pack_padded_sequence(steps(t, 4, 3, 2), [4, 2, 1])),
    "packed as double": lambda t, r: packed(t, r).double(),
    "packed to dtype": lambda t, r: packed(t, r).to(t.int32),
    "packed converted": lambda t, r: [
        getattr(packed(t, r), name)().data.dtype for name in ("float", "half", "long", "int", "short", "char", "byte")
    ],
    "packed as it is": lambda t, r: [p.float() is p and p.cpu() is p and not p.is_cuda for p in [packed(t, r)]],
    "packed pickled": lambda t, r: pickle.loads(pickle.dumps(packed(t, r))),
    "packed copied": lambda t, r: copy.deepcopy(packed(t, r)),
    "packed of a pair": lambda t, r: r.PackedSequence((t.zeros(3), t.tensor([2, 1]))),
    "packed of a tensor alone": lambda t, r: r.PackedSequence(t.zeros(3)),
    "packed with an order": lambda t, r: r.PackedSequence(t.zeros(3), t.tensor([2, 1]), t.tensor([1, 0])),
    "packed taken apart": lambda t, r: [*packed(t, r)],
    "permutation": lambda t, r: (r.invert_permutation(None), r.invert_permutation(t.tensor([2, 0, 1]))),
    "stack": lambda t, r: r.pad_sequence([steps(t, 2, 3), steps(t, 4, 3)]),
    "stack batch first": lambda t, r: r.pad_sequence([steps(t, 2), steps(t, 4)], True, 9.0),
    "stack left": lambda t, r: r.pad_sequence([steps(t, 2), steps(t, 4)], True, padding_side="left"),
    "stack middle": lambda t, r: r.pad_sequence([steps(t, 2), steps(t, 4)], True, padding_side="middle"),
    "stack types": lambda t, r: r.pad_sequence((t.ones(2), t.ones(4, dtype=t.int64))),
    "stack widths": lambda t, r: r.pad_sequence([t.zeros(2, 3), t.zeros(4, 2)]),
    "stack a width of one": lambda t, r: r.pad_sequence([steps(t, 2, 3), steps(t, 4, 1)]),
    "stack none": lambda t, r: r.pad_sequence([]),
    "stack a number": lambda t, r: r.pad_sequence(3),
    "stack a tensor": lambda t, r: r.pad_sequence(steps(t, 3, 2)),
    "stack an iterator": lambda t, r: r.pad_sequence(iter([t.ones(1), t.ones(3)])),
    "pack sequences": lambda t, r: r.pack_sequence([steps(t, 3), steps(t, 2)]),
    "pack sequences unsorted": lambda t, r: r.pack_sequence([steps(t, 2), steps(t, 3)]),
    "unpack": lambda t, r: r.unpack_sequence(r.pack_sequence([steps(t, 2, 2), steps(t, 3, 2)], False)),
    "unpad": lambda t, r: r.unpad_sequence(steps(t, 4, 3), t.tensor([1, 4, 2])),
    "unpad batch first": lambda t, r: r.unpad_sequence(steps(t, 3, 4), t.tensor([1, 4, 2]), batch_first=True),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequences(name: str, oracle: ModuleType) -> None:
    assert outcome(SEQUENCES[name], kagari) == outcome(SEQUENCES[name], oracle)


def test_sequences_longer_than_the_padding_are_refused() -> None:
    with pytest.raises(RuntimeError, match=r"has 5 steps, but input of shape \[4, 2\]"):
        kagari.nn.utils.rnn.pack_padded_sequence(kagari.zeros(4, 2), [5, 1])


def test_gradients_of_packed_and_padded_sequences(oracle: ModuleType) -> None:
    grads = []
    for lib in (kagari, oracle):
        r = lib.nn.utils.rnn
        x = steps(lib, 3, 4, 2).requires_grad_()
        output, _ = r.pad_packed_sequence(
            r.pack_padded_sequence(x * 2, [2, 4, 3], batch_first=True, enforce_sorted=False), padding_value=7.0
        )
        parts = [steps(lib, 2).requires_grad_(), steps(lib, 3).requires_grad_()]
        (output.square().sum() + r.pad_sequence(parts, padding_value=2.0).square().sum()).backward()
        grads.append([x.grad.tolist(), *(part.grad.tolist() for part in parts)])
    assert grads[0] == grads[1]
