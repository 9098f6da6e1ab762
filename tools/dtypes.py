"""Tries every operator in every dtype next to PyTorch, whether its record states the dtype or not.

`python tools/dtypes.py [NAME...]` makes the samples of the records, or of those named, in each dtype, and compares what
is refused, values, dtypes, shapes and gradients. It prints what differs, with the reason where `REASONS` knows one, and
fails where it knows none. All operators take some ten minutes.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import kagari
from kagari.ops.operator import Operator
from kagari.ops.records import OPERATORS
from kagari.testing.cases import COMPLEX, DTYPES, FLOATS, Case, cases_in

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests import test_operators as tests

UNSIGNED = ("uint16", "uint32", "uint64")
LETTERS = {name: letter for letter, names in DTYPES.items() for name in names}
LETTERS |= dict.fromkeys(("int32", "int16", "int8", *UNSIGNED), "i")


@dataclass
class Difference:
    """One sample on which the libraries differ; `kind` says in what."""

    case: Case
    kind: str
    text: str

    @property
    def empty(self) -> bool:
        """Whether a tensor of the sample has no elements."""
        return any(a.values.size == 0 for a in self.case.arrays)

    @property
    def infinite(self) -> bool:
        """Whether a tensor of the sample has infinities or NaN, or is close to where results become so."""
        return any(not np.isfinite(np.asarray(a.values, complex)).all() for a in self.case.arrays)


def _of(kind: str, *names: str) -> Callable[[Difference], bool]:
    return lambda d: d.kind == kind and d.case.record.name in names


REASONS: tuple[tuple[str, Callable[[Difference], bool]], ...] = (
    ("PyTorch has few kernels for these; here they are integers like others",
     lambda d: d.kind == "taken" and d.case.dtype in UNSIGNED),
    ("PyTorch has no gradient, or none for this type", lambda d: d.kind == "gradient taken"),
    ("PyTorch asks for the type in a kernel, which what has no elements does not meet",
     lambda d: d.kind in ("refused", "value") and d.empty),
    ("PyTorch takes the mean where one window is left, whatever the type",
     _of("refused", "adaptive_avg_pool1d", "adaptive_avg_pool2d")),
    ("PyTorch has integers by way of a pooling that rounds", _of("refused", "local_response_norm")),
    ("PyTorch multiplies by the number before it adds, infinite parts too",
     lambda d: d.kind == "value" and d.case.dtype in COMPLEX and d.infinite),
    ("as exact as the type is, and PyTorch is less so near what cancels",
     lambda d: (d.case.record.name, d.case.dtype) in (("sinc", "float16"), ("renorm", "bfloat16"))),
    ("sums in another order, in single precision",
     lambda d: d.kind in ("value", "gradient") and d.case.dtype == "complex64"
     and d.case.record.name in ("conv1d", "conv2d", "conv3d", "cumprod", "prod")),
    ("PyTorch refuses to subtract or compare these on the way, of which the result makes sense",
     _of("taken", "hinge_embedding_loss", "pairwise_distance", "poisson_nll_loss", "tanhshrink", "threshold",
         "cosine_embedding_loss", "convolution", "scaled_dot_product_attention")),
    ("PyTorch promotes these to a type that holds both, which its own table does not know", _of("refused", "ldexp")),
)  # fmt: skip


def differences(record: Operator, dtype: str) -> Iterator[Difference]:
    """What differs in one dtype. Raises nothing that the libraries raise."""
    for case in cases_in(record, dtype, dtype == "float32"):
        want, got = tests.outcome(case, torch), tests.outcome(case, kagari)
        refused = [isinstance(result, Exception) for result in (want, got)]
        if refused[0] != refused[1]:
            yield Difference(case, "refused" if refused[1] else "taken", repr(got if refused[1] else want))
        elif not refused[0]:
            try:
                for a, b in zip(tests.parts(got[0]), tests.parts(want[0]), strict=True):
                    tests.check(record, a, b)
            except AssertionError as error:
                yield Difference(case, "value", str(error))
                continue
            if dtype in FLOATS | COMPLEX and any(a.differentiable for a in case.arrays):
                yield from _gradients(case)


def _gradients(case: Case) -> Iterator[Difference]:
    found = []
    for library in (torch, kagari):
        try:
            results, tensors = tests.call(case, library, True)
            wanted = [t for t in tensors if t.requires_grad]
            weights = tests.seeds(case, tests.parts(results))
            found.append((tests.gradients(tests.parts(results), weights, wanted, library, False), wanted))
        except Exception as error:
            found.append(error)
    refused = [isinstance(result, Exception) for result in found]
    if refused[0] != refused[1]:
        kind = "gradient refused" if refused[1] else "gradient taken"
        yield Difference(case, kind, repr(found[1 if refused[1] else 0]))
    elif not refused[0]:
        try:
            tests.compare_gradients(case, found[1][0], found[0][0], found[0][1], torch)
        except AssertionError as error:
            yield Difference(case, "gradient", str(error))


def main(names: list[str]) -> None:
    """Compares the operators of these names, or all, and prints what is found."""
    warnings.simplefilter("ignore")
    known: Counter[str] = Counter()
    unknown = 0
    for record in OPERATORS:
        if record.samples is None or (names and record.name not in names):
            continue
        for dtype in LETTERS:
            for d in differences(record, dtype):
                reason = next((text for text, holds in REASONS if holds(d)), None)
                if reason is None:
                    unknown += 1
                    print(f"{d.case} {d.kind}: {' '.join(d.text.split())[:200]}", flush=True)
                else:
                    known[reason] += 1
    for reason, count in known.most_common():
        print(f"{count:5} {reason}")
    print(f"{unknown:5} without a reason")
    sys.exit(unknown > 0)


if __name__ == "__main__":
    main(sys.argv[1:])
