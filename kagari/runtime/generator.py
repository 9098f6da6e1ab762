"""Random numbers: the same seed gives the same numbers as PyTorch's CPU generator.

Everything is drawn from one Mersenne Twister (MT19937, seeded with the low 32 bits of the seed). A *word* is its next
32-bit output; a *double word* is two of them, the first one in the upper half. `u24` is the low 24 bits of a word over
2**24, `u53` the low 53 bits of a double word over 2**53. What each distribution consumes, and what it makes of it:

=================== ==================================================================================================
uniform             float64: u53, all others: u24. low + u * (high - low), rounded once; a value that was rounded up to
                    `high` becomes `low`
normal, n >= 16     n uniforms first. Blocks of 16: the first 8 give the radius sqrt(-2 log(1 - u)), the last 8 the
                    angle; cosines fill the first 8 places, sines the last 8. If n is no multiple of 16, the last 16
                    numbers come from 16 fresh uniforms. 16-bit types draw block by block, so they skip nothing between
normal, n < 16      in pairs, from two u53 (angle first, then the radius from log1p(-u)), whatever the type. The sine is
                    kept in the generator for the next call. Non-contiguous tensors and log_normal go this way as well
integers            word modulo the span, double word from a span of 2**28 on
random              word (int64, float64: double word) modulo the number of values: 2**digits + 1 for floating types
permutation         Fisher-Yates from the front: place i is swapped with i + word modulo (n - i)
bernoulli           u53 < p; with a tensor of probabilities u24 < p, or u53 < p if they are float64
exponential         -log1p(-u53) / rate          geometric   ceil(log(u53) / log1p(-p))
cauchy              median + sigma * tan(pi * (u53 - 1/2))
gamma               normals one by one, of the pairwise rule, and u53 (see gammas.py)
multinomial         the largest weight / exponential, without replacement or for one sample; else inverse CDF, u53
truncated_normal    normals, redrawn until all are inside, or, where less than 30 % would be, uniforms with rejection
=================== ==================================================================================================

Integers, uniforms, permutations and Bernoulli draws are equal bit for bit; what goes through log, sin or cos agrees to
rounding (the fewer than 16 normals of a small tensor exactly). Known differences: on Intel processors PyTorch draws
`bernoulli(p)` and `exponential` from a stream of MKL instead, and permutations of more than 214,748,363 elements from
double words. Kagari has one rule for all processors.

Types are given by name. NumPy has no bfloat16: such numbers come back as float32, already rounded.
Several threads may draw from one generator, but may then see the same numbers; for reproducible ones give each its own.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Callable

import numpy as np

BLOCK = 624
CHUNK = 32768
DEFAULT_SEED = 67280421310721
STATE_BYTES = 5056

_LOW21, _LOW24, _LOW32, _LOW53 = (1 << 21) - 1, (1 << 24) - 1, (1 << 32) - 1, (1 << 53) - 1
_WIDE_SPAN = 1 << 28
_SCALAR_PERMUTATION = 256
_SCALAR_PAIRS = 16
_SCALAR_INTEGERS = 8
_HEADER = struct.Struct("<QiiQ")
_FOOTER = struct.Struct("<dddi4xf?3x")
_DIGITS = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}
_WIDE_TYPES = ("int64", "float64")


class MT19937:
    """The stream of words, produced in blocks of 624 so that small draws are slices.

    NumPy's twister does the work; it stands at the end of the block that is being handed out.
    """

    def __init__(self, seed: int) -> None:
        """Start the stream of a seed, of which the low 32 bits count."""
        self._twister: np.random.MT19937 | None = None
        self.seed(seed)

    def seed(self, seed: int) -> None:
        """Start over. NumPy's generator is only set up once numbers are drawn."""
        self._pending: int | None = seed & _LOW32
        self._reset(np.zeros(BLOCK, np.uint32), BLOCK)
        self._fresh = True

    def _reset(self, words: np.ndarray, position: int) -> None:
        self._words, self._position = words, position
        self._units: np.ndarray | None = None

    def _source(self) -> np.random.MT19937:
        """NumPy's generator, seeded."""
        if self._twister is None:
            self._twister = np.random.MT19937(0)
        if self._pending is not None:
            np.random.RandomState(self._twister).seed(self._pending)
            self._pending = None
        return self._twister

    def take(self, n: int) -> np.ndarray:
        """The next n words, as a view of the block where possible: to be read, not written."""
        start = self._position
        stop = start + n
        if stop > BLOCK:
            return self._take_across(n, start)
        self._position = stop
        return self._words[start:stop]

    def _take_across(self, n: int, start: int) -> np.ndarray:
        """The next n words, where they reach beyond the block: its rest, whole blocks, the front of a new one."""
        out = np.empty(n, np.uint32)
        rest = BLOCK - start
        out[:rest] = self._words[start:]
        last = n - (n - rest - 1) % BLOCK - 1
        source = self._source()
        for i in range(rest, last, CHUNK):
            out[i : min(i + CHUNK, last)] = source.random_raw(min(CHUNK, last - i))
        words = source.random_raw(BLOCK).astype(np.uint32)
        out[last:] = words[: n - last]
        self._reset(words, n - last)
        self._fresh = False
        return out

    def units(self, n: int) -> np.ndarray:
        """The next n words as u24, float32, in an array of their own."""
        start = self._position
        stop = start + n
        if stop > BLOCK:
            return _units(self._take_across(n, start))
        if self._units is None:
            self._units = _units(self._words)
        self._position = stop
        return self._units[start:stop].copy()

    def double_words(self, n: int) -> np.ndarray:
        """The next n double words, uint64."""
        pairs = self.take(2 * n).view("<u8")
        words = pairs << 32
        words |= pairs >> 32
        return words

    def doubles(self, n: int) -> np.ndarray:
        """The next n double words as u53, float64."""
        words = self.double_words(n)
        words &= _LOW53
        values = words.view(np.int64).astype(np.float64)
        values *= 2.0**-53
        return values

    def position(self) -> tuple[int, np.ndarray]:
        """How many words of the block are used (0 before the first block was made), and the twister's 624 cells."""
        cells = self._source().state["state"]["key"]
        return (0 if self._fresh else self._position), cells

    def move(self, position: int, cells: np.ndarray) -> None:
        """Go to where `position` was read; the words of the block follow from the cells by tempering."""
        cells = cells.astype(np.uint32)
        self._pending = None
        self._source().state = {"bit_generator": "MT19937", "state": {"key": cells, "pos": BLOCK}}
        self._fresh = position == 0
        self._reset(_temper(cells), BLOCK if self._fresh else position)


class Generator:
    """PyTorch's `Generator` for the CPU: its seeding, its state bytes, and its distributions as NumPy arrays.

    Without a seed it starts from the same fixed one as PyTorch's.
    """

    def __init__(self, device: object = "cpu") -> None:
        """Make a generator; `device` is kept as it was given."""
        self._device = device
        self._seed = DEFAULT_SEED
        self._spare: float | None = None
        self._stream = MT19937(DEFAULT_SEED)

    @property
    def device(self) -> object:
        """The device this generator draws for."""
        return self._device

    def manual_seed(self, seed: int) -> Generator:
        """Start over from a seed. Negative ones count as their 64-bit two's complement."""
        if not hasattr(seed, "__index__"):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        seed = seed.__index__()
        if not -(1 << 63) <= seed < 1 << 64:
            raise ValueError("Overflow when unpacking long long")
        self._seed = seed % (1 << 64)
        self._spare = None
        self._stream.seed(self._seed)
        return self

    def seed(self) -> int:
        """Start over from a seed of the operating system, and tell which."""
        self.manual_seed(int.from_bytes(os.urandom(8), "little"))
        return self._seed

    def initial_seed(self) -> int:
        """The seed this generator was started from."""
        return self._seed

    def get_state(self) -> np.ndarray:
        """The state as 5056 bytes, in PyTorch's layout."""
        used, cells = self._stream.position()
        header = _HEADER.pack(self._seed, BLOCK + 1 - used if used else 1, 1, used)
        spare = 0.0 if self._spare is None else self._spare
        footer = _FOOTER.pack(0.0, spare, 0.0, self._spare is not None, 0.0, False)
        return np.frombuffer(bytearray(header + cells.astype("<u8").tobytes() + footer), np.uint8)

    def set_state(self, state: np.ndarray) -> Generator:
        """Go to a state that `get_state` gave, here or in PyTorch."""
        if getattr(state, "dtype", None) != np.uint8:
            raise TypeError("RNG state must be a uint8 array")
        if state.size != STATE_BYTES:
            raise RuntimeError(f"Expected a generator state of {STATE_BYTES} bytes, but got {state.size}")
        data = state.tobytes()
        self._seed, _, _, used = _HEADER.unpack_from(data)
        _, spare, _, valid, _, _ = _FOOTER.unpack_from(data, STATE_BYTES - _FOOTER.size)
        self._spare = spare if valid else None
        self._stream.move(used, np.frombuffer(data, "<u8", BLOCK, _HEADER.size))
        return self

    def clone_state(self) -> Generator:
        """A generator of its own that goes on with the same numbers."""
        return Generator(self._device).set_state(self.get_state())

    def one(self) -> float:
        """The next double word as u53."""
        first, second = self._stream.take(2).tolist()
        return float(((first & _LOW21) << 32 | second) * 2.0**-53)

    def one_normal(self) -> float:
        """The next standard normal of the pairwise rule."""
        return self._scalar_samples(1)[0]

    def random32(self, n: int) -> np.ndarray:
        """The next n words, uint32."""
        return self._stream.take(n).copy()

    def random64(self, n: int) -> np.ndarray:
        """The next n double words, uint64."""
        return self._stream.double_words(n)

    def uniform(self, n: int, dtype: str = "float32", low: float = 0.0, high: float = 1.0) -> np.ndarray:
        """n numbers, uniform over [low, high)."""
        if low == 0.0 and high == 1.0 and dtype in ("float32", "float64"):
            return _in_chunks(n, self._stream.units if dtype == "float32" else self._stream.doubles)
        if low > high:
            raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}")
        if dtype == "float64":
            return _in_chunks(n, lambda k: _below(_multiply_add(self._stream.doubles(k), high - low, low), low, high))
        return self._uniform_narrow(n, dtype, np.float32(low), np.float32(high))

    def _uniform_narrow(self, n: int, dtype: str, low: np.float32, high: np.float32) -> np.ndarray:
        """Uniform numbers computed in float32, with the one rounding of a fused multiply-add."""
        first, beyond = _cast(np.array([low, high]), dtype)

        def draw(k: int) -> np.ndarray:
            values = _multiply_add32(self._stream.units(k), high - low, low)
            return _below(_cast(values, dtype), first, beyond)

        return _in_chunks(n, draw)

    def normal(
        self, n: int, dtype: str = "float32", mean: float = 0.0, std: float = 1.0, *, contiguous: bool = True
    ) -> np.ndarray:
        """n normally distributed numbers; `contiguous` says whether a contiguous tensor is to be filled."""
        if std < 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
        if n < 16 or not contiguous:
            return self._normal_in_pairs(n, dtype, mean, std)
        draw = self._stream.doubles if dtype == "float64" else self._stream.units
        out = np.empty(n, np.float64 if dtype == "float64" else np.float32)
        whole = n - n % 16
        for i in range(0, whole, CHUNK):
            stop = min(i + CHUNK, whole)
            out[i:stop] = _box_muller(draw(stop - i), mean, std)
        if whole < n:
            if dtype in ("float32", "float64"):
                draw(n - whole)
            out[n - 16 :] = _box_muller(draw(16), mean, std)
        return _cast(out, dtype)

    def _normal_in_pairs(self, n: int, dtype: str, mean: float, std: float) -> np.ndarray:
        if n <= 2 * _SCALAR_PAIRS:
            samples = np.array(self._scalar_samples(n))
            return _cast(samples if mean == 0 and std == 1 else _multiply_add(samples, std, mean), dtype)
        return _in_chunks(n, lambda k: _cast(_multiply_add(self._samples(k), std, mean), dtype))

    def _scalar_samples(self, n: int) -> list[float]:
        """n standard normals of the pairwise rule; the one too many is kept."""
        samples = [] if self._spare is None or not n else [self._spare]
        words = self._stream.take((n - len(samples) + 1) // 2 * 4).tolist()
        for i in range(0, len(words), 4):
            angle = 2 * math.pi * (((words[i] & _LOW21) << 32 | words[i + 1]) * 2.0**-53)
            radius = math.sqrt(-2 * math.log1p(((words[i + 2] & _LOW21) << 32 | words[i + 3]) * -(2.0**-53)))
            samples += (radius * math.cos(angle), radius * math.sin(angle))
        if n:
            self._spare = samples.pop() if len(samples) > n else None
        return samples

    def _samples(self, n: int) -> np.ndarray:
        """As `_scalar_samples`, for many."""
        kept = int(self._spare is not None)
        pairs = (n - kept + 1) // 2
        samples = np.empty(kept + 2 * pairs)
        if self._spare is not None:
            samples[0] = self._spare
        u = self._stream.doubles(2 * pairs)
        angle, radius = 2 * math.pi * u[::2], np.sqrt(-2 * np.log1p(-u[1::2]))
        np.multiply(radius, np.cos(angle), out=samples[kept::2])
        np.multiply(radius, np.sin(angle), out=samples[kept + 1 :: 2])
        self._spare = math.sqrt(-2 * math.log1p(-u[-1])) * math.sin(angle[-1]) if samples.size > n else None
        return samples[:n]

    def integers(self, n: int, low: int, high: int | None, dtype: str = "int64") -> np.ndarray:
        """n integers from [low, high); without `high`, up to the largest that the type holds exactly."""
        if high is None:
            high = (1 << _DIGITS[dtype] if dtype in _DIGITS else _largest(dtype)) + 1
        if low >= high:
            raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
        if dtype in _DIGITS:
            low, high = _representable(low, high, dtype)
        span = high - low
        return self._modulo(n, low if span < 1 << 64 else 0, span, span >= _WIDE_SPAN, dtype)

    def random(self, n: int, dtype: str) -> np.ndarray:
        """n integers from [0, largest], the largest one being what the type holds exactly (`Tensor.random_()`)."""
        count = (1 << _DIGITS[dtype] if dtype in _DIGITS else _largest(dtype)) + 1
        return self._modulo(n, 0, count, dtype in _WIDE_TYPES, dtype)

    def _modulo(self, n: int, low: int, span: int, wide: bool, dtype: str) -> np.ndarray:
        """(Double) words modulo the span, plus `low`, with the wrap-around of 64-bit integers."""
        if n <= _SCALAR_INTEGERS and not wide and dtype != "bfloat16":
            return np.array([word % span + low for word in self._stream.take(n).tolist()], dtype)
        offset, signed = np.uint64(low % (1 << 64)), dtype != "uint64"

        def draw(k: int) -> np.ndarray:
            values = _remainder(self._stream.double_words(k) if wide else self._stream.take(k), span)
            if not wide and low == 0:
                return _cast(values, dtype)
            values = values.astype(np.uint64, copy=False) + offset
            return _cast(values.view(np.int64) if signed else values, dtype)

        return _in_chunks(n, draw)

    def permutation(self, n: int) -> np.ndarray:
        """The integers below n in random order, int64."""
        words = self._stream.take(max(n - 1, 0))
        if n > _SCALAR_PERMUTATION:
            steps = np.arange(n - 1, dtype=np.int64)
            return _swap_forward(steps + words % (n - steps).astype(np.uint32))
        order = list(range(n))
        for i, word in enumerate(words.tolist()):
            j = i + word % (n - i)
            order[i], order[j] = order[j], order[i]
        return np.array(order, np.int64)

    def bernoulli(self, n: int, p: float) -> np.ndarray:
        """n booleans that are true with probability p."""
        if not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
        bound = np.uint64(math.ceil(math.ldexp(p, 53)))
        return _in_chunks(n, lambda k: (self._stream.double_words(k) & _LOW53) < bound)

    def bernoulli_tensor(self, p: np.ndarray) -> np.ndarray:
        """Booleans in the shape of p, each true with the probability that stands there."""
        if not ((p >= 0) & (p <= 1)).all():
            raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but got false.")
        draw = self._stream.doubles if p.dtype == np.float64 else self._stream.units
        return _in_chunks(p.size, draw).reshape(p.shape) < p

    def dropout(self, n: int, p: float, dtype: str = "float32") -> np.ndarray:
        """What dropout multiplies with: 1 / (1 - p) where a number is kept, 0 elsewhere. p below 1."""
        one: np.ndarray = np.ones(1, np.float64 if dtype == "float64" else np.float32)
        return self.bernoulli(n, 1 - p) * _cast(one / (1 - p), dtype)

    def exponential(self, n: int, dtype: str = "float32", rate: float = 1.0) -> np.ndarray:
        """n exponentially distributed numbers of mean 1 / rate."""
        if rate <= 0:
            raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate}")
        return _in_chunks(n, lambda k: _cast(-1 / rate * np.log1p(-self._stream.doubles(k)), dtype))

    def log_normal(self, n: int, dtype: str = "float32", mean: float = 1.0, std: float = 2.0) -> np.ndarray:
        """n numbers whose logarithm is normally distributed."""
        if std <= 0:
            raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
        return _in_chunks(n, lambda k: _cast(np.exp(self._normal_in_pairs(k, "float64", mean, std)), dtype))

    def cauchy(self, n: int, dtype: str = "float32", median: float = 0.0, sigma: float = 1.0) -> np.ndarray:
        """n numbers of a Cauchy distribution."""
        if sigma <= 0:
            raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")

        def draw(k: int) -> np.ndarray:
            tangents = np.tan(np.pi * (self._stream.doubles(k) - 0.5))
            return _cast(_multiply_add(tangents, sigma, median), dtype)

        return _in_chunks(n, draw)

    def geometric(self, n: int, dtype: str, p: float) -> np.ndarray:
        """n counts of trials up to the first success, each successful with probability p."""
        if not 0 < p < 1:
            raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
        return _in_chunks(n, lambda k: _cast(np.ceil(np.log(self._stream.doubles(k)) / math.log1p(-p)), dtype))

    def multinomial(self, weights: np.ndarray, num_samples: int, replacement: bool = False) -> np.ndarray:
        """Indices along the last dimension, int64, drawn in proportion to the weights (16-bit ones as float32)."""
        if replacement and num_samples > 1:
            return self._multinomial_replacing(weights, num_samples)
        races = weights / self.exponential(weights.size, weights.dtype.name).reshape(weights.shape)
        if num_samples == 1:
            return races.argmax(-1, keepdims=True)
        return np.argsort(-races, axis=-1, kind="stable")[..., :num_samples]

    def _multinomial_replacing(self, weights: np.ndarray, num_samples: int) -> np.ndarray:
        sums = np.cumsum(weights, -1, dtype=weights.dtype)
        sums /= sums[..., -1:]
        u = self._stream.doubles(num_samples * (weights.size // weights.shape[-1]))
        rows = zip(sums.reshape(-1, weights.shape[-1]), u.reshape(-1, num_samples), strict=True)
        return np.stack([np.searchsorted(*row) for row in rows]).reshape(*weights.shape[:-1], num_samples)

    def truncated_normal(
        self, n: int, dtype: str = "float32", mean: float = 0.0, std: float = 1.0, low: float = -2.0, high: float = 2.0
    ) -> np.ndarray:
        """n normally distributed numbers, those outside [low, high] replaced (`nn.init.trunc_normal_`)."""
        alpha, beta = ((bound - mean) / (std * math.sqrt(2)) for bound in (low, high))
        if (math.erf(beta) - math.erf(alpha)) / 2 < 0.3:
            return self._truncated_tail(n, dtype, mean, std, low, high)
        values = self.normal(n, dtype, mean, std)
        while (outside := (values < low) | (values > high)).any():
            values = np.where(outside, self.normal(n, dtype, mean, std), values)
        return values

    def _truncated_tail(self, n: int, dtype: str, mean: float, std: float, low: float, high: float) -> np.ndarray:
        """Where few normals would be inside: uniforms, kept in proportion to the density."""
        peak = (min(max(mean, low), high) - mean) / std
        values, missing = np.zeros(n, _cast(np.zeros(0), dtype).dtype), np.ones(n, bool)
        while missing.any():
            proposals = self.uniform(n, dtype, low, high)
            distance = (proposals - mean) / std
            accepted = missing & (self.uniform(n, dtype) <= np.exp((peak * peak - distance * distance) / 2))
            values[accepted] = proposals[accepted]
            missing &= ~accepted
        return values


def fill_order(strides: tuple[int, ...]) -> tuple[int, ...]:
    """The dimensions from the slowest to the fastest, in the order in which PyTorch fills a strided tensor.

    Random numbers follow memory, not indices: draw `n`, reshape to the permuted shape, assign to the permuted view.
    """
    return tuple(sorted(range(len(strides)), key=lambda dim: -strides[dim]))


def round_to_bfloat16(values: np.ndarray) -> np.ndarray:
    """Finite float32 numbers to the nearest that bfloat16 holds, ties to even."""
    bits = values.view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).view(np.float32)


def _temper(cells: np.ndarray) -> np.ndarray:
    """The twister's output for each cell of its state."""
    words = cells ^ cells >> 11
    words ^= words << 7 & 0x9D2C5680
    words ^= words << 15 & 0xEFC60000
    words ^= words >> 18
    return words


def _units(words: np.ndarray) -> np.ndarray:
    values = (words & _LOW24).view(np.int32).astype(np.float32)
    values *= np.float32(2.0**-24)
    return values


def _in_chunks(n: int, draw: Callable[[int], np.ndarray]) -> np.ndarray:
    """draw(n), in pieces that stay in cache."""
    if n <= CHUNK:
        return draw(n)
    first = draw(CHUNK)
    out = np.empty(n, first.dtype)
    out[:CHUNK] = first
    for i in range(CHUNK, n, CHUNK):
        stop = min(i + CHUNK, n)
        out[i:stop] = draw(stop - i)
    return out


def _cast(values: np.ndarray, dtype: str) -> np.ndarray:
    """The array in a type given by name; 16-bit floating types are rounded from float32."""
    if dtype == "bfloat16":
        return round_to_bfloat16(values.astype(np.float32, copy=False))
    if dtype == "float16":
        with np.errstate(over="ignore"):
            return values.astype(np.float32, copy=False).astype(np.float16)
    return values.astype(dtype, copy=False)


def _below(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """The values, those that reached the open end of the range put to its start."""
    reached = values == high
    if reached.any():
        values[reached] = low
    return values


def _box_muller(u: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Uniforms, in blocks of 8 for the radius and 8 for the angle, to normals in their place.

    The blocks are torn into 16-byte pieces and transposed, so that all radii lie in one row and all angles in another.
    """
    pieces = u.view(np.complex128).reshape(-1, u.itemsize)
    rows = pieces.T.copy()
    radius, angle = rows.ravel().view(u.dtype).reshape(2, -1)
    np.subtract(1, radius, out=radius)
    np.log(radius, out=radius)
    radius *= -2
    np.sqrt(radius, out=radius)
    angle *= 2 * math.pi
    cosine = np.cos(angle)
    np.sin(angle, out=angle)
    angle *= radius
    radius *= cosine
    pieces[...] = rows.T
    if mean == 0 and std == 1:
        return u
    return _multiply_add(u, std, mean) if u.itemsize == 8 else _multiply_add32(u, np.float32(std), np.float32(mean))


def _multiply_add32(x: np.ndarray, scale: np.float32, shift: np.float32) -> np.ndarray:
    """x * scale + shift in float32 with one rounding: in float64 the product is exact."""
    return (x * np.float64(scale) + np.float64(shift)).astype(np.float32) if shift else x * scale


def _multiply_add(x: np.ndarray, scale: float, shift: float) -> np.ndarray:
    """x * scale + shift in float64 with one rounding, from the exact errors of the product and of the sum."""
    if shift == 0:
        return x * scale
    upper, scale_upper = _upper_half(x), _upper_half(np.array(scale))
    lower, scale_lower = x - upper, scale - scale_upper
    product = x * scale
    error = upper * scale_upper - product + upper * scale_lower + lower * scale_upper + lower * scale_lower
    total = product + shift
    moved = total - product
    return total + (product - (total - moved) + (shift - moved) + error)


def _upper_half(x: np.ndarray) -> np.ndarray:
    """The upper 26 bits of float64 numbers, so that products of halves are exact."""
    scaled = x * 134217729.0
    return scaled - (scaled - x)


def _remainder(words: np.ndarray, span: int) -> np.ndarray:
    """words % span; dividing by one number and multiplying back is faster than the remainder itself."""
    if span & (span - 1) == 0:
        return words & words.dtype.type(span - 1)
    divisor = words.dtype.type(span)
    return words - words // divisor * divisor


def _largest(dtype: str) -> int:
    return 1 if dtype == "bool" else int(np.iinfo(dtype).max)


def _representable(low: int, high: int, dtype: str) -> tuple[int, int]:
    """The bounds, moved inwards where the floating type would round them out of the range."""
    digits = _DIGITS[dtype]
    above, below = _rounded(low + 1, dtype), _rounded(high - 1, dtype)
    if above < low:
        low = above + (1 << (abs(low + 1).bit_length() - digits))
    if below >= high:
        high = below - (1 << ((high - 1).bit_length() - digits))
    return low, high


def _rounded(value: int, dtype: str) -> int:
    return int(_cast(np.array([value], np.float64), dtype)[0])


def _swap_forward(targets: np.ndarray) -> np.ndarray:
    """range(n) after swapping, for i = 0 ... n - 2 in turn, the places i and targets[i] >= i; all at once.

    Step t moves what place t holds to place targets[t]. What a place holds is therefore what the latest step that
    aimed at it moved there, and so on back to a place that nobody had aimed at, which still holds its own number.
    """
    n = targets.size + 1
    steps = np.arange(n)
    moves = np.flatnonzero(targets != steps[:-1])
    keys = np.sort(targets[moves] << 32 | moves)
    place, step = keys >> 32, keys & _LOW32
    same = place[1:] == place[:-1]
    held = steps.copy()
    latest = np.append(~same, True)[: keys.size]
    held[place[latest]] = step[latest]
    while not np.array_equal(further := held[held], held):
        held = further
    order = np.append(targets, n - 1)
    still = np.append(targets == steps[:-1], True)
    order[still] = held[still]
    order[step[1:][same]] = held[step[:-1][same]]
    return order


default_generator = Generator()
default_generator.seed()
