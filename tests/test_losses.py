"""Losses, distances and their modules against the oracle: what the operators' records don't say."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import kagari
from kagari import nn


def numbers(tensor: Any) -> list[float]:
    return tensor.detach().double().reshape(-1).tolist()


def same(ours: Any, theirs: Any, tolerance: float = 1e-5) -> None:
    assert str(ours.dtype) == str(theirs.dtype)
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert numbers(ours) == pytest.approx(numbers(theirs), rel=tolerance, abs=tolerance, nan_ok=True)


def attempt(call: Callable[[ModuleType], Any], lib: ModuleType) -> tuple[Any, list[tuple[type, str]]]:
    """The result or (type, text) of the exception, and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call(lib)
        except Exception as error:
            result = (type(error), str(error).replace("torch.", "kagari."))
    return result, [(w.category, str(w.message)) for w in caught]


def signs(lib: ModuleType, *shape: int) -> Any:
    return (lib.rand(*shape) > 0.5) * 2 - 1


# Arguments of a module's `forward`, the first of which wants a gradient.
INPUTS: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "KLDivLoss": lambda t: (t.rand(3, 4), t.rand(3, 4)),
    "PoissonNLLLoss": lambda t: (t.rand(3, 4), t.randint(0, 5, (3, 4))),
    "GaussianNLLLoss": lambda t: (t.rand(3, 4), t.rand(3, 4), t.rand(3, 1) + 0.1),
    "HingeEmbeddingLoss": lambda t: (t.rand(3, 4), signs(t, 3, 4)),
    "MarginRankingLoss": lambda t: (t.rand(5), t.rand(5), signs(t, 5)),
    "SoftMarginLoss": lambda t: (t.rand(3, 4), signs(t, 3, 4)),
    "MultiMarginLoss": lambda t: (t.rand(3, 4), t.randint(0, 4, (3,))),
    "MultiLabelMarginLoss": lambda t: (t.rand(3, 4), t.randint(-1, 4, (3, 4))),
    "MultiLabelSoftMarginLoss": lambda t: (t.rand(3, 4), t.rand(3, 4)),
    "CosineEmbeddingLoss": lambda t: (t.rand(3, 4), t.rand(3, 4), signs(t, 3)),
    "TripletMarginLoss": lambda t: (t.rand(3, 4), t.rand(3, 4), t.rand(3, 4)),
    "TripletMarginWithDistanceLoss": lambda t: (t.rand(3, 4), t.rand(3, 4), t.rand(3, 4)),
    "NLLLoss2d": lambda t: (t.rand(2, 3, 4, 4), t.randint(0, 3, (2, 4, 4))),
    "PairwiseDistance": lambda t: (t.rand(3, 4), t.rand(3, 4)),
    "CosineSimilarity": lambda t: (t.rand(3, 4), t.rand(3, 4)),
    "Bilinear": lambda t: (t.rand(3, 4), t.rand(3, 5)),
    "LinearCrossEntropyLoss": lambda t: (t.rand(3, 4), t.randint(0, 5, (3,))),
}
MODULES = (
    "KLDivLoss()",
    "KLDivLoss(reduction='batchmean', log_target=True)",
    "KLDivLoss(size_average=False)",
    "PoissonNLLLoss(full=True)",
    "PoissonNLLLoss(log_input=False, eps=0.5, reduction='none')",
    "GaussianNLLLoss(full=True)",
    "GaussianNLLLoss(eps=0.5, reduction='sum')",
    "HingeEmbeddingLoss(margin=0.5)",
    "HingeEmbeddingLoss(reduce=False)",
    "MarginRankingLoss(0.2)",
    "MarginRankingLoss(reduction='none')",
    "SoftMarginLoss()",
    "SoftMarginLoss(reduction='sum')",
    "MultiMarginLoss(2, 0.5, weight=tensor([1.0, 2.0, 3.0, 4.0]))",
    "MultiMarginLoss(reduction='none')",
    "MultiLabelMarginLoss()",
    "MultiLabelMarginLoss(reduction='none')",
    "MultiLabelSoftMarginLoss(weight=tensor([1.0, 2.0, 3.0, 4.0]))",
    "MultiLabelSoftMarginLoss(reduction='none')",
    "CosineEmbeddingLoss(0.3)",
    "CosineEmbeddingLoss(reduction='none')",
    "TripletMarginLoss(p=1.0, swap=True)",
    "TripletMarginLoss(0.5, reduction='none')",
    "TripletMarginWithDistanceLoss(swap=True)",
    "TripletMarginWithDistanceLoss(distance_function=lambda x, y: (x - y).abs().amax(-1), reduction='sum')",
    "NLLLoss2d(tensor([1.0, 2.0, 3.0]), ignore_index=1)",
    "PairwiseDistance(1.0, 0.1, keepdim=True)",
    "CosineSimilarity(dim=0)",
    "Bilinear(4, 5, 2)",
    "LinearCrossEntropyLoss(4, 5)",
    "LinearCrossEntropyLoss(4, 5, bias=True, reduction='none', ignore_index=2, label_smoothing=0.1)",
    "LinearCrossEntropyLoss(4, 5, weight=tensor([1.0, 2.0, 3.0, 4.0, 5.0]), reduction='sum', dtype=float64)",
    "Bilinear(4, 5, 2, bias=False, dtype=float64)",
)


def build(lib: ModuleType, text: str) -> Any:
    names = {name: getattr(lib.nn, name) for name in INPUTS}
    return eval(text, {**names, "tensor": lib.tensor, "float64": lib.float64})


def run(lib: ModuleType, text: str) -> tuple[str, dict[str, Any], list[Any]]:
    """repr, state, and the results and gradients for inputs that come from the same seed."""
    lib.manual_seed(5)
    module = build(lib, text)
    first, *rest = INPUTS[text.partition("(")[0]](lib)
    double = "float64" in text
    first, *rest = (x.double() if double and x.dtype is lib.float32 else x for x in (first, *rest))
    if double and getattr(module, "weight", None) is not None and not module.weight.requires_grad:
        module.double()
    first.requires_grad_()
    result = module(first, *rest)
    (result * result).sum().backward()
    grads = [first.grad, *(p.grad for p in module.parameters())]
    return repr(module), dict(module.state_dict()), [result, *grads]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("text", MODULES)
def test_module(text: str, oracle: ModuleType) -> None:
    ours, theirs = run(kagari, text), run(oracle, text)
    assert ours[0] == theirs[0].replace("torch.", "kagari.")
    assert list(ours[1]) == list(theirs[1])
    for name, value in ours[1].items():
        assert numbers(value) == numbers(theirs[1][name])
    for a, b in zip(ours[2], theirs[2], strict=True):
        same(a, b)


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "a number's dtype counts": lambda t: t.nn.functional.mse_loss(t.ones(3), t.tensor(2.0).double()),
    "distance to a number": lambda t: t.nn.functional.l1_loss(t.tensor(2.0).double(), t.ones(3)),
    "smooth distance to a number": lambda t: t.nn.functional.smooth_l1_loss(t.ones(3), t.tensor(2.0).double()),
    "poisson with no such reduction": lambda t, F: F.poisson_nll_loss(t.ones(2), t.ones(2), reduction="x"),
    "poisson of integers": lambda t, F: F.poisson_nll_loss(t.ones(2, dtype=t.int64), t.ones(2, dtype=t.int64)),
    "gaussian below zero": lambda t, F: F.gaussian_nll_loss(t.ones(2), t.ones(2), -t.ones(2)),
    "gaussian of a number below zero": lambda t, F: F.gaussian_nll_loss(t.ones(2), t.ones(2), -1.0),
    "gaussian of a number": lambda t, F: F.gaussian_nll_loss(t.ones(2), t.zeros(2), 2.0),
    "gaussian of rows": lambda t, F: F.gaussian_nll_loss(t.ones(2, 3), t.zeros(2, 3), t.ones(3)),
    "hinge of integers": lambda t, F: F.hinge_embedding_loss(t.ones(2, dtype=t.int64), t.ones(2), reduction="none"),
    "hinge with no such reduction": lambda t, F: F.hinge_embedding_loss(t.ones(2), t.ones(2), reduction="x"),
    "hinge of old": lambda t, F: F.hinge_embedding_loss(t.ones(2), t.ones(2), reduce=False),
    "ranking of other dimensions": lambda t, F: F.margin_ranking_loss(t.ones(2, 3), t.ones(3), t.ones(2)),
    "soft margin of other dtypes": lambda t, F: F.soft_margin_loss(t.ones(2), t.ones(2).double(), reduction="none"),
    "soft margin far out": lambda t, F: F.soft_margin_loss(t.tensor([-1e3]), t.ones(1)),
    "multi margin weighted by a table": lambda t, F: F.multi_margin_loss(
        t.ones(2, 3), t.zeros(2, dtype=t.int64), weight=t.ones(2, 3)
    ),
    "multi margin of a class that is not": lambda t, F: F.multi_margin_loss(t.ones(2, 3), t.full((2,), 5)),
    "multilabel margin of a class that is not": lambda t, F: F.multilabel_margin_loss(
        t.ones(2, 3), t.full((2, 3), -2), reduction="none"
    ),
    "multilabel soft margin of a number": lambda t, F: F.multilabel_soft_margin_loss(t.ones(()), t.ones(())),
    "cosine embedding of integers": lambda t, F: F.cosine_embedding_loss(
        t.ones(2, 3, dtype=t.int64), t.ones(2, 3, dtype=t.int64), t.ones(2), reduction="none"
    ),
    "cosine embedding of another batch": lambda t, F: F.cosine_embedding_loss(t.ones(2, 3), t.ones(2, 3), t.ones(3)),
    "triplet without margin": lambda t, F: F.triplet_margin_loss(t.ones(2, 3), t.ones(2, 3), t.ones(2, 3), margin=0),
    "triplet of integers": lambda t, F: F.triplet_margin_loss(*[t.ones(2, 3, dtype=t.int64)] * 3),
    "triplet of other dimensions": lambda t, F: F.triplet_margin_with_distance_loss(
        t.ones(2, 3), t.ones(2, 3), t.ones(3)
    ),
    "triplet without a margin for its distance": lambda t, F: F.triplet_margin_with_distance_loss(
        t.ones(2, 3), t.ones(2, 3), t.ones(2, 3), margin=-1
    ),
    "triplet layer without margin": lambda t, F: t.nn.TripletMarginLoss(margin=0),
    "triplet layer of a distance without margin": lambda t, F: t.nn.TripletMarginWithDistanceLoss(margin=0),
    "multi margin layer to the third": lambda t, F: t.nn.MultiMarginLoss(p=3),
    "multi margin layer weighted by a table": lambda t, F: t.nn.MultiMarginLoss(weight=t.ones(2, 2)),
    "divergence of a number": lambda t, F: F.kl_div(t.ones(()), t.ones(()), reduction="batchmean"),
    "divergence with no such reduction": lambda t, F: F.kl_div(t.ones(2), t.ones(2), reduction="x"),
    "divergence by the mean": lambda t, F: F.kl_div(t.ones(2), t.ones(2)),
    "divergence by its default": lambda t, F: t.kl_div(t.ones(2), t.full((2,), 0.5)),
    "images by the old name": lambda t, F: t.nn.NLLLoss2d(size_average=False)(
        t.ones(1, 2, 1, 1), t.zeros(1, 1, 1, dtype=t.int64)
    ),
    "distance of integers": lambda t, F: F.pairwise_distance(t.ones(2, dtype=t.int64), t.zeros(2, dtype=t.int64)),
    "bilinear of nothing": lambda t, F: t.nn.Bilinear(0, 2, 3),
    "linear cross entropy of an image": lambda t, F: F.linear_cross_entropy(
        t.ones(2, 3), t.ones(5, 4, 2, 3).cumsum(0), t.ones(2, 4, 2, dtype=t.int64), linear_bias=t.ones(5, 4, 2)
    ),
    "linear cross entropy of probabilities": lambda t, F: F.linear_cross_entropy(
        t.ones(2, 3), t.ones(5, 3).cumsum(0), t.full((2, 5), 0.2)
    ),
    "linear cross entropy of one row": lambda t, F: F.linear_cross_entropy(
        t.ones(3), t.ones(5, 3).cumsum(0), t.tensor(1)
    ),
    "probabilities and a class to ignore": lambda t, F: F.linear_cross_entropy(
        t.ones(2, 3), t.ones(5, 3), t.ones(2, 5), ignore_index=1
    ),
    "linear cross entropy of three dimensions": lambda t, F: F.linear_cross_entropy(
        t.ones(2, 2, 3), t.ones(5, 3), t.ones(2, 2, dtype=t.int64)
    ),
    "linear cross entropy with a vector": lambda t, F: F.linear_cross_entropy(
        t.ones(2, 3), t.ones(3), t.ones(2, dtype=t.int64)
    ),
    "linear cross entropy of another width": lambda t, F: F.linear_cross_entropy(
        t.ones(2, 4), t.ones(5, 3), t.ones(2, dtype=t.int64)
    ),
    "linear cross entropy with another bias": lambda t, F: F.linear_cross_entropy(
        t.ones(2, 3), t.ones(5, 3), t.ones(2, dtype=t.int64), linear_bias=t.ones(4)
    ),
    "an image of one row": lambda t, F: F.linear_cross_entropy(t.ones(3), t.ones(5, 4, 3), t.ones(4, dtype=t.int64)),
    "distances of half": lambda t, F: t.cdist(t.ones(2, 3).half(), t.ones(2, 3).half()),
    "distances of dtypes": lambda t, F: t.cdist(t.ones(2, 3), t.ones(2, 3).double()),
}


@pytest.mark.parametrize("name", CALLS)
def test_call(name: str, oracle: ModuleType) -> None:
    def call(lib: ModuleType) -> Any:
        return CALLS[name](lib, lib.nn.functional)

    (ours, our_warnings), (theirs, their_warnings) = attempt(call, kagari), attempt(call, oracle)
    assert our_warnings == their_warnings
    if isinstance(theirs, tuple):
        assert isinstance(ours, tuple), f"the oracle raises {theirs}"
        assert issubclass(ours[0], theirs[0])
        assert ours[1] == theirs[1]
    else:
        assert not isinstance(ours, tuple), ours
        same(ours, theirs)


@pytest.mark.parametrize(
    "name", [n for n in nn.functional.__all__ if "loss" in n or n in ("kl_div", "embedding", "embedding_bag")]
)
def test_signature(name: str, oracle: ModuleType) -> None:
    def parameters(function: Any) -> list[tuple[str, Any, Any]]:
        return [(p.name, p.default, p.kind) for p in inspect.signature(function).parameters.values()]

    assert parameters(getattr(nn.functional, name)) == parameters(getattr(oracle.nn.functional, name))


@pytest.mark.parametrize("name", ["gaussian", "cosine"])
def test_bound_has_the_gradient_of_what_it_bounds(name: str, oracle: ModuleType) -> None:
    """A variance below eps, and lengths below eps, are raised; their gradient goes on as if they were not."""
    grads = []
    for lib in (kagari, oracle):
        a = lib.tensor([[0.1, 0.2, 4.0]], requires_grad=True)
        b = lib.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
        F = lib.nn.functional
        loss = F.gaussian_nll_loss(b, b * 2, a, eps=0.5) if name == "gaussian" else F.cosine_similarity(a, b, eps=5.0)
        loss.sum().backward()
        grads += [a.grad, b.grad]
    same(grads[0], grads[2])
    same(grads[1], grads[3])


def test_distances_of_many_points(oracle: ModuleType) -> None:
    results = []
    for lib in (kagari, oracle):
        lib.manual_seed(0)
        x, y = (lib.rand(60, 7, dtype=lib.float64).requires_grad_() for _ in range(2))
        pairs, table = lib.pdist(x), lib.cdist(x, y)
        (pairs.sum() + (table * table).sum()).backward()
        results.append([pairs, table, x.grad, y.grad])
    for ours, theirs in zip(*results, strict=True):
        same(ours, theirs, 1e-9)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("input", [[0.5, 0.5, 0.5], [0.0, 2.0, 1.0], [0.0, float("nan"), 1.0]])
@pytest.mark.parametrize("target", [[0.0, 1.0, 2.0], [3.0, 0.0, 0.0], [0.5, -1.0, 0.0], [0.0, float("nan"), 1.0]])
def test_what_is_no_probability(input: list[float], target: list[float], dtype: str, oracle: ModuleType) -> None:
    """The first element that is none is named, of the input where both are."""
    said = []
    for lib in (kagari, oracle):
        for reduction in ("mean", "none"):
            with pytest.raises(RuntimeError) as error:
                x, y = (lib.tensor(values, dtype=getattr(lib, dtype)) for values in (input, target))
                lib.nn.functional.binary_cross_entropy(x, y, reduction=reduction)
            said.append(str(error.value).partition("\n")[0])
    assert len(set(said)) == 1


@pytest.mark.parametrize(
    ("classes", "count"), [([0, 3], 3), ([-1, 5], 3), ([-1], -1), ([5], 0), ([1], -2), ([], 0), ([], -1)]
)
def test_what_is_no_class(classes: list[int], count: int, oracle: ModuleType) -> None:
    said = []
    for lib in (kagari, oracle):
        with pytest.raises(RuntimeError) as error:
            lib.nn.functional.one_hot(lib.tensor(classes, dtype=lib.int64), count)
        said.append(str(error.value).partition("\n")[0])
    assert said[0] == said[1]


@pytest.mark.parametrize("name", ["binary_cross_entropy_with_logits", "huber_loss"])
@pytest.mark.parametrize("target", ["float64", "float32", "bfloat16", "int64", "bool"])
@pytest.mark.parametrize("input", ["float64", "float32", "bfloat16", "int64"])
def test_types_of_results(name: str, input: str, target: str, oracle: ModuleType) -> None:
    """One is computed in the memory of the target, the other in that of the input."""
    found = []
    for lib in (kagari, oracle):
        x, t = lib.zeros(3, dtype=getattr(lib, input)), lib.ones(3, dtype=getattr(lib, target))
        try:
            found.append(str(getattr(lib.nn.functional, name)(x, t).dtype))
        except (RuntimeError, NotImplementedError) as error:
            found.append(f"{isinstance(error, NotImplementedError)} {str(error).partition(chr(10))[0]}")
    assert found[0] == found[1]
