"""The random streams: fixed numbers that need no oracle, then long mixed sequences of draws next to the oracle's."""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from kagari.runtime.generator import DEFAULT_SEED, Generator, fill_order, round_to_bfloat16

SIZES = (0, 1, 2, 3, 7, 15, 16, 17, 100, 623, 624, 625, 1000, 5000, 40000)
FLOATS = ("float32", "float64", "float16", "bfloat16")
ROUNDING = {"float32": 1e-5, "float64": 1e-13, "float16": 2e-2, "bfloat16": 2e-1}
EXAMPLES = (
    (lambda g: g.random32(4), [2357136044, 2546248239, 3071714933, 3626093760]),
    (lambda g: g.random64(2), [10123822223749065263, 13192915183495924928]),
    (lambda g: g.uniform(4), [0.49625659, 0.7682218, 0.08847743, 0.13203049]),
    (lambda g: g.uniform(3, "float16"), [0.496337890625, 0.76806640625, 0.0885009765625]),
    (lambda g: g.uniform(3, "bfloat16"), [0.49609375, 0.76953125, 0.08837890625]),
    (lambda g: g.normal(4), [1.5409961, -0.2934289, -2.1787894, 0.56843126]),
    (lambda g: g.normal(3, "float64"), [1.5409961082440433, -0.2934289057609464, -2.1787893820745574]),
    (lambda g: g.normal(16)[:3], [-1.1258398, -1.1523602, -0.2505786]),
    (lambda g: g.normal(18)[-2:], [0.93182665, 1.259009]),
    (lambda g: g.integers(6, 0, 10), [4, 9, 3, 0, 3, 9]),
    (lambda g: g.integers(2, 0, 1 << 40), [741280623151, 506137267392]),
    (lambda g: g.random(2, "int64"), [900450186894289455, 3969543146641149120]),
    (lambda g: g.permutation(10), [4, 1, 7, 5, 3, 9, 0, 8, 6, 2]),
    (lambda g: g.permutation(1000)[:5], [44, 37, 675, 775, 947]),
    (lambda g: g.bernoulli(8, 0.5), [0, 0, 1, 0, 0, 0, 1, 1]),
    (lambda g: g.exponential(3), [3.5083263, 1.2303847, 0.6150441]),
    (lambda g: g.multinomial(np.array([0.1, 0.2, 0.7]), 2), [2, 1]),
)
ERRORS = (
    (lambda g: g.uniform(1, low=1.0, high=0.0), r"expects to return a \[from, to\) range, but found from=1.0 > to=0.0"),
    (lambda g: g.normal(1, std=-1.0), "expects std >= 0.0"),
    (lambda g: g.integers(1, 3, 3), "expects 'from' to be less than 'to', but got from=3 >= to=3"),
    (lambda g: g.bernoulli(1, 1.5), r"expects p to be in \[0, 1\], but got p=1.5"),
    (lambda g: g.exponential(1, rate=0.0), "expects lambda > 0.0"),
    (lambda g: g.geometric(1, "float32", 1.0), r"expects p to be in \(0, 1\)"),
    (lambda g: g.set_state(np.zeros(3, np.uint8)), "5056 bytes, but got 3"),
    (lambda g: g.manual_seed("a"), "expected a long, but got str"),
)
Draw = Callable[[Generator], np.ndarray]


@pytest.mark.parametrize(("draw", "expected"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_numbers_of_seed_zero(draw: Draw, expected: list) -> None:
    np.testing.assert_allclose(draw(Generator().manual_seed(0)).astype(np.float64), expected, rtol=1e-6)


@pytest.mark.parametrize(("draw", "message"), ERRORS, ids=range(len(ERRORS)))
def test_errors(draw: Draw, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        draw(Generator())


def test_seeds() -> None:
    generator = Generator()
    assert generator.initial_seed() == DEFAULT_SEED and generator.device == "cpu"
    assert generator.manual_seed(-1).initial_seed() == 2**64 - 1
    assert generator.seed() == generator.initial_seed() != Generator().seed()
    with pytest.raises(ValueError, match="Overflow"):
        generator.manual_seed(2**64)
    with pytest.raises(TypeError, match="uint8"):
        generator.set_state(np.zeros(5056))


@pytest.mark.parametrize("used", [0, 1, 623, 624, 625, 3000])
def test_state_goes_on_where_it_was_taken(used: int) -> None:
    generator = Generator().manual_seed(7)
    generator.normal(1)
    generator.random32(used)
    state = generator.get_state()
    copies = (generator.clone_state(), Generator().set_state(state), copy.deepcopy(generator))
    expected = [generator.normal(3), generator.uniform(700), generator.permutation(300)]
    for other in copies:
        assert np.array_equal(other.get_state(), state)
        for want, got in zip(expected, (other.normal(3), other.uniform(700), other.permutation(300)), strict=True):
            assert np.array_equal(want, got)


def test_small_draws_are_not_shared_with_the_generator() -> None:
    generator = Generator().manual_seed(3)
    generator.uniform(1)
    state = generator.get_state()
    generator.uniform(10)[:] = 0
    generator.random32(10)[:] = 0
    want = generator.set_state(state).uniform(20)
    assert np.array_equal(want, Generator().manual_seed(3).uniform(21)[1:])


def test_permutation_by_steps_and_at_once() -> None:
    for n in (257, 1000, 20000):
        words = Generator().manual_seed(n).random32(n - 1).tolist()
        order = list(range(n))
        for i, word in enumerate(words):
            j = i + word % (n - i)
            order[i], order[j] = order[j], order[i]
        assert Generator().manual_seed(n).permutation(n).tolist() == order


def test_normals_are_normal() -> None:
    for n, contiguous in ((200_000, True), (200_000, False)):
        values = Generator().manual_seed(1).normal(n, "float64", 3.0, 2.0, contiguous=contiguous)
        assert abs(values.mean() - 3) < 0.02 and abs(values.std() - 2) < 0.02


def test_rounding_to_bfloat16() -> None:
    values = np.array([1.0, 1.00390625, 1.01171875, 1.0078125, -3.14159], np.float32)
    assert round_to_bfloat16(values).tolist() == [1.0, 1.0, 1.015625, 1.0078125, -3.140625]


class Pair:
    """A generator and the oracle's, seeded alike; every check compares the numbers and then the whole states."""

    def __init__(self, torch: ModuleType, seed: int) -> None:
        self.torch, self.rng = torch, np.random.default_rng(seed)
        self.theirs, self.ours = torch.Generator().manual_seed(seed), Generator().manual_seed(seed)

    def empty(self, shape: object, dtype: str) -> object:
        return self.torch.empty(shape, dtype=getattr(self.torch, dtype))

    def same(self, want: object, got: np.ndarray, tolerance: float = 0.0, what: object = None) -> None:
        """Equal, or equal to a relative (below 1: absolute) tolerance."""
        want = want.double().numpy()
        scale = np.maximum(np.abs(want), 1)
        assert want.shape == got.shape, what
        assert (np.abs(want - got.astype(np.float64)) <= tolerance * scale).all(), what
        assert np.array_equal(self.theirs.get_state().numpy(), self.ours.get_state()), what


def uniform(pair: Pair, n: int, dtype: str) -> None:
    low, high = np.sort(pair.rng.normal(size=2) * 3).tolist()
    pair.same(pair.empty(n, dtype).uniform_(generator=pair.theirs), pair.ours.uniform(n, dtype))
    got = pair.ours.uniform(n, dtype, low, high)
    pair.same(pair.empty(n, dtype).uniform_(low, high, generator=pair.theirs), got, what=(n, dtype, low, high))


def normal(pair: Pair, n: int, dtype: str) -> None:
    mean, std = float(pair.rng.normal()), float(pair.rng.random())
    want = pair.empty(n, dtype).normal_(generator=pair.theirs)
    pair.same(want, pair.ours.normal(n, dtype), ROUNDING[dtype], (n, dtype))
    want = pair.empty(n, dtype).normal_(mean, std, generator=pair.theirs)
    pair.same(want, pair.ours.normal(n, dtype, mean, std), ROUNDING[dtype], (n, dtype, mean, std))


def normal_of_strided(pair: Pair, n: int, dtype: str) -> None:
    tensor = pair.empty((n, 3), dtype).t()
    got = pair.ours.normal(3 * n, dtype, contiguous=n == 1).reshape(n, 3).T
    pair.same(tensor.normal_(generator=pair.theirs), got, ROUNDING[dtype], (n, dtype))


def integers(pair: Pair, n: int, dtype: str) -> None:
    low = int(pair.rng.integers(-(2**62), 2**40)) >> int(pair.rng.integers(0, 60))
    high = low + 1 + (int(pair.rng.integers(0, 2**62)) >> int(pair.rng.integers(0, 60)))
    want = pair.torch.randint(low, high, (n,), generator=pair.theirs)
    pair.same(want, pair.ours.integers(n, low, high), what=(n, low, high))
    for name in (dtype, "int32", "int16", "int8", "int64"):
        want = pair.empty(n, name).random_(-7, None, generator=pair.theirs)
        pair.same(want, pair.ours.integers(n, -7, None, name), what=(n, name))


def full_range(pair: Pair, n: int, dtype: str) -> None:
    for name in (dtype, "int64", "int32", "int16", "int8", "uint8", "bool"):
        pair.same(pair.empty(n, name).random_(generator=pair.theirs), pair.ours.random(n, name), what=(n, name))
    want = pair.empty(n, "int64").random_(-(2**63), None, generator=pair.theirs)
    pair.same(want, pair.ours.integers(n, -(2**63), None))


def permutation(pair: Pair, n: int, dtype: str) -> None:
    pair.same(pair.torch.randperm(n, generator=pair.theirs), pair.ours.permutation(n), what=n)


def bernoulli(pair: Pair, n: int, dtype: str) -> None:
    p = float(pair.rng.random())
    pair.same(pair.empty(n, dtype).bernoulli_(p, generator=pair.theirs), pair.ours.bernoulli(n, p), what=(n, p))
    scaled = pair.empty(n, dtype).bernoulli_(1 - p, generator=pair.theirs).div_(1 - p)
    pair.same(scaled, pair.ours.dropout(n, p, dtype), what=(n, dtype, p))
    odds = pair.torch.rand(n, dtype=getattr(pair.torch, dtype))
    array = odds.float().numpy() if dtype == "bfloat16" else odds.numpy()
    pair.same(pair.torch.bernoulli(odds, generator=pair.theirs), pair.ours.bernoulli_tensor(array), what=(n, dtype))


def exponential_family(pair: Pair, n: int, dtype: str) -> None:
    rate, tolerance = float(pair.rng.random()) + 0.1, ROUNDING[dtype]
    want = pair.empty(n, dtype).exponential_(rate, generator=pair.theirs)
    pair.same(want, pair.ours.exponential(n, dtype, rate), tolerance)
    want = pair.empty(n, dtype).log_normal_(0.1, 0.3, generator=pair.theirs)
    pair.same(want, pair.ours.log_normal(n, dtype, 0.1, 0.3), tolerance)
    want = pair.empty(n, dtype).geometric_(0.3, generator=pair.theirs)
    pair.same(want, pair.ours.geometric(n, dtype, 0.3))
    want = pair.empty(n, dtype).cauchy_(0.3, 1.7, generator=pair.theirs).nan_to_num()
    pair.same(want, np.nan_to_num(pair.ours.cauchy(n, dtype, 0.3, 1.7)), tolerance)


def multinomial(pair: Pair, n: int, dtype: str) -> None:
    categories = n // 50 + 2
    weights = pair.torch.rand(3, categories, dtype=pair.torch.float64 if dtype == "float64" else pair.torch.float32)
    for replacement in (False, True):
        count = int(pair.rng.integers(1, categories + 1))
        before = pair.ours.get_state()
        want = pair.torch.multinomial(weights, count, replacement, generator=pair.theirs).numpy()
        got = pair.ours.multinomial(weights.numpy(), count, replacement)
        if replacement:
            np.testing.assert_array_equal(got, want)
            continue
        # The winners of a race. PyTorch's logarithm rounds as the processor and the number of threads have it: two that
        # are level to rounding may change places.
        after = pair.ours.get_state()
        pair.ours.set_state(before)
        times = pair.ours.exponential(weights.numel(), str(weights.dtype)[6:]).reshape(weights.shape)
        pair.ours.set_state(after)
        races = weights.numpy() / times
        one, other = (np.take_along_axis(races, chosen, -1) for chosen in (got, want))
        np.testing.assert_allclose(one, other, rtol=1e-5 if races.dtype == np.float32 else 1e-12)
        assert (got == want).mean() > 0.9


def truncated_normal(pair: Pair, n: int, dtype: str) -> None:
    dtype = "float64" if dtype == "float64" else "float32"
    low = float(pair.rng.normal())
    bounds = (0.1, 0.9, low, low + 0.1 + 2 * float(pair.rng.random()))
    want = pair.empty(n + 1, dtype)
    pair.torch.nn.init.trunc_normal_(want, *bounds, generator=pair.theirs)
    pair.same(want, pair.ours.truncated_normal(n + 1, dtype, *bounds), ROUNDING[dtype], (n, bounds))


STREAMS = (
    uniform, normal, normal_of_strided, integers, full_range, permutation, bernoulli, exponential_family, multinomial,
    truncated_normal,
)  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("stream", STREAMS)
def test_stream_like_the_oracle(oracle: ModuleType, stream: Callable[[Pair, int, str], None]) -> None:
    pair = Pair(oracle, 2**40 + STREAMS.index(stream))
    for dtype in FLOATS:
        for n in SIZES:
            stream(pair, n, dtype)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(8))
def test_mixed_draws_like_the_oracle(oracle: ModuleType, seed: int) -> None:
    pair = Pair(oracle, seed)
    for _ in range(60):
        stream, n, dtype = (options[pair.rng.integers(len(options))] for options in (STREAMS, SIZES[:-1], FLOATS))
        stream(pair, n, dtype)


@pytest.mark.parametrize("used", [0, 1, 3, 620, 624, 1000])
def test_states_are_exchanged_with_the_oracle(oracle: ModuleType, used: int) -> None:
    pair = Pair(oracle, 11)
    oracle.randn(1, generator=pair.theirs)
    oracle.rand(used, generator=pair.theirs)
    pair.ours = Generator().set_state(pair.theirs.get_state().numpy())
    normal(pair, 3, "float64")
    pair.theirs = oracle.Generator()
    pair.theirs.set_state(oracle.from_numpy(pair.ours.get_state()))
    normal(pair, 3, "float64")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0)])
def test_strided_tensors_are_filled_in_memory_order(oracle: ModuleType, order: tuple[int, ...]) -> None:
    tensor = oracle.zeros(6, 4, 5)[::2, :, ::2].permute(order)
    slowest_first = fill_order(tensor.stride())
    got = np.zeros(tensor.shape, np.float32)
    view = got.transpose(slowest_first)
    view[...] = Generator().manual_seed(5).uniform(tensor.numel()).reshape(view.shape)
    tensor.uniform_(generator=oracle.Generator().manual_seed(5))
    assert np.array_equal(tensor.numpy(), got)


def test_dropout_like_the_oracle(oracle: ModuleType) -> None:
    oracle.manual_seed(9)
    want = oracle.nn.functional.dropout(oracle.ones(1000), 0.3)
    assert np.array_equal(want.numpy(), Generator().manual_seed(9).dropout(1000, 0.3))
