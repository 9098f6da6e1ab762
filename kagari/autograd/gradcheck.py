"""gradcheck and gradgradcheck: derived gradients against differences of the function's values.

A complex number counts as two real ones, its parts: the gradient dL/da + i dL/db of a + bi has the derivatives of a
real L with respect to both.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..base.dtypes import complex128, float64
from ..base.layout import layout
from ..engine.function import Hooks
from . import modes
from .api import filled, grad
from .engine import laid_out
from .functional import stacked
from .library import function
from .node import bare


class GradcheckError(RuntimeError):
    """A gradient that does not agree with the function's values."""


def gradcheck(
    func: Callable[..., Any], inputs: Any, *, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3,
    raise_exception: bool = True, nondet_tol: float = 0.0, check_undefined_grad: bool = True, check_grad_dtypes: bool =
    False, check_batched_grad: bool = False, check_batched_forward_grad: bool = False, check_forward_ad: bool = False,
    check_backward_ad: bool = True, fast_mode: bool = False, masked: bool | None = None,
) -> bool:  # fmt: skip
    """Compares the gradients of a function with finite differences, `(f(x + eps) - f(x - eps)) / (2 eps)`.

    Args:
        func: takes the inputs, returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple; those that require a gradient are checked, and should be float64 or
            complex128.
        eps: the step of the differences.
        atol: the absolute tolerance.
        rtol: the relative tolerance.
        raise_exception: raises GradcheckError for a mismatch, instead of returning False.
        nondet_tol: by how much two backward passes may differ.
        check_undefined_grad: also checks that outputs without a gradient are taken as zeros.
        check_grad_dtypes: also checks that gradients have their inputs' dtypes.
        check_batched_grad: also checks that gradients of many outputs at once, by `vmap`, are those of each.
        check_batched_forward_grad: also checks that of forward mode.
        check_forward_ad: whether forward mode is checked.
        check_backward_ad: whether reverse mode is checked.
        fast_mode: has no effect: everything is compared.
        masked: True where sparse inputs are checked at their places alone; other ways to check them are not there.

    >>> import kagari as torch
    >>> x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(lambda x: x * x, x)
    True
    """
    if not check_backward_ad and not check_forward_ad:
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    for name, asked, needed, there in (
        ("check_batched_grad", check_batched_grad, "check_backward_ad", check_backward_ad),
        ("check_batched_forward_grad", check_batched_forward_grad, "check_forward_ad", check_forward_ad),
    ):
        if asked and not there:
            raise AssertionError(f"Setting {name}=True requires {needed} to be True")
    given = (inputs,) if isinstance(inputs, Hooks.tensor_types) else tuple(inputs)
    if any(isinstance(t, Hooks.tensor_types) and t._layout.compound for t in given):
        if not masked:
            raise NotImplementedError("gradcheck: sparse inputs are checked with masked=True alone")
        func, given = Hooks.sparse.checking.of_values(func, given)
    checked = _checked_inputs(given)
    try:
        with modes.enable_grad():
            check = _Check(func, given, checked, eps, atol, rtol, nondet_tol, check_grad_dtypes)
            if check_forward_ad:
                check.forward(check_batched_forward_grad)
            if check_backward_ad:
                check.run(check_undefined_grad, check_batched_grad)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _checked_inputs(given: Sequence[Any]) -> list[int]:
    """The numbers of the inputs to check. Raises ValueError where there are none."""
    found = []
    for i, t in enumerate(given):
        if not isinstance(t, Hooks.tensor_types) or not t._needs:
            continue
        found.append(i)
        if t._layout.dtype not in (float64, complex128):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. This check "
                "will likely fail if all the inputs are not of double precision floating point or complex. ",
                stacklevel=3,
            )
        if any(n > 1 and s == 0 for n, s in zip(t._layout.shape, t._layout.strides)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are "
                "non-overlapping to be able to compute the numerical gradients correctly. You should call .contiguous "
                "on the input before passing it to gradcheck."
            )
        if t._grad_fn is not None:
            t.retain_grad()
    if not found:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    return found


class _Check:
    """One run of gradcheck; raises GradcheckError at the first mismatch."""

    def __init__(
        self, func: Callable[..., Any], given: Sequence[Any], checked: list[int], eps: float, atol: float, rtol: float,
        nondet_tol: float, dtypes: bool,
    ) -> None:  # fmt: skip
        self.func, self.given, self.checked, self.eps = func, list(given), checked, eps
        self.atol, self.rtol, self.nondet_tol, self.dtypes = atol, rtol, nondet_tol, dtypes
        self.leaves = [given[i] for i in checked]

    def forward(self, batched: bool) -> None:
        """Compares forward mode."""
        sizes = [_count(o) for o in self.outputs(self.func(*self.given))]
        numerical = self.numerical(sizes, all_outputs=True)
        for j, i in enumerate(self.checked):
            units = []
            for e in range(_count(self.given[i])):
                units.append(filled(self.given[i]._layout, 0))
                _add_at(units[-1], e, 1)
            rows = [[_reals(slope) for slope in self.along(i, unit)] for unit in units]
            for k in range(len(sizes) if units else 0):
                a, n = np.stack([row[k] for row in rows]), numerical[k][j]
                if not np.allclose(a, n, rtol=self.rtol, atol=self.atol):
                    raise GradcheckError(
                        f"Jacobian computed with forward mode mismatch for output {k} with respect to input "
                        f"{i},\nnumerical:{_shown(n)}\nanalytical:{_shown(a)}\n"
                    )
            if batched and units:
                found = Hooks.batches.each(lambda unit, i=i: self.along(i, unit), stacked(units))
                self.agree([np.stack([row[k] for row in rows]) for k in range(len(sizes))], found)

    def along(self, i: int, tangent: Any) -> tuple[Any, ...]:
        """The derivatives of the outputs where one input changes so."""
        with Hooks.duals.Jvp() as level:
            dual = level.dual(self.given[i], tangent)
            outputs = self.outputs(self.func(*self.given[:i], dual, *self.given[i + 1 :]))
            return tuple([level.slope(o) for o in outputs])

    def agree(self, apart: Sequence[Any], together: Sequence[Any]) -> None:
        """Compares derivatives one by one with all of them at once."""
        for one, all_ in zip(apart, together):
            found = _reals(all_).reshape(one.shape)
            if not np.allclose(one, found, rtol=self.rtol, atol=self.atol):
                raise GradcheckError(
                    "While computing batched gradients, got different results from computing them one by one: "
                    f"{_shown(one.reshape(len(one), -1))} and {_shown(found.reshape(len(one), -1))}"
                )

    def batched(self, out: Any) -> None:
        """Compares gradients of two random cotangents with both at once."""
        seeds = [filled(out._layout, 0).uniform_(-1.0, 1.0) for _ in range(2)]
        apart = [grad(out, self.leaves, seed, retain_graph=True, allow_unused=True) for seed in seeds]
        together = grad(out, self.leaves, stacked(seeds), retain_graph=True, allow_unused=True, is_grads_batched=True)
        kept = [j for j, g in enumerate(together) if g is not None]
        self.agree([np.stack([_reals(row[j]) for row in apart]) for j in kept], [together[j] for j in kept])

    def run(self, undefined: bool, batched: bool) -> None:
        """Compares reverse mode."""
        outputs = self.outputs(self.func(*self.given))
        differentiable = [o for o in outputs if o._needs]
        if not differentiable:
            self.expect_zero()
            return
        numerical = self.numerical([_count(o) for o in differentiable])
        for k, out in enumerate(differentiable):
            analytical = self.analytical(out)
            again = self.analytical(out)
            for j, i in enumerate(self.checked):
                a, b, n = analytical[j], again[j], numerical[k][j]
                if not np.allclose(a, b, rtol=0.0, atol=self.nondet_tol):
                    raise GradcheckError(
                        "Backward is not reentrant, i.e., running backward with same input and grad_output multiple "
                        "times gives different values, although analytical gradient matches numerical gradient.The "
                        f"tolerance for nondeterminism was {self.nondet_tol}.\n\nNOTE: If your op relies on "
                        "non-deterministic operations i.e., it is listed here: this failure might be expected."
                    )
                if not np.allclose(a, n, rtol=self.rtol, atol=self.atol):
                    raise GradcheckError(
                        f"Jacobian mismatch for output {k} with respect to input "
                        f"{i},\nnumerical:{_shown(n)}\nanalytical:{_shown(a)}\n"
                    )
            if batched:
                self.batched(out)
        if undefined:
            self.undefined()

    @staticmethod
    def outputs(result: Any) -> list[Any]:
        """The floating-point and complex tensors among what a function returned."""
        listed = (result,) if isinstance(result, Hooks.tensor_types) else result
        return [o for o in listed if isinstance(o, Hooks.tensor_types) and o._layout.dtype.is_differentiable]

    def expect_zero(self) -> None:
        """For outputs that claim to depend on nothing."""
        sizes = [_count(o) for o in self.outputs(self.func(*self.given))]
        for per_output in self.numerical(sizes, all_outputs=True):
            for n in per_output:
                if np.any(n != 0):
                    raise GradcheckError("Numerical gradient for function expected to be zero")

    def numerical(self, sizes: Sequence[int], all_outputs: bool = False) -> list[list[Any]]:
        """For each output and input a matrix of differences: a row for each element of the input."""
        result = [[np.zeros((_count(t), n)) for t in self.leaves] for n in sizes]
        for j, i in enumerate(self.checked):
            for e in range(_count(self.given[i])):
                low, high = self.moved(i, e, -self.eps, all_outputs), self.moved(i, e, self.eps, all_outputs)
                for k in range(len(sizes)):
                    result[k][j][e] = (high[k] - low[k]) / (2 * self.eps)
        return result

    def moved(self, i: int, element: int, step: float, all_outputs: bool) -> list[Any]:
        """The outputs where one element of one input is moved."""
        t = self.given[i]
        copy = laid_out_plain(t)
        _add_at(copy, element, step)
        copy._needs = True
        outs = self.outputs(self.func(*self.given[:i], copy, *self.given[i + 1 :]))
        return [_reals(o) for o in outs if all_outputs or o._needs]

    def analytical(self, out: Any) -> list[Any]:
        """For each input the derived matrix of one output: a column for each element of the output."""
        result = [np.zeros((_count(t), _count(out))) for t in self.leaves]
        for e in range(_count(out)):
            seed = filled(out._layout, 0)
            _add_at(seed, e, 1)
            for j, g in enumerate(grad(out, self.leaves, seed, retain_graph=True, allow_unused=True)):
                if g is not None:
                    self.fits(g, j)
                    result[j][:, e] = _reals(g)
        return result

    def fits(self, g: Any, j: int) -> None:
        t = self.leaves[j]
        if g._layout.shape != t._layout.shape:
            raise GradcheckError("Analytical gradient has incorrect size")
        if self.dtypes and g._layout.dtype is not t._layout.dtype:
            raise GradcheckError("Analytical gradient has incorrect dtype")

    def undefined(self) -> None:
        """Outputs without a gradient have to count as zeros: checked with each of several outputs alone."""
        outputs = [o for o in self.outputs(self.func(*self.given)) if o._needs]
        if len(outputs) < 2:
            return
        for k in range(len(outputs)):
            seeds = [filled(o._layout, 1 if m == k else 0) for m, o in enumerate(outputs)]
            alone = grad(outputs[k], self.leaves, seeds[k], retain_graph=True, allow_unused=True)
            together = grad(outputs, self.leaves, seeds, retain_graph=True, allow_unused=True)
            for a, b in zip(alone, together):
                zeros = 0.0
                if not np.allclose(
                    zeros if a is None else _array(a), zeros if b is None else _array(b), equal_nan=True
                ):
                    raise GradcheckError(
                        "Expected backward function to handle undefined output grads. Please look at \"Notes about "
                        "undefined output gradients\" in \"tools/autograd/derivatives.yaml\""
                    )  # fmt: skip


def laid_out_plain(t: Any) -> Any:
    """A copy without history in the same layout."""
    with modes.no_grad():
        return laid_out(t, t._layout)


def _array(t: Any) -> Any:
    with modes.no_grad():
        return bare(t).numpy()


def _count(t: Any) -> int:
    """How many real numbers a tensor holds."""
    return int(t._layout.numel) * (2 if t._layout.dtype.is_complex else 1)


def _reals(t: Any) -> Any:
    """A tensor's real numbers in a row, of complex ones the parts one after the other."""
    array = _array(t)
    array = np.stack((array.real, array.imag), -1) if array.dtype.kind == "c" else array
    return array.astype(np.float64).reshape(-1)


def _add_at(t: Any, number: int, step: float) -> None:
    """Adds to one of a tensor's real numbers."""
    array = _array(t)
    part: complex = 1
    if array.dtype.kind == "c":
        number, part = number // 2, (1, 1j)[number % 2]
    array[np.unravel_index(number, array.shape)] += step * part


def _shown(matrix: Any) -> str:
    made = filled(layout(matrix.shape, None, float64), 0)
    _array(made)[...] = matrix
    return repr(made)


def _own(t: Any) -> Any:
    """A tensor that wants a gradient, tied to the one given where that does."""
    return function("alias").run((t,)) if t._needs else bare(t).requires_grad_()


def gradgradcheck(
    func: Callable[..., Any], inputs: Any, grad_outputs: Any = None, *, eps: float = 1e-6, atol: float = 1e-5, rtol:
    float = 1e-3, gen_non_contig_grad_outputs: bool = False, raise_exception: bool = True, nondet_tol: float = 0.0,
    check_undefined_grad: bool = True, check_grad_dtypes: bool = False, check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False, check_rev_over_rev: bool = True, fast_mode: bool = False, masked: bool = False,
) -> bool:  # fmt: skip
    """Compares the gradients of a function's gradients with finite differences. See `gradcheck` for the arguments.

    `grad_outputs` are the gradients that the first derivative is taken with; random ones from -1 to 1 if None.

    >>> import kagari as torch
    >>> x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradgradcheck(lambda x: x * x * x, x)
    True
    """
    given = (inputs,) if isinstance(inputs, Hooks.tensor_types) else tuple(inputs)
    outputs = [o for o in _Check.outputs(func(*given)) if o._needs]
    if grad_outputs is None:
        seeds = [filled(o._layout, 0).uniform_(-1.0, 1.0) for o in outputs]
        for s in seeds:
            s._needs = True
    else:
        seeds = [grad_outputs] if isinstance(grad_outputs, Hooks.tensor_types) else list(grad_outputs)
    wanted = [i for i, t in enumerate(given) if isinstance(t, Hooks.tensor_types) and t._needs]

    def first(*args: Any) -> tuple[Any, ...]:
        own, seeds_ = args[: len(given)], args[len(given) :]
        # A tensor of its own, so that a function that returns its input can be differentiated by both.
        own = tuple([_own(a) if i in wanted else a for i, a in enumerate(own)])
        outs = [o for o in _Check.outputs(func(*own)) if o._needs]
        leaves = [own[i] for i in wanted]
        return tuple(
            [g for g in grad(outs, leaves, list(seeds_), create_graph=True, allow_unused=True) if g is not None]
        )

    return gradcheck(
        first, (*given, *seeds), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception, nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad, check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad, check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
    )  # fmt: skip
