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

SCORES_BYTES = 16 << 10  # of the scores of a block of keys: forward with a panel, backward with a block of queries
PARALLEL_WORK = 1 << 16  # products of a query and a key worth waking other threads
LINE = 16  # elements, to a multiple of which areas of scratch memory are rounded


@lru_cache(maxsize=64)
def _form(dt: dtype, mask: dtype | None, target: Target) -> Form:
    """The code for operands and a mask of these dtypes."""
    wide = accumulate(dt)
    lanes = target.lanes(wide.itemsize)
    return Form("double" if wide.itemsize == 8 else "float", lanes, VECTORS, tile_heights(target), dt, mask)


class _Sizes:
    """What both kernels are told of their operands, by the names of `BUFFERS` and `OPERANDS`.

    A buffer that is not there is stood in for by the query's.
    """

    def __init__(self, places: Mapping[str, Placed | None], causal: bool, target: Target) -> None:
        query, value, mask = places["query"], places["value"], places["mask"]
        assert query is not None and value is not None
        self.batch = query.shape[:-2]
        self.queries, self.size = query.shape[-2:]
        self.keys, self.width = value.shape[-2:]
        self.form = _form(query.dtype, mask.dtype if mask is not None else None, target)
        self.op = {
            "queries": self.queries, "keys": self.keys, "size": self.size, "width": self.width, "causal": int(causal),
            "batch_rank": len(self.batch),
        }  # fmt: skip
        self.numbers: dict[str, int] = {}
        self.strides: dict[str, tuple[int, ...]] = {}
        for name, place in places.items():
            of_rows = name in ("logsums", "delta")
            here = place if place is not None else query
            strides = here.strides if place is not None else (0,) * (len(self.batch) + 2 - of_rows)
            self.numbers[name] = here.number
            self.op[f"{name}_first"] = here.offset if place is not None else 0
            if name != "scale":
                rank = len(self.batch)
                self.strides[name] = strides[:rank]
                self.op[f"{name}_row"], self.op[f"{name}_col"] = strides[rank], 1 if of_rows else strides[-1]
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

    def launch(
        self,
        symbol: str,
        write: Callable[[Form], str],
        buffers: Sequence[str],
        operands: Sequence[str],
        pieces: int,
        target: Target,
        temp: Callable[[int], int],
    ) -> Launch:
        """The launch, of so many pieces for each matrix of the batch, with scratch memory for all workers.

        Its operands are those with names, then size and strides of each batch dimension, the innermost first.
        """
        form, total = self.form, pieces
        self.op["worker"] = self.elements
        memory = temp(self.elements * form.size * target.threads)
        for n in self.batch:
            total *= n
        records = reversed(list(zip(self.batch, *(self.strides[n] for n in buffers if n in self.strides))))
        ops = (*(self.op[n] for n in operands), *(word for record in records for word in record))
        bufs = (*(self.numbers[n] for n in buffers if n in self.numbers), memory)
        work = total // max(1, pieces) * self.queries * self.keys
        grain = 1 if target.threads > 1 and work >= PARALLEL_WORK else max(1, total)
        kernel = Kernel(f"{symbol}.{form.key}", symbol, lambda: write(form), parts=(form.tiles.part,))
        return Launch(kernel, bufs, ops, total, grain)


def forward_launch(
    places: Mapping[str, Placed | None], causal: bool, target: Target, temp: Callable[[int], int]
) -> Launch:
    """softmax(scale query key^T + mask) value into `out`, and the logarithms of the sums into `logsums`.

    `places` has the names of `attention_forward.BUFFERS`; `mask` and `logsums` may be None. All have one shape of
    batch; `out` is contiguous along its rows, as `logsums` is.
    """
    made = _Sizes(places, causal, target)
    form, blocks = made.form, -(-made.queries // QUERIES)
    made.op |= {"blocks": blocks, "keeps": int(places["logsums"] is not None)}
    made.block_of_keys(SCORES_BYTES // (form.width * form.size))
    made.rows_of_queries("query", made.size)
    made.op["out_pitch"] = made.padded(made.width)
    made.area("scores", made.op["block"] * form.width)
    made.area("sums", QUERIES * made.width)
    made.area("stats", 2 * QUERIES)
    made.area("out", form.width * made.op["out_pitch"])
    kernel = attention_forward
    return made.launch("attend", kernel.write_forward, kernel.BUFFERS, kernel.OPERANDS, blocks, target, temp)


def backward_launch(
    places: Mapping[str, Placed | None], causal: bool, target: Target, temp: Callable[[int], int]
) -> Launch:
    """The gradients of query, key and value into `of_query`, `of_key` and `of_value`, which may be None.

    `places` has the names of `attention_backward.BUFFERS`; `gradient` is that of the result, `delta` the sum over each
    row of the two multiplied. Results are contiguous along their rows.
    """
    made = _Sizes(places, causal, target)
    form = made.form
    for name in ("query", "key", "value"):
        made.op[f"wants_{name}"] = int(places[f"of_{name}"] is not None)
    made.block_of_keys(SCORES_BYTES // (QUERIES * form.size))
    made.rows_of_queries("query", made.size)
    made.rows_of_queries("gradient", made.width)
    for name in ("scores", "slopes"):
        made.area(name, made.op["block"] * QUERIES)
    made.area("stats", 2 * QUERIES)
    made.area("of_query", QUERIES * made.size)
    made.area("of_key", made.keys * made.op["query_pitch"])
    made.area("of_value", made.keys * made.op["gradient_pitch"])
    kernel = attention_backward
    return made.launch("attend_grad", kernel.write_backward, kernel.BUFFERS, kernel.OPERANDS, 1, target, temp)
