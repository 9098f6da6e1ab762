"""Operations with a gradient of the user's own (`torch.autograd.Function`) in functions that are being transformed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from ..autograd import modes
from ..autograd.api import grad
from ..autograd.function import Function, join
from ..autograd.library import function
from ..autograd.node import bare, edge_of
from .batched import Vmap
from .creation import ones_like, zeros_like
from .dual import Dual, Jvp
from .levels import Standing, Unseen, private, wants
from .tensor import Tensor
from .views import stack


class VmapInfo(NamedTuple):
    """What a static method `vmap` of a Function is told of the call."""

    batch_size: int
    randomness: str


def applied(cls: type[Function], args: tuple[Any, ...]) -> Any:
    """Answers `cls.apply(*args)` with standing tensors among the arguments."""
    level: Any = max((a._level for a in args if isinstance(a, Standing)), key=lambda level: level.depth)
    if not level.depth:
        return cls.apply(*[a.after() if isinstance(a, Standing) and a._level is level else a for a in args])
    if cls.stacked and isinstance(level, Vmap):
        return _stacked(level, cls, args)[0]
    return _along(level, cls, args) if isinstance(level, Jvp) else _batched(level, cls, args)


# Many examples that are a stack


def _outcome(cls: type[Function], args: tuple[Any, ...]) -> tuple[Any, Any, list[Any]]:
    """What `called` gives, of an operation on stacks, whose arguments may stand for others."""
    levels = [a._level for a in args if isinstance(a, Standing)]
    if not levels:
        return cls.called(args)
    level: Any = max(levels, key=lambda level: level.depth)
    return _outcome_along(level, cls, args) if isinstance(level, Jvp) else _stacked(level, cls, args)


def _stacked(level: Vmap, cls: type[Function], args: tuple[Any, ...]) -> tuple[Any, Any, list[Any]]:
    """One call on the stacks of all examples."""
    many = any(level.own(a) and a._many for a in args)
    if many:
        values = tuple([level.examples(a) if isinstance(a, Tensor) else a for a in args])
    else:
        values = tuple([a._value if level.own(a) else a for a in args])
    result, below, kept = _outcome(cls, values)
    several = isinstance(result, tuple)
    wrap = level.batched if many else level.lifted
    made = tuple([wrap(o) for o in (result if several else (result,))])
    known = {id(v): a for v, a in zip(values, args)} | {
        id(o): m for o, m in zip(result if several else (result,), made)
    }
    saved = [known[id(t)] if id(t) in known else wrap(t) if isinstance(t, Tensor) else t for t in kept]
    ctx = below
    if modes.is_grad_enabled() and any(level.own(a) and a._needs for a in args):
        ctx = _alike(cls, below, args, [level.lifted(t) if isinstance(t, Tensor) else t for t in saved])
        made = join(ctx, [level.lifted(a) for a in args if isinstance(a, Tensor)], made, True)
    return made if several else made[0], ctx, saved


def _alike(cls: type[Function], other: Any, args: tuple[Any, ...], saved: list[Any]) -> Any:
    """A context with what another one holds, for these arguments, on the tape of their level."""
    ctx = cls._ctx()
    vars(ctx).update({name: value for name, value in vars(other).items() if not name.startswith("_")})
    ctx.needs_input_grad = tuple([isinstance(a, Standing) and a._needs for a in args])
    ctx._to_save = tuple(saved)
    ctx._inputs = tuple([a._layout if isinstance(a, Tensor) else None for a in args])
    ctx.begin(tuple([edge_of(a) if isinstance(a, Standing) else None for a in args if isinstance(a, Tensor)]))
    return ctx


# Many examples, each as one


def _batched(level: Vmap, cls: type[Function], args: tuple[Any, ...]) -> Any:
    which = tuple([level.own(a) and a._many for a in args])
    # What is on the level's own tape is derived from forward and backward.
    recording = modes.is_grad_enabled() and any(level.own(a) and a._needs for a in args)
    if cls.vmap is not Function.vmap and not recording:
        return _by_rule(level, cls, args, which)
    values = tuple([a._value if level.own(a) else a for a in args])
    if not any(which) and not recording:
        return _lifted(level, cls.apply(*values))
    try:
        call = _Call(level, cls, which)
        made = _Batched.apply(call, *values)
    except Unseen:
        return _one_by_one(level, cls, args)
    outputs = tuple([level.batched(t) if isinstance(t, Tensor) else t for t in (made if call.several else (made,))])
    if recording:
        outputs = call.recorded(args, outputs)
    call.let_go()
    return outputs if call.several else outputs[0]


def _lifted(level: Vmap, result: Any) -> Any:
    """What all examples share, as the level's tensors."""
    if isinstance(result, tuple):
        return tuple([_lifted(level, r) for r in result])
    return level.lifted(result) if isinstance(result, Tensor) else result


def _by_rule(level: Vmap, cls: type[Function], args: tuple[Any, ...], which: tuple[bool, ...]) -> Any:
    """The user's own rule: `vmap(info, in_dims, *args)` returns outputs and where the examples are in them."""
    dims = tuple([0 if many else None for many in which])
    values = [a._value if level.own(a) else a for a in args]
    found = cls.vmap(VmapInfo(level.size, level.randomness), dims, *values)
    if not isinstance(found, tuple) or len(found) != 2:
        raise RuntimeError(f"{cls.__name__}.vmap has to return a pair, (output, out_dims), got {type(found).__name__}")
    output, out_dims = found
    if not isinstance(output, tuple):
        return _placed(level, output, out_dims)
    places = out_dims if isinstance(out_dims, tuple | list) else [out_dims] * len(output)
    return tuple([_placed(level, t, d) for t, d in zip(output, places)])


def _placed(level: Vmap, t: Any, dim: Any) -> Any:
    return level.lifted(t) if dim is None else level.batched(t.movedim(dim, 0) if dim else t)


def _one_by_one(level: Vmap, cls: type[Function], args: tuple[Any, ...]) -> Any:
    """One call for each example: of operations that look at elements."""
    if not level.size:
        raise RuntimeError(f"vmap: {cls.__name__} looks at elements, so there has to be an example")
    many = [level.own(a) and a._many for a in args]
    whole = [level.examples(a) if m else a._value if level.own(a) else a for a, m in zip(args, many)]
    rows = [
        [function("select").run((a, 0, i)) if m else a for a, m in zip(whole, many)] for i in range(level.size)
    ]  # fmt: skip
    calls = [cls.apply(*row) for row in rows]
    several = isinstance(calls[0], tuple)
    columns = zip(*calls) if several else [tuple(calls)]
    outputs = tuple([level.batched(stack(c)) if isinstance(c[0], Tensor) else c[0] for c in columns])
    given = [level.lifted(a) for a in args if isinstance(a, Tensor)]
    if modes.is_grad_enabled() and any(a._needs for a in given):
        contexts = []
        for row in rows:
            ctx = cls._ctx()
            ctx.needs_input_grad = tuple([level.own(a) and a._needs for a in args])
            made = cls.compute(ctx, row)
            known = [*row, *(made if several else (made,))]
            contexts.append((ctx, [_number(t, known) for t in ctx._to_save]))
        outputs = _recorded_rows(level, args, given, outputs, contexts)
    return outputs if several else outputs[0]


def _number(t: Any, known: Sequence[Any]) -> int | None:
    """Which of some objects it is."""
    return next((k for k, o in enumerate(known) if o is t), None)


def _recorded_rows(
    level: Vmap, args: tuple[Any, ...], given: list[Any], outputs: tuple[Any, ...], contexts: list[Any]
) -> tuple[Any, ...]:
    """The outputs with their place on the level's tape: one context, of what those of the examples saved."""
    ctx, places = contexts[0]
    known = (*args, *outputs)
    saved = zip(*[c._to_save for c, _ in contexts])
    ctx._to_save = tuple([
        known[k] if k is not None else level.batched(stack(column)) if isinstance(column[0], Tensor) else column[0]
        for k, column in zip(places, saved)
    ])  # fmt: skip
    for name, value in list(vars(ctx).items()):
        if isinstance(value, Tensor):
            setattr(ctx, name, level.batched(stack([getattr(c, name) for c, _ in contexts])))
    ctx._inputs = tuple([a._layout if isinstance(a, Tensor) else None for a in args])
    ctx.begin(tuple([edge_of(a) for a in given]))
    return join(ctx, given, outputs, True)


def _changes(t: Any) -> bool:
    """Whether there is a tangent below."""
    while isinstance(t, Standing):
        if isinstance(t, Dual):
            return True
        t = t._value
    return False


class _Call:
    """One call for many examples: what its forward and its backward share."""

    def __init__(self, level: Vmap, cls: type[Function], which: tuple[bool, ...]) -> None:
        self.level, self.cls, self.which = level, cls, which
        self.several = False
        self.ctx: Any = None
        self.args: list[Any] = []
        self.outputs: tuple[Any, ...] = ()

    def forward(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """The outputs for all examples."""
        self.args = args = [self.level.batched(v) if m else v for v, m in zip(values, self.which)]
        self.ctx = ctx = self.cls._ctx()
        ctx.needs_input_grad = tuple([isinstance(v, Tensor) and v._needs for v in values])
        output = self.cls.compute(ctx, args)
        if ctx._dirty:
            raise RuntimeError(f"vmap: {self.cls.__name__} changes an argument in place, which can't be batched")
        self.several = isinstance(output, tuple)
        self.outputs = output if self.several else (output,)
        ctx._inputs = tuple([a._layout if isinstance(a, Tensor) else None for a in args])
        ctx._made = tuple([o._layout if isinstance(o, Tensor) else None for o in self.outputs])
        return tuple([self.level.examples(o) if isinstance(o, Tensor) else o for o in self.outputs])

    def recorded(self, args: tuple[Any, ...], outputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """The outputs with their place on the level's own tape."""
        ctx, lifted = self.ctx, self.level.lifted
        known = {id(t): a for t, a in zip(self.args, args)} | {id(t): o for t, o in zip(self.outputs, outputs)}
        if any(map(_changes, args)):
            _check_kept(self.cls, ctx, ctx._to_save, known)
        ctx._to_save = tuple([known.get(id(t), t) for t in ctx._to_save])
        ctx._flat = tuple([known.get(id(t), t) for t in ctx._flat])
        given = [lifted(a) for a in args if isinstance(a, Tensor)]
        ctx.begin(tuple([edge_of(a) for a in given]))
        return join(ctx, given, outputs, True)

    def let_go(self) -> None:
        """Forgets tensors: the node of all examples holds the call, and outputs hold that node."""
        self.args, self.outputs = [], ()
        self.ctx._to_save = self.ctx._flat = ()

    def again(self, saved: tuple[Any, ...], many: list[bool | None]) -> Any:
        """The context for a backward of all examples."""
        ctx = self.cls._ctx()
        ctx.__dict__.update(self.ctx.__dict__)
        ctx.begin(())
        level = self.level
        items = [t if m is None else level.batched(t) if m else level.lifted(t) for t, m in zip(saved, many)]
        ctx._saved = (*items, None, *[None if t is None else t._version for t in items])
        ctx._from = (None,) * len(items)
        return ctx


class _Batched(Function):
    """An operation on all examples, by way of the one that it is on each."""

    @staticmethod
    def forward(ctx: Any, call: _Call, *values: Any) -> Any:
        """Calls forward with tensors that stand for an example each."""
        whole, level = call.forward(values), call.level
        saved, ctx.call, ctx.many = [], call, []
        for t in call.ctx._to_save:
            k = _number(t, call.outputs)
            saved.append(whole[k] if k is not None else t._value if level.own(t) else t)
            ctx.many.append(True if k is not None else t._many if level.own(t) else None)
        ctx.save_for_backward(*saved)
        numbers = [_number(t, call.outputs) for t in call.ctx._flat]
        ctx.mark_non_differentiable(*[whole[k] for k in numbers if k is not None])
        ctx.set_materialize_grads(False)
        return whole if call.several else whole[0]

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Calls backward with gradients that stand for those of an example each."""
        call = ctx.call
        with call.level as level:
            inner = call.again(ctx.saved_tensors, ctx.many)
            left = iter(inner.apply_backward(tuple([None if g is None else level.batched(g) for g in grads])))
            result: list[Any] = [None]
            for layout, many in zip(inner._inputs, call.which):
                g = None if layout is None else next(left)
                whole = None if g is None else level.examples(g)
                result.append(whole if many or whole is None else function("sum").run((whole, (0,))))
        return tuple(result)


# Along a tangent


def _along(level: Jvp, cls: type[Function], args: tuple[Any, ...]) -> Any:
    return _outcome_along(level, cls, args)[0]


def _outcome_along(level: Jvp, cls: type[Function], args: tuple[Any, ...]) -> tuple[Any, Any, list[Any]]:
    """The operation, and its derivative: that of its gradient by the gradient that it is given, or the user's rule."""
    values = tuple([level.primal(a) for a in args])
    changes = [level.tangent(a) for a in args]
    slopes: tuple[Any, ...] = ()
    if all(t is None for t in changes):
        output = cls.apply(*values)
    elif cls.jvp is not Function.jvp:
        output, slopes = _by_rule_along(cls, values, changes)
    else:
        output, slopes = _by_gradient(cls, values, changes)
    several = isinstance(output, tuple)
    recording = modes.is_grad_enabled() and any(level.own(a) and a._needs for a in args)
    made = tuple([
        level.carried(o, t) if isinstance(o, Tensor) and (recording or t is not None) else o
        for o, t in zip_longest(output if several else (output,), slopes)
    ])  # fmt: skip
    if not recording and not cls.stacked:
        return made if several else made[0], None, []
    # The context is filled in by another forward. What it saves of arguments and outputs is what has a tangent.
    if cls.stacked:
        again, ctx, saved = _outcome(cls, values)
    else:
        ctx = cls._ctx()
        again = cls.compute(ctx, values)
        saved = list(ctx._to_save)
    known = {id(v): a for v, a in zip(values, args)} | {id(o): m for o, m in zip(again if several else (again,), made)}
    _check_kept(cls, ctx, saved, known)
    saved = [known.get(id(t), t) for t in saved]
    if recording:
        flat = [known.get(id(t), t) for t in ctx._flat]
        ctx = _alike(cls, ctx, args, saved)
        ctx._flat = tuple(flat)
        made = join(ctx, [level.lifted(a) for a in args if isinstance(a, Tensor)], made, True)
    return made if several else made[0], ctx, saved


def _check_kept(cls: type[Function], ctx: Any, saved: Sequence[Any], known: dict[int, Any]) -> None:
    """Raises RuntimeError where what is kept for the gradient is none of the tensors with a known tangent."""
    others = [t for name, t in vars(ctx).items() if not name.startswith("_") and isinstance(t, Tensor)]
    followed = [t for t in saved if isinstance(t, Tensor) and t.dtype.is_differentiable]
    if others or any(id(t) not in known for t in followed):
        raise RuntimeError(
            f"jvp: {cls.__name__} keeps tensors for its gradient that are neither arguments nor outputs, so the "
            "gradient has no derivative; return them, and use save_for_backward"
        )


def _by_rule_along(cls: type[Function], values: tuple[Any, ...], changes: list[Any]) -> tuple[Any, tuple[Any, ...]]:
    """The user's own rule, `jvp(ctx, *tangents)`, with what another forward fills the context in with."""
    output = cls.apply(*values)
    ctx = cls._ctx()
    again = cls.compute(ctx, values)
    pairs = zip(*[o if isinstance(o, tuple) else (o,) for o in (again, output)])
    known = {id(a): o for a, o in pairs}
    kept = [known.get(id(t), t) for t in ctx._to_save]
    ctx.begin(())
    ctx._saved, ctx._from = (*kept, None, *[0 if t is None else t._version for t in kept]), (None,) * len(kept)
    if ctx._materialize:
        changes = [
            zeros_like(v) if t is None and isinstance(v, Tensor) and v.dtype.is_differentiable else t
            for v, t in zip(values, changes)
        ]
    found = cls.jvp(ctx, *changes)
    return output, found if isinstance(found, tuple) else (found,)


def _by_gradient(cls: type[Function], values: tuple[Any, ...], changes: list[Any]) -> tuple[Any, tuple[Any, ...]]:
    tensors = [v for v in (*values, *changes) if isinstance(v, Tensor)]
    followed = modes.is_grad_enabled() and any(map(wants, tensors))
    with modes.enable_grad():
        inputs = [_own(v) if t is not None else v for v, t in zip(values, changes)]
        output = cls.apply(*inputs)
        outputs = output if isinstance(output, tuple) else (output,)
        slopes = tuple([_slope(o, inputs, changes, followed) if isinstance(o, Tensor) else None for o in outputs])
    if followed:
        return output, slopes
    bares = tuple([bare(o) if isinstance(o, Tensor) else o for o in outputs])
    return bares if isinstance(output, tuple) else bares[0], tuple([None if t is None else bare(t) for t in slopes])


def _own(t: Any) -> Any:
    """A tensor that wants a gradient, tied to the one given."""
    if t._needs:
        return function("alias").run((t,))
    return private(t)


def _slope(output: Any, inputs: list[Any], changes: list[Any], followed: bool) -> Any:
    """The derivative of an output along the changes of inputs."""
    if not output._needs:
        return None
    ones = ones_like(output.detach())
    seed = private(output._level.lifted(ones) if isinstance(output, Standing) else ones)
    wrt = [(x, t) for x, t in zip(inputs, changes) if t is not None]
    found = grad(output, [x for x, _ in wrt], seed, create_graph=True, allow_unused=True)
    pairs = [(g, t) for g, (_, t) in zip(found, wrt) if g is not None and g._needs]
    if not pairs:
        return None
    (slope,) = grad([g for g, _ in pairs], [seed], [t for _, t in pairs], create_graph=followed, allow_unused=True)
    return slope
