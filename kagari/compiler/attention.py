"""Attention without its matrix of weights: launches of the kernels that compute it, and its gradients, in blocks.

    forward    out = softmax(scale q k^T + mask) v, and for each query the logarithm of the sum of exponentials
    backward   the gradients of q, k and v from that logarithm, which with the result is all that is kept

Both see queries as lanes and keys as rows (`attention_parts`), and use the register tile of contractions
(`contract_tile`) for all products. Memory is linear in the lengths: each worker has scratch memory for a block of
queries and a block of keys, and in the backward kernel for the gradients of one matrix of keys and values.

Code depends on dtypes, on whether there is a mask, and on the target; sizes and strides are operands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from ..base.dtypes import accumulate, dtype
from ..base.target import Target
from . import attention_backward, attention_forward
from .attention_parts import QUERIES, Form
from .contract_pack import quad
from .contract_tile import VECTORS, tile_heights
from .kernel import Kernel, Launch
from .serial import Placed

FORWARD_BYTES = 16 << 10  # of the scores of a panel: a block of keys
BACKWARD_BYTES = 16 << 10  # of those of a block of queries
PARALLEL_WORK = 1 << 16  # products of a query and a key worth waking other threads
LINE = 16  # elements, to a multiple of which areas of scratch memory are rounded


@lru_cache(maxsize=64)
def _form(dt: dtype, mask: dtype | None, target: Target) -> Form:
    wide = accumulate(dt)
    lanes = target.lanes(wide.itemsize)
    return Form("double" if wide.itemsize == 8 else "float", lanes, VECTORS, tile_heights(target), dt, mask)


class _Sizes:
    """What both kernels are told of their operands, by the names of `OPERANDS`."""

    def __init__(self, places: Mapping[str, Placed], mask: Placed | None, causal: bool, target: Target) -> None:
        query, value = places["query"], places["value"]
        self.form = _form(query.dtype, mask.dtype if mask is not None else None, target)
        self.batch = query.shape[:-2]
        self.queries, self.size = query.shape[-2:]
        self.keys, self.width = value.shape[-2:]
        self.op = {
            "queries": self.queries, "keys": self.keys, "size": self.size, "width": self.width, "causal": int(causal),
            "batch_rank": len(self.batch),
        }  # fmt: skip
        for name, place in places.items():
            self.op[f"{name}_row"], self.op[f"{name}_col"] = place.strides[-2:]
        self.op["mask_row"], self.op["mask_col"] = mask.strides[-2:] if mask is not None else (0, 0)
        self.elements = 0

    def area(self, name: str, elements: int) -> None:
        """Reserves a part of scratch memory."""
        self.op[f"{name}_at"] = self.elements
        self.elements += -(-elements // LINE) * LINE

    def padded(self, cols: int) -> int:
        """A pitch for rows that are written by whole panels, and do not lie in few cache sets."""
        return -(-cols // self.form.width) * self.form.width + self.form.lanes

    def rows_of_queries(self, name: str, cols: int) -> None:
        """Room for a block of queries or gradients, as rows and turned."""
        pitch, quads = self.padded(cols), quad(self.form.lanes)
        depth = -(-cols // quads) * quads
        self.op[f"{name}_pitch"], self.op[f"{name}_depth"] = pitch, depth
        self.area(f"rows_{name}", QUERIES * pitch)
        self.area(f"turned_{name}", QUERIES * depth)

    def block_of_keys(self, block: int) -> None:
        """Room for a block of keys and values that are widened, and for the mask of a panel."""
        self.op["block"] = block
        for name, cols in (("key", self.size), ("value", self.width)):
            pitch = self.padded(cols)
            self.op[f"{name}_pitch"] = pitch
            self.area(name, block * pitch if self.form.widens else 0)
        pitch = block + self.form.lanes
        self.op["mask_pitch"] = pitch
        self.area("mask", 2 * pitch * self.form.width if self.form.mask is not None else 0)

    def operands(self, names: Sequence[str], strides: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        """The kernel's operands: those with names, then size and strides of each batch dimension, innermost first."""
        records = reversed(list(zip(self.batch, *strides)))
        return (*(self.op[n] for n in names), *(word for record in records for word in record))

    def scratch(self, target: Target, temp: Callable[[int], int]) -> int:
        """The number of a buffer with memory for all workers."""
        self.op["worker"] = self.elements
        return temp(self.elements * self.form.size * target.threads)

    def grain(self, total: int, target: Target) -> int:
        """How much of the parallel range goes to a thread at a time: all where that is little work."""
        work = self.queries * self.keys
        for n in self.batch:
            work *= n
        return 1 if target.threads > 1 and work >= PARALLEL_WORK else max(1, total)


def forward_launch(
    query: Placed,
    key: Placed,
    value: Placed,
    scale: Placed,
    mask: Placed | None,
    causal: bool,
    out: Placed,
    logsums: Placed | None,
    target: Target,
    temp: Callable[[int], int],
) -> Launch:
    """softmax(scale query key^T + mask) value into `out`, and the logarithms of the sums where `logsums` is given.

    All have one shape of batch. `out` and `logsums` are contiguous, and all begin where their buffers do.
    """
    made = _Sizes({"query": query, "key": key, "value": value}, mask, causal, target)
    form, blocks = made.form, -(-made.queries // QUERIES)
    made.op |= {"blocks": blocks, "keeps": int(logsums is not None)}
    made.block_of_keys(FORWARD_BYTES // (form.width * form.size))
    made.rows_of_queries("query", made.size)
    made.op["out_pitch"] = made.padded(made.width)
    made.area("scores", made.op["block"] * form.width)
    made.area("sums", QUERIES * made.width)
    made.area("stats", 2 * QUERIES)
    made.area("out", form.width * made.op["out_pitch"])
    memory = made.scratch(target, temp)
    masked, kept = mask or query, logsums or scale
    strides = [p.strides[:-2] for p in (query, key, value, masked, out)]
    strides.append(logsums.strides[:-1] if logsums is not None else (0,) * len(made.batch))
    total = blocks
    for n in made.batch:
        total *= n
    bufs = tuple([p.number for p in (query, key, value, scale, masked, out, kept)])
    kernel = Kernel(f"attend.{form.key}", "attend", lambda: attention_forward.write_forward(form))
    ops = made.operands(attention_forward.OPERANDS, strides)
    return Launch(kernel, (*bufs, memory), ops, total, made.grain(total, target))


def backward_launch(
    query: Placed,
    key: Placed,
    value: Placed,
    gradient: Placed,
    logsums: Placed,
    delta: Placed,
    scale: Placed,
    mask: Placed | None,
    causal: bool,
    results: Sequence[Placed | None],
    target: Target,
    temp: Callable[[int], int],
) -> Launch:
    """The gradients of query, key and value into those of `results` that are given, which are contiguous.

    `gradient` is that of the result, `delta` the sum over each row of the two multiplied.
    """
    made = _Sizes({"query": query, "key": key, "value": value, "gradient": gradient}, mask, causal, target)
    form = made.form
    made.op |= {"logsums_row": logsums.strides[-1], "delta_row": delta.strides[-1]}
    for name, place in zip(("query", "key", "value"), results):
        made.op[f"wants_{name}"] = int(place is not None)
    made.block_of_keys(BACKWARD_BYTES // (QUERIES * form.size))
    made.rows_of_queries("query", made.size)
    made.rows_of_queries("gradient", made.width)
    for name in ("scores", "slopes"):
        made.area(name, made.op["block"] * QUERIES)
    made.area("stats", 2 * QUERIES)
    made.area("of_query", QUERIES * made.size)
    made.area("of_key", made.keys * made.op["query_pitch"])
    made.area("of_value", made.keys * made.op["gradient_pitch"])
    memory = made.scratch(target, temp)
    masked, targets = mask or query, [p or query for p in results]
    strides = [p.strides[:-2] for p in (query, key, value, gradient)]
    strides += [logsums.strides[:-1], delta.strides[:-1], *(p.strides[:-2] for p in (masked, *targets))]
    total = 1
    for n in made.batch:
        total *= n
    bufs = tuple([p.number for p in (query, key, value, gradient, logsums, delta, scale, masked, *targets)])
    kernel = Kernel(f"attend_grad.{form.key}", "attend_grad", lambda: attention_backward.write_backward(form))
    ops = made.operands(attention_backward.OPERANDS, strides)
    return Launch(kernel, (*bufs, memory), ops, total, made.grain(total, target))
