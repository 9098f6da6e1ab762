"""Random numbers as tensors: the same seed gives the same ones as PyTorch's (how, is written in
runtime/generator.py).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd import modes
from ..autograd.library import function
from ..base import dtypes
from ..base.dtypes import dtype
from ..engine import generator as streams
from ..engine.function import Hooks
from ..ops.check import C_NAMES, LARGEST, TYPE_NAMES
from . import convert, inplace
from .calls import call
from .creation import blank_like, finished, unwritten
from .device import CPU, Device, check_device
from .formats import check_layout
from .sizes import blank, checked_value, integer, number

if TYPE_CHECKING:
    from .tensor import Tensor


class Generator(streams.Generator):
    """A stream of random numbers with a seed and a state of its own.

    >>> import kagari as torch
    >>> torch.rand(2, generator=torch.Generator().manual_seed(0))
    tensor([0.4963, 0.7682])
    """

    def __init__(self, device: Any = "cpu") -> None:
        check_device(device)
        super().__init__(CPU)

    @property
    def device(self) -> Device:
        """The device this generator draws for."""
        return CPU

    def get_state(self) -> Any:
        """The state as a tensor of 5056 bytes."""
        return convert.copied(super().get_state(), dtypes.uint8)

    def set_state(self, state: Any) -> Generator:
        """Goes to a state that `get_state` gave. Raises TypeError for what is no tensor of bytes, RuntimeError for a
        wrong size.
        """
        if not isinstance(state, Hooks.tensor_types):
            raise TypeError(f"expected a torch.ByteTensor, but got {type(state).__name__}")
        if state.dtype is not dtypes.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if state.numel() != streams.STATE_BYTES:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {streams.STATE_BYTES} but found the input RNG state size "
                f"to be {state.numel()}"
            )
        super().set_state(convert.raw_array(state))
        return self

    def __reduce__(self) -> Any:
        return _generator_with, (self.get_state(),)


def _generator_with(state: Any) -> Generator:
    return Generator().set_state(state)


default_generator = Generator()
default_generator.seed()


class _Nothing:
    """The source for tensors without memory: nothing is drawn."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


def _source(name: str, generator: Any, t: Any) -> Any:
    """Where the numbers for a tensor come from."""
    if t._layout.meta:
        return _Nothing()
    if Hooks.standing is not None:
        Hooks.drawing()
    if generator is None:
        return default_generator
    if not isinstance(generator, Generator):
        raise TypeError(f"{name}(): argument 'generator' must be torch.Generator, not {type(generator).__name__}")
    return generator


def each_example(draw: Callable[..., Any]) -> Callable[..., Any]:
    """A function that draws, as one that draws for each example where `vmap` says so."""

    @wraps(draw)
    def drawn(*args: Any, **kwargs: Any) -> Any:
        level = None if Hooks.standing is None else Hooks.drawing()
        return draw(*args, **kwargs) if level is None else level.drawn(draw, args, kwargs)

    return drawn


def manual_seed(seed: int) -> Generator:
    """Starts the default generator over from a seed, and returns it.

    >>> import kagari as torch
    >>> torch.manual_seed(0).initial_seed()
    0
    """
    return default_generator.manual_seed(int(seed))  # type: ignore[return-value]


def seed() -> int:
    """Starts the default generator over from a seed of the operating system, and returns that."""
    return default_generator.seed()


def initial_seed() -> int:
    """The seed the default generator was started from."""
    return default_generator.initial_seed()


def get_rng_state() -> Tensor:
    """The state of the default generator, as a tensor of bytes."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Puts the default generator into a state that `get_rng_state` gave."""
    default_generator.set_state(new_state)


# Draws into the memory of a tensor


def _put(t: Any, values: np.ndarray) -> None:
    """Writes drawn numbers in the order of memory, without history."""
    lay = t._layout
    if not lay.numel or lay.meta:
        return
    if lay.contiguous:
        convert.write(t, values)
        return
    if any(s == 0 and n > 1 for n, s in zip(lay.shape, lay.strides)):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory "
            "location. Please clone() the "
            "tensor before performing the operation."
        )
    order = streams.fill_order(lay.strides)
    target = convert.raw_array(t).transpose(order)
    target[...] = convert.as_stored(values, lay.dtype).reshape(target.shape)


def _drawn(t: Any, values: np.ndarray) -> Any:
    """The tensor after an in-place draw; drawn numbers have no gradient. Raises RuntimeError for a leaf that
    requires one.
    """
    if t._needs and modes.is_grad_enabled():
        fresh = blank_like("draw", t, None, None, None)
        _put(fresh, values)
        return inplace.with_gradient(function("copy_"), (t, fresh))
    modes.count_change(t)
    _put(t, values)
    return t


def _check_writable(t: Any) -> None:
    """Raises for a leaf that requires a gradient, before anything is drawn."""
    if t._needs and modes.is_grad_enabled():
        inplace.check_writable(t)


def _floating(kernel: str, t: Any) -> str:
    """The name of the tensor's dtype. Raises NotImplementedError for integers."""
    dt = t._layout.dtype
    if dt.category != 2:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{TYPE_NAMES[dt]}'")
    return dt.name


def _plain(value: Any) -> Any:
    """A whole float as an integer, so that messages print it as PyTorch does."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def uniform_(
    self: Tensor, from_: float = 0.0, to: float = 1.0, *, generator: Generator | None = None, **named: Any
) -> Tensor:
    """Fills with numbers uniform over [from, to).

    >>> import kagari as torch
    >>> torch.zeros(3).uniform_(1, 2).min() >= 1
    tensor(True)
    """
    low = named.pop("from", from_)
    if named:
        raise TypeError(f"uniform_() got an unexpected keyword argument '{next(iter(named))}'")
    if self._layout.dtype.is_complex:
        uniform_(call("view_as_real")(self), low, to, generator=generator)
        return self
    name = _floating("check_uniform_bounds", self)
    _check_writable(self)
    for which, bound in (("from", low), ("to", to)):
        if not abs(bound) <= LARGEST[self._layout.dtype]:
            raise RuntimeError(f"{which} is out of bounds for {C_NAMES[self._layout.dtype]}")
    if low > to:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={_plain(low)} > to={_plain(to)}"
        )
    return _drawn(self, _source("uniform_", generator, self).uniform(self._layout.numel, name, float(low), float(to)))


def normal_(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Fills with normally distributed numbers.

    >>> import kagari as torch
    >>> torch.zeros(2).normal_(5, std=0.0)
    tensor([5., 5.])
    """
    _check_writable(self)
    if std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {_plain(std)}")
    if self._layout.dtype.is_complex:  # the parts share the variance
        normal_(call("view_as_real")(self), mean, std / math.sqrt(2), generator=generator)
        return self
    name = _floating("normal_kernel_cpu", self)
    source = _source("normal_", generator, self)
    return _drawn(
        self, source.normal(self._layout.numel, name, float(mean), float(std), contiguous=self._layout.contiguous)
    )


def random_(
    self: Tensor, *args: int, to: int | None = None, generator: Generator | None = None, **named: Any
) -> Tensor:
    """Fills with integers: `random_()` from all that the dtype holds exactly, `random_(to)` below `to`,
    `random_(from, to)`.
    """
    _check_writable(self)
    low = named.pop("from", None)
    if named or len(args) > 2:
        raise TypeError("random_() received an invalid combination of arguments")
    if len(args) == 2:
        low, to = args
    elif args and (to is not None or low is not None):
        low, to = (args[0], to) if to is not None else (low, args[0])
    elif args:
        to = args[0]
    dt = self._layout.dtype
    if dt.is_complex:
        raise RuntimeError("check_random_bounds handles only integral, floating-point and boolean types")
    source = _source("random_", generator, self)
    if to is None and low is None:
        return _drawn(self, source.random(self._layout.numel, dt.name))
    low = 0 if low is None else low
    if to is not None and low >= to:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={to}")
    if dt.category < 2:
        bits = 1 if dt is dtypes.bool_ else dt.itemsize * 8 - dt.is_signed
        least = -(1 << bits) if dt.is_signed else 0
        for which, value in (("from", low), ("to - 1", low if to is None else to - 1)):
            if not least <= value < 1 << bits:
                raise RuntimeError(f"{which} is out of bounds for {C_NAMES[dt]}")
    return _drawn(self, source.integers(self._layout.numel, low, to, dt.name))


def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """Fills with ones, each with probability p (a number, or a tensor that broadcasts), and zeros."""
    _check_writable(self)
    source = _source("bernoulli_", generator, self)
    if isinstance(p, Hooks.tensor_types) and not self._layout.meta:
        probabilities = convert.array_of(p.detach().expand(self.shape))
        order = streams.fill_order(self._layout.strides)
        return _drawn(self, source.bernoulli_tensor(_wide(probabilities.transpose(order))))
    if not isinstance(p, Hooks.tensor_types) and not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={_plain(p)}")
    return _drawn(self, source.bernoulli(self._layout.numel, p))


def _wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _continuous(distribution: str, t: Any, named: str) -> str:
    dt = t._layout.dtype
    if dt.category != 2:
        raise RuntimeError(
            f"{distribution} distribution is a continuous probability distribution. dtype must be a floating point "
            f"but you specified {named}"
        )
    return dt.name


def exponential_(self: Tensor, lambd: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    r"""Fills with exponentially distributed numbers, of density :math:`\lambda e^{-\lambda x}`."""
    _check_writable(self)
    name = _continuous("Exponential", self, TYPE_NAMES[self._layout.dtype])
    if lambd <= 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={_plain(lambd)}")
    return _drawn(self, _source("exponential_", generator, self).exponential(self._layout.numel, name, lambd))


def log_normal_(self: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Generator | None = None) -> Tensor:
    """Fills with numbers whose logarithms are normally distributed."""
    _check_writable(self)
    if std <= 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={_plain(std)}")
    name = _floating("log_normal_cpu", self)
    return _drawn(self, _source("log_normal_", generator, self).log_normal(self._layout.numel, name, mean, std))


def cauchy_(self: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    r"""Fills with numbers of a Cauchy distribution, of density :math:`\sigma / (\pi ((x - \text{median})^2 +
    \sigma^2))`.
    """
    _check_writable(self)
    name = _continuous("Cauchy", self, C_NAMES[self._layout.dtype])
    if sigma <= 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={_plain(sigma)}")
    return _drawn(self, _source("cauchy_", generator, self).cauchy(self._layout.numel, name, median, sigma))


def geometric_(self: Tensor, p: float, *, generator: Generator | None = None) -> Tensor:
    """Fills with counts of trials up to the first success, each successful with probability p."""
    _check_writable(self)
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={_plain(p)}")
    if self._layout.dtype is dtypes.bool_:
        raise NotImplementedError("\"geometric_cpu\" not implemented for 'Bool'")
    return _drawn(
        self, _source("geometric_", generator, self).geometric(self._layout.numel, self._layout.dtype.name, p)
    )


# New tensors


def _sized(name: str, args: tuple[Any, ...], size: Any, dt: Any, layout: Any, device: Any, out: Any) -> Any:
    if size is not None:
        args = (size,)
    elif not args:
        raise TypeError(f"{name}() received an invalid combination of arguments - got (), but expected sizes")
    if layout is not None:
        check_layout(name, layout)
    return blank(name, args, dt, device, out)


@each_example
def rand(
    *args: Any, size: Any = None, generator: Generator | None = None, out: Any = None, dtype: Any = None, layout: Any =
    None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Numbers uniform over [0, 1). The arguments are those of `zeros`, and a generator.

    >>> import kagari as torch
    >>> generator = torch.manual_seed(0)
    >>> torch.rand(2)
    tensor([0.4963, 0.7682])
    """
    made = _sized("rand", args, size, dtype, layout, device, out)
    if made._layout.dtype.is_complex:
        return finished(unwritten(uniform_(made, generator=generator)), out, requires_grad)
    name = _floating("check_uniform_bounds", made)
    _put(made, _source("rand", generator, made).uniform(made._layout.numel, name))
    return finished(made, out, requires_grad) if out is not None or requires_grad else made


@each_example
def randn(
    *args: Any, size: Any = None, generator: Generator | None = None, out: Any = None, dtype: Any = None, layout: Any =
    None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Numbers of the standard normal distribution. The arguments are those of `zeros`, and a generator.

    >>> import kagari as torch
    >>> generator = torch.manual_seed(0)
    >>> torch.randn(2)
    tensor([ 1.5410, -0.2934])
    """
    made = _sized("randn", args, size, dtype, layout, device, out)
    if made._layout.dtype.is_complex:
        return finished(unwritten(normal_(made, generator=generator)), out, requires_grad)
    name = _floating("normal_kernel_cpu", made)
    _put(made, _source("randn", generator, made).normal(made._layout.numel, name))
    return finished(made, out, requires_grad) if out is not None or requires_grad else made


@each_example
def randint(
    *args: Any, low: int = 0, high: int | None = None, size: Any = None, generator: Generator | None = None, out: Any =
    None, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool =
    False,
) -> Tensor:  # fmt: skip
    """Integers from [low, high), int64 unless another dtype is given: `randint(high, size)` or `randint(low, high,
    size)`.

    >>> import kagari as torch
    >>> generator = torch.manual_seed(0)
    >>> torch.randint(10, (3,))
    tensor([4, 9, 3])
    """
    given = list(args)
    if given and not isinstance(given[-1], int | float):
        size = given.pop()
    if len(given) == 2:
        low, high = given
    elif len(given) == 1:
        low, high = (low, given[0]) if high is None else (given[0], high)
    if high is None or not isinstance(size, Sequence) or len(given) > 2:
        kinds = ", ".join(type(a).__name__ for a in args)
        raise TypeError(
            f"randint() received an invalid combination of arguments - got ({kinds}), but expected (high, size) or "
            "(low, high, size)"
        )
    low, high = integer("randint", "low", 1, low), integer("randint", "high", len(given) or 1, high)
    made = _sized("randint", (), size, dtypes.int64 if dtype is None and out is None else dtype, layout, device, out)
    random_(made, low, high, generator=generator)
    unwritten(made)
    return finished(made, out, requires_grad)


@each_example
def randperm(
    n: int, *, generator: Generator | None = None, out: Any = None, dtype: Any = None, layout: Any = None, device: Any =
    None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """The integers below n in random order, int64 unless another dtype is given.

    >>> import kagari as torch
    >>> generator = torch.manual_seed(0)
    >>> torch.randperm(4)
    tensor([0, 1, 3, 2])
    """
    n = integer("randperm", "n", 1, n)
    made = _sized("randperm", (n,), None, dtypes.int64 if dtype is None and out is None else dtype, layout, device, out)
    if n:
        checked_value(n - 1, made._layout.dtype)
    _put(made, _source("randperm", generator, made).permutation(n))
    return finished(made, out, requires_grad)


@each_example
def rand_like(
    input: Tensor, *, generator: Generator | None = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """`rand` with the shape and dtype of another tensor.

    >>> import kagari as torch
    >>> torch.rand_like(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    return finished(
        unwritten(uniform_(blank_like("rand_like", input, dtype, device, memory_format, layout), generator=generator)),
        None,
        requires_grad,
    )


@each_example
def randn_like(
    input: Tensor, *, generator: Generator | None = None, dtype: Any = None, layout: Any = None, device: Any = None,
    requires_grad: bool = False, pin_memory: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """`randn` with the shape and dtype of another tensor.

    >>> import kagari as torch
    >>> torch.randn_like(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    return finished(
        unwritten(normal_(blank_like("randn_like", input, dtype, device, memory_format, layout), generator=generator)),
        None,
        requires_grad,
    )


@each_example
def randint_like(
    input: Tensor, low: int, high: int | None = None, *, generator: Generator | None = None, dtype: Any = None, layout:
    Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False, memory_format: Any = None,
) -> Tensor:  # fmt: skip
    """`randint` with the shape and dtype of another tensor: `randint_like(input, high)` or `randint_like(input, low,
    high)`.

    >>> import kagari as torch
    >>> torch.randint_like(torch.ones(2, 3), 5).dtype
    torch.float32
    """
    made = blank_like("randint_like", input, dtype, device, memory_format, layout)
    bounds = (0, low) if high is None else (low, high)
    return finished(unwritten(random_(made, *bounds, generator=generator)), None, requires_grad)


@each_example
def normal(
    mean: Any, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None, out: Any = None, dtype: Any =
    None, layout: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False,
) -> Tensor:  # fmt: skip
    """Normally distributed numbers: of a `size` for numbers `mean` and `std`, else of the shape that the tensors among
    them broadcast to.

    >>> import kagari as torch
    >>> torch.normal(torch.tensor([1.0, 2.0]), 0.0)
    tensor([1., 2.])
    """
    tensors = [x for x in (mean, std) if isinstance(x, Hooks.tensor_types)]
    if not tensors:
        if size is None:
            raise TypeError(
                f"normal() received an invalid combination of arguments - got ({type(mean).__name__}, "
                f"{type(std).__name__}), but expected a "
                "tensor among them, or a size"
            )
        made = _sized("normal", (), size, dtype, layout, device, out)
        made = unwritten(
            normal_(made, number("normal", "mean", 1, mean), number("normal", "std", 2, std), generator=generator)
        )
        return finished(made, out, requires_grad)
    if isinstance(std, Hooks.tensor_types) and not std.is_meta and (convert.array_of(std) < 0).any():
        raise RuntimeError("normal expects all elements of std >= 0.0")
    shape = np.broadcast_shapes(*[tuple(t.shape) for t in tensors])
    made = blank("normal", (shape,), tensors[0].dtype, tensors[0].device, out)
    number_std = not isinstance(std, Hooks.tensor_types)
    normal_(made, 0.0, std if number_std else 1.0, generator=generator)
    if not number_std:
        call("mul_")(made, std.detach())
    call("add_")(made, mean.detach() if isinstance(mean, Hooks.tensor_types) else mean)
    result = finished(unwritten(made), out, False)
    return _beside(tensors, result)


def _beside(inputs: Sequence[Any], drawn: Any) -> Any:
    """Drawn numbers as a result of tensors, none of which gets a gradient other than zero."""
    for t in inputs:
        if t._needs and modes.is_grad_enabled() and t._layout.shape == drawn._layout.shape:
            return call("copy")(t, drawn)
    return drawn


@each_example
def bernoulli(input: Tensor, p: Any = None, *, generator: Generator | None = None, out: Any = None) -> Tensor:
    """Ones, each with the probability that stands in its place of `input` (or with probability `p`), and zeros.

    >>> import kagari as torch
    >>> torch.bernoulli(torch.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    made = blank_like("bernoulli", input, None, None, None)
    if p is None:
        _floating("bernoulli_tensor_cpu_p_", input)
        p = input
    made = unwritten(bernoulli_(made, p, generator=generator))
    return finished(_beside((input,), made), out)


@each_example
def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None, out: Any = None
) -> Tensor:
    """Indices drawn in proportion to the weights in `input`, of one row or of each row of a matrix.

    Raises RuntimeError for negative, infinite or NaN weights, for rows of zeros, and for more samples than there are to
    draw. From one seed they are PyTorch's samples, but where two of the random keys by which they are chosen are level
    to rounding: of these either may come first.

    >>> import kagari as torch
    >>> torch.multinomial(torch.tensor([0.0, 1.0]), 1)
    tensor([1])
    """
    dt = input.dtype
    if dt.category != 2:
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {TYPE_NAMES[dt]}")
    if input.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if num_samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and num_samples > input.shape[-1]:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    if input.is_meta:
        shape = (*input.shape[:-1], num_samples)
        return finished(blank("multinomial", (shape,), dtypes.int64, input.device), out)
    weights = _wide(convert.array_of(input))
    if not ((weights >= 0) & (weights < np.inf)).all():
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if (weights.sum(-1) == 0).any():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    if weights.size:
        found = _source("multinomial", generator, input).multinomial(weights, num_samples, replacement)
    else:
        found = np.zeros((*weights.shape[:-1], num_samples), np.int64)
    return finished(convert.copied(found, dtypes.int64), out)


# Dropout


def dropout(input: Tensor, p: float, train: bool) -> Tensor:
    r"""Zeroes elements with probability p and scales the others by :math:`1 / (1 - p)`; without `train` the input
    itself.

    >>> import kagari as torch
    >>> torch.dropout(torch.ones(2), 1.0, True)
    tensor([0., 0.])
    """
    mask = _mask(input, p, train)
    return input if mask is None else call("mul")(input, mask)


def dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """As `dropout`, in place."""
    mask = _mask(input, p, train)
    return input if mask is None else call("mul_")(input, mask)


def _mask(input: Any, p: float, train: bool) -> Any:
    """What dropout multiplies with; None where it changes nothing."""
    if not 0 <= p <= 1:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {_plain(p)}")
    if not train or p == 0 or not input._layout.numel:
        return None
    dt: dtype = input._layout.dtype
    if p == 1:
        return call("zero_")(blank("dropout", (), dt, input.device))
    if dt.category != 2:
        raise RuntimeError(f"result type Float can't be cast to the desired output type {TYPE_NAMES[dt]}")
    return _kept(input, p)


@each_example
def _kept(like: Any, p: float) -> Any:
    """The scale of what is kept with probability 1 - p, and zeros."""
    mask = blank_like("dropout", like, None, None, None)
    _put(mask, _source("dropout", None, mask).dropout(like._layout.numel, p, like._layout.dtype.name))
    return mask


FUNCTIONS = (
    bernoulli, dropout, dropout_, get_rng_state, initial_seed, manual_seed, multinomial, normal, rand, rand_like,
    randint, randint_like, randn, randn_like, randperm, seed, set_rng_state,
)  # fmt: skip
METHODS = (
    bernoulli,
    bernoulli_,
    cauchy_,
    exponential_,
    geometric_,
    log_normal_,
    multinomial,
    normal_,
    random_,
    uniform_,
)
