"""Derivatives of functions: gradients, and products of Jacobians with vectors from either side.

Reverse mode records the function on the tape, forward mode (jvp) carries tangents along. Inside of another
transformation the inputs become tensors of its level, so that each has a tape of its own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..autograd import enable_grad, is_grad_enabled
from ..autograd import grad as gradients
from ..autograd.node import OutputOf, bare, edge_of
from ..eager import Tensor
from ..eager.calls import call as operator
from ..eager.creation import ones_like, zeros_like
from ..eager.dual import Jvp
from ..eager.levels import VARIABLE, Standing, State, current, wants
from ..eager.overlay import Overlay
from ..utils import _pytree as pytree

Argnums = int | tuple[int, ...]


# What reverse mode starts from and gives back


def _variable(t: Any, connected: bool, state: State) -> Any:
    """A tensor to differentiate by, tied to the one given where that wants a gradient."""
    if isinstance(t, Overlay):
        raise NotImplementedError(f"grad: a {type(t).__name__} is not transformed, its elements are")
    level = current()
    own = t if level is None else level.lifted(t)
    if own._needs and connected:
        return operator("alias")(own)
    made = bare(own).requires_grad_()
    made._notes()[VARIABLE] = state
    return made


def _depends(outputs: Sequence[Any], state: State, below: bool) -> bool:
    """Whether outputs depend on anything that wants a gradient but the variables of this call and of finished ones.

    With `below` what standing tensors hold counts, too: they are on the tapes of the levels below.
    """
    stack: list[Any] = []
    for t in outputs:
        _push(t, stack, below)
    seen = set()
    while stack:
        edge = stack.pop()
        if edge is None or id(edge) in seen:
            continue
        seen.add(id(edge))
        node = edge.node if isinstance(edge, OutputOf) else edge
        if isinstance(node, Tensor):
            made_by = (node._extra or {}).get(VARIABLE)
            if made_by is None or (made_by is not state and not made_by.finished):
                return True
            continue
        stack.extend(node._edges)
        if below:
            for t in node._saved or ():
                if isinstance(t, Standing):
                    _push(t, stack, True)
    return False


def _push(t: Any, stack: list[Any], below: bool) -> None:
    """Adds where a tensor stands on its tape, and where what it holds stands on others."""
    stack.append(edge_of(t))
    if below and isinstance(t, Standing):
        for part in t.parts():
            _push(part, stack, True)


class _Recorded:
    """A call on the tape: its outputs, and gradients of its inputs."""

    def __init__(self, func: Callable[..., Any], primals: Sequence[Any]) -> None:
        self._outside = is_grad_enabled()
        self._state = State()
        with enable_grad():
            self.variables = [_variable(t, self._outside, self._state) for t in primals]
            self.result = func(*self.variables)

    def finish(self, outputs: Sequence[Any]) -> list[Any]:
        """The outputs as the caller gets them."""
        self.outputs = list(outputs)
        tied = self._outside and _depends(self.outputs, self._state, False)
        self._followed = tied or (self._outside and _depends(self.outputs, self._state, True))
        self._state.finished = True
        return self.outputs if tied else [bare(t) for t in self.outputs]

    def pull(self, cotangents: Sequence[Any], keep: bool) -> list[Any]:
        """The gradients of the inputs, zeros where an output does not depend on them."""
        pairs = [(t, c) for t, c in zip(self.outputs, cotangents) if t._needs]
        found: Sequence[Any] = [None] * len(self.variables)
        if pairs:
            outs, cots = zip(*pairs)
            followed = self._followed or any(c is not None and wants(c) for c in cots)
            create = followed and is_grad_enabled()
            found = gradients(
                outs, self.variables, cots, retain_graph=keep or create, create_graph=create, allow_unused=True
            )
        return [zeros_like(bare(v)) if g is None else g for v, g in zip(self.variables, found)]


def _tensors(leaves: Sequence[Any], what: str) -> None:
    for t in leaves:
        if not isinstance(t, Tensor):
            raise RuntimeError(f"{what}, got unsupported type {type(t)}")


def _with_aux(name: str, result: Any, has_aux: bool) -> tuple[Any, Any]:
    """The output of a function and what it returns beside it."""
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise RuntimeError(f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True")
    for t in pytree.tree_leaves(result[1]):
        if not isinstance(t, Tensor):
            raise RuntimeError(f"Expected tensors, got unsupported type {type(t)}")
    return result[0], pytree.tree_map(bare, result[1])


def chosen(args: tuple[Any, ...], argnums: Argnums) -> tuple[int, ...]:
    """The positions of the arguments to differentiate by. Raises RuntimeError for what is none."""
    if not isinstance(argnums, int) and not (isinstance(argnums, tuple) and all(isinstance(n, int) for n in argnums)):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    listed = (argnums,) if isinstance(argnums, int) else argnums
    if not listed:
        raise RuntimeError("argnums must be non-empty")
    for n in listed:
        if not -len(args) <= n < len(args):
            raise RuntimeError(f"Got argnum={n}, but only {len(args)} positional inputs")
    found = tuple([n % len(args) for n in listed])
    if len({*found}) < len(found):
        raise RuntimeError(f"argnums elements must be unique, got {argnums}")
    return found


def of_chosen(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], argnums: Argnums
) -> tuple[Callable[..., Any], list[Any], Any]:
    """The function of the leaves of the chosen arguments alone, these leaves, and the tree that they make."""
    positions = chosen(args, argnums)
    leaves, spec = pytree.tree_flatten(tuple([args[n] for n in positions]))
    for t in leaves:
        if not isinstance(t, Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(t)}")

    def of_leaves(*new: Any) -> Any:
        values = dict(zip(positions, pytree.tree_unflatten(new, spec)))
        return func(*[values.get(n, a) for n, a in enumerate(args)], **kwargs)

    return of_leaves, leaves, spec


# The functions


def grad(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    r"""Makes a function that returns the gradient of `func`, whose result is a tensor with one element.

    Args:
        func (callable): takes tensors, or trees of them, and returns a scalar tensor; with `has_aux` a tuple of that
            and something more.
        argnums (int or tuple of int): the arguments to differentiate by. Default: ``0``
        has_aux (bool): whether `func` returns something beside its output, which is returned beside the gradient.
            Default: ``False``

    Raises RuntimeError where `func` returns something else, and for arguments that are not of floats.

    Example::

        >>> import kagari as torch
        >>> torch.func.grad(torch.sin)(torch.tensor(0.0))
        tensor(1.)
        >>> torch.func.grad(torch.func.grad(lambda x: x**3))(torch.tensor(2.0))
        tensor(12.)
    """

    @functools.wraps(func)
    def of(*args: Any, **kwargs: Any) -> Any:
        found, value = grad_and_value(func, argnums, has_aux)(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return of


def grad_and_value(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    r"""Makes a function that returns the gradient of `func` and its value. See `grad` for the arguments.

    Example::

        >>> import kagari as torch
        >>> torch.func.grad_and_value(lambda x: (x * x).sum())(torch.tensor([1.0, 2.0]))
        (tensor([2., 4.]), tensor(5.))
    """
    name = "grad_and_value(f)(*args)"

    @functools.wraps(func)
    def of(*args: Any, **kwargs: Any) -> Any:
        of_leaves, leaves, spec = of_chosen(func, args, kwargs, argnums)
        call = _Recorded(of_leaves, leaves)
        output, aux = _with_aux(name, call.result, has_aux)
        if not isinstance(output, Tensor):
            raise RuntimeError(f"{name}: Expected f(*args) to return a Tensor, got {type(output)}")
        if output.ndim:
            raise RuntimeError(
                f"{name}: Expected f(*args) to return a scalar Tensor, got tensor with {output.ndim} dims. Maybe you "
                "wanted to use the vjp or jacrev APIs instead?"
            )
        (value,) = call.finish([output])
        made = pytree.tree_unflatten(call.pull([None], False), spec)
        result = made[0] if isinstance(argnums, int) else made
        return result, (value, aux) if has_aux else value

    return of


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    r"""The output of `func(*primals)`, and the function that takes a cotangent of it to those of the primals.

    Args:
        func (callable): takes tensors, or trees of them, and returns tensors.
        primals: where it is differentiated.
        has_aux (bool): whether `func` returns something beside its output, which is returned, too. Default: ``False``

    Returns `(output, vjp_fn)`, or `(output, vjp_fn, aux)`. `vjp_fn(cotangents)` is the tuple of the products
    :math:`v^T J`, or the product alone for one primal.

    Example::

        >>> import kagari as torch
        >>> output, vjp_fn = torch.func.vjp(torch.sin, torch.tensor([0.0, 1.0]))
        >>> vjp_fn(torch.tensor([1.0, 0.0]))
        (tensor([1., 0.]),)
    """
    leaves, spec = pytree.tree_flatten(primals)
    for t in leaves:
        if not isinstance(t, Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(t)}")
    call = _Recorded(lambda *new: func(*pytree.tree_unflatten(new, spec)), leaves)
    result, aux = _with_aux("vjp(f, *primals)", call.result, has_aux)
    outputs, out_spec = pytree.tree_flatten(result)
    _tensors(outputs, "vjp(f, *primals): expected f(*primals) to return only tensors")
    shown = pytree.tree_unflatten(call.finish(outputs), out_spec)

    def pullback(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        found, given = pytree.tree_flatten(cotangents)
        if given != out_spec:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of outputs to the "
                f"function. cotangents: {given}, primal output: {out_spec}"
            )
        return pytree.tree_unflatten(call.pull(found, retain_graph), spec)

    return (shown, pullback, aux) if has_aux else (shown, pullback)


def jvp(
    func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False
) -> Any:  # fmt: skip
    r"""The output of `func(*primals)` and its derivative along `tangents`, :math:`J t`, in one pass.

    Args:
        func (callable): takes tensors, or trees of them, and returns tensors.
        primals (tuple): where it is differentiated.
        tangents (tuple): how each of them changes; of the same tree and shapes.
        strict (bool): raises RuntimeError where an output does not depend on the inputs. Default: ``False``
        has_aux (bool): whether `func` returns something beside its output, which is returned, too. Default: ``False``

    Example::

        >>> import kagari as torch
        >>> torch.func.jvp(torch.sin, (torch.tensor(0.0),), (torch.tensor(2.0),))
        (tensor(0.), tensor(2.))
    """
    name = "jvp(f, primals, tangents)"
    if not isinstance(primals, tuple):
        raise RuntimeError(f"{name}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals).")
    leaves, spec = pytree.tree_flatten(primals)
    changes, given = pytree.tree_flatten(tangents)
    if given != spec:
        raise RuntimeError(
            f"{name}: Expected primals and tangents to have the same python structure. For example, if primals is a "
            f"tuple of 3 tensors, tangents also must be. Got primals with structure {spec} and tangents with structure "
            f"{given}"
        )
    for what, listed in (("primals", leaves), ("tangents", changes)):
        for t in listed:
            if not isinstance(t, Tensor):
                raise RuntimeError(f"{name}: Expected {what} to only contain Tensors, got {type(t)}")
    with Jvp() as level:
        duals = [level.dual(t, change) for t, change in zip(leaves, changes)]
        result = func(*pytree.tree_unflatten(duals, spec))
        aux = None
        if has_aux:
            result, aux = _with_aux(name, result, True)
            aux = pytree.tree_map(level.primal, aux)
        outputs, out_spec = pytree.tree_flatten(result)
        _tensors(outputs, f"{name}: expected f(*primals) to return only tensors")
        if strict and any(level.tangent(t) is None for t in outputs):
            raise RuntimeError(
                "jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not "
                "allowed with strict=True."
            )
        values = pytree.tree_unflatten([level.primal(t) for t in outputs], out_spec)
        slopes = pytree.tree_unflatten([level.slope(t) for t in outputs], out_spec)
    return (values, slopes, aux) if has_aux else (values, slopes)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    r"""The output of `func(*primals)`, and the function that takes tangents to :math:`J t` without another call.

    Example::

        >>> import kagari as torch
        >>> output, jvp_fn = torch.func.linearize(torch.sin, torch.tensor(0.0))
        >>> jvp_fn(torch.tensor(3.0))
        tensor(3.)
    """
    output, pullback = vjp(func, *primals)
    leaves, spec = pytree.tree_flatten(primals)
    seeds = pytree.tree_map(ones_like, output)
    _, push = vjp(pullback, seeds)

    def jvp_fn(*tangents: Any) -> Any:
        changes, given = pytree.tree_flatten(tangents)
        if given != spec:
            raise RuntimeError(f"linearize: expected tangents of the structure of the primals, {spec}, got {given}")
        for t, change in zip(leaves, changes):
            if t.shape != change.shape or t.dtype is not change.dtype:
                raise RuntimeError(
                    f"linearize: expected tangents of the shapes and dtypes of the primals, {list(t.shape)} and "
                    f"{t.dtype}, got {list(change.shape)} and {change.dtype}"
                )
        return push(tangents)[0]

    return output, jvp_fn
