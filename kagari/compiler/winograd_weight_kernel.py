"""The kernels of a gradient of weights by Winograd's transformations: sums of all points, and weights of these sums."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .contract_epilogue import Context, Epilogue
from .text import Builder, Val, vector
from .winograd_kernel import Form, write_products
from .winograd_parts import (
    EDGE,
    IMAGE_OPERANDS,
    PATCH_PARAMS,
    POINTS,
    TAPS,
    write_spread_results,
    write_turned_patches,
)

OPERANDS = (
    "rows",  # channels of the result
    "channels",
    "patches",  # of all images
    "part",  # of them
    "depth",  # patches that are transformed at a time
    "row_block",  # an even number, as tiles may write one row more
    "channel_block",
    "row_blocks",
    "channel_blocks",
    "pitch",  # elements from one row of the sums to the next,
    "point_sums",  # from one of the 16 points
    "part_sums",  # and from one part
    "tall_rows",
    "results_at",  # bytes of scratch memory before the gradients that are transformed,
    "room_at",  # and before room to turn patches
    "worker_bytes",
)
# Behind these `IMAGE_OPERANDS` twice: of the image, and of the gradients of results.
TAP_OPERANDS = ("rows", "channels", "parts", "pitch", "point_sums", "part_sums", "out_row", "band", "worker_bytes")


def functions(form: Form) -> tuple[tuple[str, Callable[[], str]], ...]:
    """What transforms patches, and gradients of results: the names of both, and what writes their modules."""
    names = f"winograd_turned_patches_{form.vectors}x{form.lanes}", f"winograd_spread_results_{form.lanes}"
    return tuple(zip(names, (partial(_write_patches, names[0], form), partial(_write_results, names[1], form))))


def _write_patches(name: str, form: Form) -> str:
    b = Builder()
    write_turned_patches(b, name, form.lanes, form.vectors)
    return b.module()


def _write_results(name: str, form: Form) -> str:
    b = Builder()
    write_spread_results(b, name, form.lanes)
    return b.module()


def write_sums(form: Form) -> str:
    """The module of `winograd_sums`: sums[part, point, row, channel], for blocks of rows and channels of a part."""
    b = Builder()
    bufs, ops, _, begin, end, worker, _ = b.begin_function("winograd_sums")
    results, source, sums, scratch = (b.load(b.gep(bufs, b.int(i), "ptr"), "ptr") for i in range(4))
    op = {name: b.load(b.gep(ops, b.int(i), "i64"), "i64") for i, name in enumerate(OPERANDS)}
    image_ops, result_ops = (b.gep(ops, b.int(len(OPERANDS) + i * len(IMAGE_OPERANDS)), "i64") for i in range(2))
    of_image, of_results = (
        {name: b.load(b.gep(base, b.int(i), "i64"), "i64") for i, name in enumerate(IMAGE_OPERANDS)}
        for base in (image_ops, result_ops)
    )
    patched = b.gep(scratch, b.mul(worker, op["worker_bytes"]), "i8")
    spread, room = (b.gep(patched, op[name], "i8") for name in ("results_at", "room_at"))
    (patches, _), (gradients, _) = functions(form)
    types = [ty for _, ty in PATCH_PARAMS]
    b.declare(patches, "void", [*types, "ptr"])
    b.declare(gradients, "void", types)
    with b.loop(begin, end) as piece:
        row0 = b.mul(b.binary("urem", piece, op["row_blocks"]), op["row_block"])
        rest = b.binary("udiv", piece, op["row_blocks"])
        channel0 = b.mul(b.binary("urem", rest, op["channel_blocks"]), op["channel_block"])
        part = b.binary("udiv", rest, op["channel_blocks"])
        rows = b.intrinsic("smin", "i64", op["row_block"], b.sub(op["rows"], row0))
        planes = b.intrinsic("smin", "i64", op["channel_block"], b.sub(op["channels"], channel0))
        first = b.mul(part, op["part"])
        stop = b.intrinsic("smin", "i64", op["patches"], b.add(first, op["part"]))
        image = b.gep(source, b.mul(channel0, of_image["plane_step"]), "float")
        given = b.gep(results, b.mul(row0, of_results["plane_step"]), "float")
        corner = b.add(b.mul(part, op["part_sums"]), b.add(b.mul(row0, op["pitch"]), channel0))
        with b.loop(first, b.intrinsic("smax", "i64", stop, b.add(first, b.int(1))), op["depth"]) as patch:
            exist = b.intrinsic("smin", "i64", op["depth"], b.sub(stop, patch))
            count = b.binary("and", b.add(exist, b.int(form.lanes - 1)), b.int(-form.lanes))
            b.call_local(patches, patched, image, image_ops, planes, patch, count, stop, room)
            b.call_local(gradients, spread, given, result_ops, rows, patch, count, stop)
            with b.loop(b.int(0), b.int(POINTS)) as point:
                left = b.gep(spread, b.mul(point, of_results["point"]), "float")
                right = b.gep(patched, b.mul(point, of_image["point"]), "float")
                to = b.gep(sums, b.add(corner, b.mul(point, op["point_sums"])), "float")
                write_products(
                    b, form, rows, op["tall_rows"], (left, of_results["panel"], b.int(0)), (right, of_image["panel"]),
                    count, planes, to, op["pitch"], b.icmp("sgt", patch, first),
                )  # fmt: skip
    b.ret()
    b.end_function()
    return b.module()


def write_taps(lanes: int, epilogue: Epilogue) -> str:
    """The module of `winograd_taps`: the epilogue of G^T sums G, whose lines are channels and their nine taps."""
    b = Builder()
    bufs, ops, scalars, begin, end, worker, _ = b.begin_function("winograd_taps")
    load = lambda base, i, ty: b.load(b.gep(base, b.int(i), ty), ty)  # noqa: E731
    sums, out, lines = (load(bufs, i, "ptr") for i in range(3))
    op = {name: load(ops, i, "i64") for i, name in enumerate(TAP_OPERANDS)}
    extra = tuple(load(ops, len(TAP_OPERANDS) + i, "i64") for i in range(len(epilogue.ops)))
    context = Context(tuple(load(bufs, 3 + i, "ptr") for i in range(len(epilogue.bufs))), extra, scalars, b.int(0))
    held, taps = vector(lanes, "float"), TAPS * TAPS
    line = b.gep(lines, b.mul(worker, op["worker_bytes"]), "i8")
    half, nothing = b.float(0.5, held), b.zero(held)
    length = b.mul(op["channels"], b.int(taps))
    whole = b.binary("and", length, b.int(-lanes))
    mask, ragged = b.lane_mask(whole, length, lanes), b.icmp("ne", whole, length)
    with b.loop(begin, end) as piece:
        row0 = b.mul(piece, op["band"])
        with b.loop(row0, b.intrinsic("smin", "i64", op["rows"], b.add(row0, op["band"]))) as row:
            start = b.gep(sums, b.mul(row, op["pitch"]), "float")
            with b.loop(b.int(0), op["channels"], lanes) as channel:
                slots = [b.var(held, nothing) for _ in range(POINTS)]
                with b.loop(b.int(0), op["parts"]) as part:
                    here = b.gep(start, b.add(b.mul(part, op["part_sums"]), channel), "float")
                    for point, slot in enumerate(slots):
                        x = b.load(b.gep(here, b.mul(op["point_sums"], b.int(point)), "float"), held)
                        b.set(slot, b.fadd(b.get(slot, held), x))
                m = [b.get(slot, held) for slot in slots]
                columns = [_folded(b, m[j::EDGE], half) for j in range(EDGE)]
                rows = [x for y in range(TAPS) for x in _folded(b, [column[y] for column in columns], half)]
                place = b.gep(line, b.mul(channel, b.int(taps)), "float")
                # Each vector has the taps of a channel first; those behind it come over the rest.
                for i, x in enumerate(b.transposed([*rows, *[nothing] * (lanes - taps)])):
                    b.store(x, b.gep(place, b.int(i * taps), "float"))
            base = b.gep(out, b.mul(row, op["out_row"]), epilogue.element)

            def put(i: Val, mask: Val | None, row: Val = row, base: Val = base) -> None:
                acc = b.load(b.gep(line, i, "float"), held)
                epilogue.store(b, b.gep(base, i, epilogue.element), acc, row, i, lanes, mask, context)

            with b.loop(b.int(0), whole, lanes) as at:
                put(at, None)
            with b.when(ragged):
                put(whole, mask)
    b.ret()
    b.end_function()
    return b.module()


def _folded(b: Builder, m: list[Val], half: Val) -> list[Val]:
    """G^T m."""
    total, difference = (b.fmul(half, combined(m[1], m[2])) for combined in (b.fadd, b.fsub))
    return [b.fadd(m[0], total), difference, b.fadd(total, m[3])]
