"""`nn.utils` against the oracle: sequences of different lengths, parametrized weights, calls with other weights."""

from __future__ import annotations

import copy
import pickle
import warnings
from types import ModuleType
from typing import Any

import pytest

import kagari


def outcome(scenario: Any, lib: ModuleType, tools: Any = None) -> tuple[Any, ...]:
    """What a scenario gives, or its error, and the kinds of warnings, without the library's name."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        lib.manual_seed(0)
        try:
            result = "gives", repr(scenario(lib, lib.nn.utils.rnn if tools is None else tools))
        except Exception as error:
            result = "raises", type(error).__name__, str(error)
    kinds = [warning.category.__name__ for warning in caught]
    said = [part.replace("torch.", "kagari.").replace("AddmmBackward", "LinearBackward") for part in result]
    return *(part.rstrip() for part in said), kinds


def steps(t: Any, *shape: int) -> Any:
    count = 1
    for size in shape:
        count *= size
    return t.arange(float(count)).reshape(shape)


def packed(t: Any, r: Any) -> Any:
    return r.pack_padded_sequence(steps(t, 3, 4), [2, 4, 3], batch_first=True, enforce_sorted=False)


SEQUENCES = {
    "pack": lambda t, r: r.pack_padded_sequence(steps(t, 4, 3, 2), [4, 2, 1]),
    "pack batch first": lambda t, r: r.pack_padded_sequence(steps(t, 3, 4), t.tensor([4, 2, 1]), batch_first=True),
    "pack shorter than the padding": lambda t, r: r.pack_padded_sequence(steps(t, 4, 3), [2, 2, 1]),
    "pack unsorted": packed,
    "pack equal lengths": lambda t, r: r.pack_padded_sequence(steps(t, 3, 5), [2, 3, 2, 3, 2], enforce_sorted=False),
    "pack lengths of another type": lambda t, r: r.pack_padded_sequence(steps(t, 4, 3), t.tensor([4.0, 2.0, 1.0])),
    "pack too few lengths": lambda t, r: r.pack_padded_sequence(steps(t, 4, 3), [4, 3]),
    "pack too few lengths unsorted": lambda t, r: r.pack_padded_sequence(steps(t, 4, 3), [4], enforce_sorted=False),
    "pack a length of zero": lambda t, r: r.pack_padded_sequence(steps(t, 4, 3), [4, 3, 0]),
    "pack out of order": lambda t, r: r.pack_padded_sequence(steps(t, 4, 3), [3, 4, 2]),
    "pack lengths of two dimensions": lambda t, r: r.pack_padded_sequence(steps(t, 4, 3), t.tensor([[4, 3, 2]])),
    "pack nothing": lambda t, r: r.pack_padded_sequence(t.zeros(3, 0), []),
    "pack a vector": lambda t, r: r.pack_padded_sequence(t.zeros(3), [3]),
    "pack a list": lambda t, r: r.pack_padded_sequence([1], [3]),
    "pad": lambda t, r: r.pad_packed_sequence(packed(t, r)),
    "pad batch first": lambda t, r: r.pad_packed_sequence(packed(t, r), True, -1.0, 6),
    "pad to less": lambda t, r: r.pad_packed_sequence(packed(t, r), total_length=3),
    "pad sorted": lambda t, r: r.pad_packed_sequence(r.pack_padded_sequence(steps(t, 4, 3, 2), [4, 2, 1])),
    "packed as double": lambda t, r: packed(t, r).double(),
    "packed to dtype": lambda t, r: packed(t, r).to(t.int32),
    "packed converted": lambda t, r: [
        getattr(packed(t, r), name)().data.dtype for name in ("float", "half", "long", "int", "short", "char", "byte")
    ],
    "packed as it is": lambda t, r: [p.float() is p and p.cpu() is p and not p.is_cuda for p in [packed(t, r)]],
    "packed pickled": lambda t, r: pickle.loads(pickle.dumps(packed(t, r))),
    "packed copied": lambda t, r: copy.deepcopy(packed(t, r)),
    "packed of a pair": lambda t, r: r.PackedSequence((t.zeros(3), t.tensor([2, 1]))),
    "packed of a tensor alone": lambda t, r: r.PackedSequence(t.zeros(3)),
    "packed with an order": lambda t, r: r.PackedSequence(t.zeros(3), t.tensor([2, 1]), t.tensor([1, 0])),
    "packed taken apart": lambda t, r: [*packed(t, r)],
    "permutation": lambda t, r: (r.invert_permutation(None), r.invert_permutation(t.tensor([2, 0, 1]))),
    "stack": lambda t, r: r.pad_sequence([steps(t, 2, 3), steps(t, 4, 3)]),
    "stack batch first": lambda t, r: r.pad_sequence([steps(t, 2), steps(t, 4)], True, 9.0),
    "stack left": lambda t, r: r.pad_sequence([steps(t, 2), steps(t, 4)], True, padding_side="left"),
    "stack middle": lambda t, r: r.pad_sequence([steps(t, 2), steps(t, 4)], True, padding_side="middle"),
    "stack types": lambda t, r: r.pad_sequence((t.ones(2), t.ones(4, dtype=t.int64))),
    "stack widths": lambda t, r: r.pad_sequence([t.zeros(2, 3), t.zeros(4, 2)]),
    "stack a width of one": lambda t, r: r.pad_sequence([steps(t, 2, 3), steps(t, 4, 1)]),
    "stack none": lambda t, r: r.pad_sequence([]),
    "stack a number": lambda t, r: r.pad_sequence(3),
    "stack a tensor": lambda t, r: r.pad_sequence(steps(t, 3, 2)),
    "stack an iterator": lambda t, r: r.pad_sequence(iter([t.ones(1), t.ones(3)])),
    "pack sequences": lambda t, r: r.pack_sequence([steps(t, 3), steps(t, 2)]),
    "pack sequences unsorted": lambda t, r: r.pack_sequence([steps(t, 2), steps(t, 3)]),
    "unpack": lambda t, r: r.unpack_sequence(r.pack_sequence([steps(t, 2, 2), steps(t, 3, 2)], False)),
    "unpad": lambda t, r: r.unpad_sequence(steps(t, 4, 3), t.tensor([1, 4, 2])),
    "unpad batch first": lambda t, r: r.unpad_sequence(steps(t, 3, 4), t.tensor([1, 4, 2]), batch_first=True),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequences(name: str, oracle: ModuleType) -> None:
    assert outcome(SEQUENCES[name], kagari) == outcome(SEQUENCES[name], oracle)


def test_sequences_longer_than_the_padding_are_refused() -> None:
    with pytest.raises(RuntimeError, match=r"has 5 steps, but input of shape \[4, 2\]"):
        kagari.nn.utils.rnn.pack_padded_sequence(kagari.zeros(4, 2), [5, 1])


def test_gradients_of_packed_and_padded_sequences(oracle: ModuleType) -> None:
    grads = []
    for lib in (kagari, oracle):
        r = lib.nn.utils.rnn
        x = steps(lib, 3, 4, 2).requires_grad_()
        output, _ = r.pad_packed_sequence(
            r.pack_padded_sequence(x * 2, [2, 4, 3], batch_first=True, enforce_sorted=False), padding_value=7.0
        )
        parts = [steps(lib, 2).requires_grad_(), steps(lib, 3).requires_grad_()]
        (output.square().sum() + r.pad_sequence(parts, padding_value=2.0).square().sum()).backward()
        grads.append([x.grad.tolist(), *(part.grad.tolist() for part in parts)])
    assert grads[0] == grads[1]


# Weights that are computed


def keys(module: Any) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, tuple(value.shape)) for name, value in module.state_dict().items()]


def values(*tensors: Any) -> list[Any]:
    return [[round(x, 4) for x in tensor.detach().reshape(-1).tolist()] for tensor in tensors]


def trained(t: Any, module: Any, *names: str) -> list[Any]:
    """Outputs of two calls and one in evaluation mode, and the gradients of some parameters."""
    outputs = [module(t.ones(1, 3)), module(t.ones(1, 3))]
    outputs[1].sum().backward()
    grads = [value.grad for value in module.parameters()]
    return values(*outputs, module.eval()(t.ones(1, 3)), *grads)


def removed(module: Any, remove: Any) -> list[Any]:
    same = remove(module) is module
    weight = [f"{x:.3g}" for x in module.weight.detach().reshape(-1).tolist()]
    return [same, keys(module), type(module.weight).__name__, weight, list(module._forward_pre_hooks)]


def linear(t: Any) -> Any:
    return t.nn.Linear(3, 2)


HOOKED = {
    **{
        f"{name} {case}": lambda t, u, name=name, make=make: make(t, getattr(u, name), getattr(u, f"remove_{name}"))
        for name in ("weight_norm", "spectral_norm")
        for case, make in {
            "keys": lambda t, norm, remove: keys(norm(linear(t))),
            "keys of columns": lambda t, norm, remove: keys(norm(linear(t), dim=1)),
            "trained": lambda t, norm, remove: trained(t, norm(linear(t))),
            "trained by columns": lambda t, norm, remove: trained(t, norm(linear(t), dim=1)),
            "twice": lambda t, norm, remove: norm(norm(linear(t))),
            "of an unknown name": lambda t, norm, remove: norm(linear(t), "other"),
            "removed": lambda t, norm, remove: removed(norm(linear(t)), remove),
            "removed from nothing": lambda t, norm, remove: remove(linear(t)),
            "repr": lambda t, norm, remove: norm(linear(t)),
            "loaded": lambda t, norm, remove: norm(linear(t)).load_state_dict(norm(linear(t)).state_dict()),
            "metadata": lambda t, norm, remove: norm(linear(t)).state_dict()._metadata[""],
        }.items()
    },
    "weight_norm of all": lambda t, u: trained(t, u.weight_norm(linear(t), dim=None)),
    "weight_norm of the bias": lambda t, u: keys(u.weight_norm(linear(t), "bias")),
    "weight_norm of a convolution": lambda t, u: keys(u.weight_norm(t.nn.Conv2d(2, 3, 2))),
    "spectral_norm of a vector": lambda t, u: keys(u.spectral_norm(t.nn.LayerNorm(3))),
    "spectral_norm without steps": lambda t, u: u.spectral_norm(linear(t), n_power_iterations=0),
    "spectral_norm of more steps": lambda t, u: trained(t, u.spectral_norm(linear(t), n_power_iterations=3)),
    "spectral_norm of a transposed convolution": lambda t, u: keys(u.spectral_norm(t.nn.ConvTranspose2d(2, 3, 2))),
}


@pytest.mark.parametrize("name", HOOKED)
def test_weights_computed_by_hooks(name: str, oracle: ModuleType) -> None:
    ours, theirs = (outcome(HOOKED[name], lib, lib.nn.utils) for lib in (kagari, oracle))
    assert ours == theirs


def parametrizations_of(t: Any) -> dict[str, Any]:
    """Modules to parametrize with."""

    class Symmetric(t.nn.Module):
        def forward(self, x: Any) -> Any:
            return x.triu() + x.triu(1).transpose(-1, -2)

        def right_inverse(self, x: Any) -> Any:
            return x.triu()

    def of(name: str, forward: Any, right_inverse: Any = None) -> Any:
        members = {"forward": lambda self, *args: forward(*args)}
        if right_inverse is not None:
            members["right_inverse"] = lambda self, x: right_inverse(x)
        return type(name, (t.nn.Module,), members)

    return {
        "symmetric": Symmetric,
        "doubled": of("Doubled", lambda x: x * 2),
        "halves": of("Halves", lambda a, b: a + b, lambda x: (x * 0.5, x * 0.5)),
        "shorter": of("Shorter", lambda x: x[:1]),
        "other dtype": of("OtherDtype", lambda x: x.double()),
        "no tensor": of("NoTensor", lambda x: 3),
        "inverse of other dtype": of("InverseDtype", lambda x: x, lambda x: x.double()),
        "inverse is shorter": of("InverseShorter", lambda x: x, lambda x: x[:1]),
        "inverse is no tensor": of("InverseNone", lambda x: x, lambda x: 3),
        "inverse has no tensor": of("InversePair", lambda x: x, lambda x: (x, 3)),
    }


def parametrized(t: Any, kind: str, module: Any = None, name: str = "weight", **options: Any) -> Any:
    module = t.nn.Linear(2, 2) if module is None else module
    return t.nn.utils.parametrize.register_parametrization(module, name, parametrizations_of(t)[kind](), **options)


def with_buffer(t: Any) -> Any:
    module = t.nn.Linear(2, 2)
    module.register_buffer("table", t.ones(2, 2))
    return module


def after(subject: Any, action: Any) -> Any:
    """The subject, after something was done with it."""
    action(subject)
    return subject


PARAMETRIZED = {
    **{f"{kind}": lambda t, p, kind=kind: keys(parametrized(t, kind)) for kind in parametrizations_of(kagari)},
    **{
        f"{kind} unsafe": lambda t, p, kind=kind: keys(parametrized(t, kind, unsafe=True))
        for kind in parametrizations_of(kagari)
    },
    **{
        f"{kind} after another": lambda t, p, kind=kind: values(
            parametrized(t, kind, parametrized(t, "doubled")).weight
        )
        for kind in parametrizations_of(kagari)
    },
    "repr": lambda t, p: parametrized(t, "doubled", parametrized(t, "symmetric")),
    "values": lambda t, p: values(parametrized(t, "symmetric").weight),
    "parameters": lambda t, p: [name for name, _ in parametrized(t, "halves").named_parameters()],
    "buffer": lambda t, p: (lambda m: [keys(m), [name for name, _ in m.named_buffers()]])(
        parametrized(t, "doubled", with_buffer(t), "table")
    ),
    "buffer as it was": lambda t, p: (
        lambda m: [type(m.table).__name__, values(p.remove_parametrizations(m, "table").table), type(m).__name__]
    )(parametrized(t, "doubled", with_buffer(t), "table")),
    "unknown name": lambda t, p: parametrized(t, "doubled", name="other"),
    "no name of a module": lambda t, p: parametrized(t, "doubled", t.nn.ReLU()),
    "class": lambda t, p: (lambda m: [type(m).__name__, isinstance(m, t.nn.Linear), "weight" in dir(m)])(
        parametrized(t, "doubled")
    ),
    "assigned": lambda t, p: values(
        *after(parametrized(t, "symmetric"), lambda m: setattr(m, "weight", t.ones(2, 2) * 3)).parameters()
    ),
    "halves assigned": lambda t, p: values(
        *after(parametrized(t, "halves"), lambda m: setattr(m, "weight", t.ones(2, 2))).parameters()
    ),
    "assigned without inverse": lambda t, p: setattr(parametrized(t, "doubled"), "weight", t.ones(2, 2)),
    "assigned a number": lambda t, p: setattr(parametrized(t, "symmetric"), "weight", t.nn.Parameter(t.ones(2, 2))),
    "assigned another dtype": lambda t, p: setattr(parametrized(t, "symmetric"), "weight", t.ones(2, 2).double()),
    "deleted": lambda t, p: delattr(parametrized(t, "symmetric"), "weight"),
    "is parametrized": lambda t, p: (
        lambda m: [p.is_parametrized(m), p.is_parametrized(m, "weight"), p.is_parametrized(m, "bias")]
    )(parametrized(t, "symmetric")),
    "is not parametrized": lambda t, p: p.is_parametrized(t.nn.ReLU()),
    "type before": lambda t, p: [
        p.type_before_parametrizations(m).__name__ for m in (t.nn.ReLU(), parametrized(t, "symmetric"))
    ],
    "copied": lambda t, p: (
        lambda m: (lambda c: [type(c) is type(m), values(c.weight), c.bias is m.bias])(copy.deepcopy(m))
    )(parametrized(t, "symmetric")),
    "cached": lambda t, p: (lambda m: [read_twice(m), within(p.cached, lambda: read_twice(m)), read_twice(m)])(
        parametrized(t, "symmetric")
    ),
    "trained": lambda t, p: (
        lambda m: after(m, lambda m: m(t.ones(1, 2)).sum().backward()).parametrizations.weight.original.grad.tolist()
    )(parametrized(t, "symmetric")),
    "as double": lambda t, p: parametrized(t, "symmetric").double().weight.dtype,
    "frozen": lambda t, p: parametrized(t, "symmetric").requires_grad_(False).weight.requires_grad,
    **{
        f"{kind} removed {leave}": lambda t, p, kind=kind, leave=leave: (
            lambda m: [repr(m), keys(m), values(m.weight), type(m.weight).__name__]
        )(p.remove_parametrizations(parametrized(t, kind), "weight", leave))
        for kind in ("symmetric", "halves")
        for leave in (True, False)
    },
    "removed from nothing": lambda t, p: p.remove_parametrizations(t.nn.Linear(2, 2), "weight"),
    "removed of two": lambda t, p: p.remove_parametrizations(
        parametrized(t, "doubled", parametrized(t, "doubled"), "bias"), "bias"
    ),
    "transferred": lambda t, p: transferred(parametrized(t, "halves"), t.nn.Linear(2, 2), p),
    "transferred to a stranger": lambda t, p: p.transfer_parametrizations_and_params(
        parametrized(t, "halves"), t.nn.ReLU()
    ),
    "transferred from nothing": lambda t, p: p.transfer_parametrizations_and_params(t.nn.ReLU(), t.nn.Tanh()),
    "transferred by an unknown name": lambda t, p: p.transfer_parametrizations_and_params(
        parametrized(t, "halves"), t.nn.ReLU(), "bias"
    ),
    "list of nothing": lambda t, p: p.ParametrizationList([], t.ones(2)),
    **{
        f"{name} {case}": lambda t, p, name=name, make=make: make(t, getattr(t.nn.utils.parametrizations, name))
        for name in ("weight_norm", "spectral_norm")
        for case, make in {
            "keys": lambda t, norm: keys(norm(linear(t))),
            "keys of columns": lambda t, norm: keys(norm(linear(t), dim=1)),
            "keys from behind": lambda t, norm: keys(norm(linear(t), dim=-1)),
            "repr": lambda t, norm: norm(linear(t)),
            "trained": lambda t, norm: trained(t, norm(linear(t))),
            "trained by columns": lambda t, norm: trained(t, norm(linear(t), dim=1)),
            "of an unknown name": lambda t, norm: norm(linear(t), "other"),
            "assigned": lambda t, norm: values(
                *after(norm(linear(t)), lambda m: setattr(m, "weight", t.ones(2, 3))).parameters()
            ),
            "loaded": lambda t, norm: norm(linear(t)).load_state_dict(norm(linear(t)).state_dict()),
        }.items()
    },
    "weight_norm of all at once": lambda t, p: trained(t, t.nn.utils.parametrizations.weight_norm(linear(t), dim=None)),
    "weight_norm loads what hooks saved": lambda t, p: t.nn.utils.parametrizations.weight_norm(
        linear(t)
    ).load_state_dict(t.nn.utils.weight_norm(linear(t)).state_dict()),
    "spectral_norm of a vector": lambda t, p: values(t.nn.utils.parametrizations.spectral_norm(linear(t), "bias").bias),
    "spectral_norm without steps": lambda t, p: t.nn.utils.parametrizations.spectral_norm(linear(t), "weight", 0),
    "spectral_norm out of range": lambda t, p: t.nn.utils.parametrizations.spectral_norm(linear(t), dim=2),
}


def transferred(source: Any, target: Any, p: Any) -> list[Any]:
    same = p.transfer_parametrizations_and_params(source, target) is target
    theirs, ours = (module.parametrizations.weight for module in (source, target))
    return [same, repr(target), values(target.weight), ours.original0 is theirs.original0]


def read_twice(module: Any) -> bool:
    return module.weight is module.weight


def within(context: Any, action: Any) -> Any:
    with context():
        return action()


@pytest.mark.parametrize("name", PARAMETRIZED)
def test_parametrized_weights(name: str, oracle: ModuleType) -> None:
    ours, theirs = (outcome(PARAMETRIZED[name], lib, lib.nn.utils.parametrize) for lib in (kagari, oracle))
    assert ours == theirs


def test_parametrized_modules_are_not_pickled() -> None:
    with pytest.raises(RuntimeError, match="only supported through state_dict"):
        pickle.dumps(kagari.nn.utils.parametrizations.weight_norm(kagari.nn.Linear(2, 2)))


# Calls with other weights


def network(t: Any) -> Any:
    class Net(t.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = t.nn.Linear(2, 2, bias=False)
            self.third = t.nn.Linear(2, 2, bias=False)
            self.third.weight = self.first.weight
            self.register_buffer("calls", t.zeros(1))

        def forward(self, x: Any, y: float = 0.0) -> Any:
            self.calls += 1
            return self.first(x) + self.third(x) + y

    return Net()


def called(t: Any, tensors: Any, *args: Any, **options: Any) -> list[Any]:
    """The result, what became of the tensors, and whether the module has its own again."""
    module = network(t)
    before = copy.deepcopy(module.state_dict())
    result = t.func.functional_call(module, tensors, *(args or (t.ones(1, 2),)), **options)
    same = all(t.equal(value, before[name]) for name, value in module.state_dict().items() if name in before)
    return [values(result), values(*tensors.values()) if isinstance(tensors, dict) else None, same]


def failed_call_restores(t: Any) -> bool:
    class Failing(t.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = t.nn.Parameter(t.zeros(1))

        def forward(self) -> None:
            raise KeyError

    module = Failing()
    weight = module.weight
    with pytest.raises(KeyError):
        t.func.functional_call(module, {"weight": t.ones(1)}, ())
    return module.weight is weight


CALLS = {
    "weight": lambda t, u: called(t, {"first.weight": t.ones(2, 2), "calls": t.zeros(1)}),
    "keyword": lambda t, u: called(t, {"first.weight": t.ones(2, 2), "calls": t.zeros(1)}, (t.ones(1, 2),), {"y": 3.0}),
    "untied": lambda t, u: called(
        t, {"third.weight": t.ones(2, 2), "first.weight": t.zeros(2, 2), "calls": t.zeros(1)}, tie_weights=False
    ),
    "two values for one": lambda t, u: called(t, {"first.weight": t.ones(2, 2), "third.weight": t.zeros(2, 2)}),
    "several dictionaries": lambda t, u: t.func.functional_call(
        t.nn.Linear(2, 2), [{"weight": t.ones(2, 2)}, {"bias": t.zeros(2)}], t.ones(1, 2)
    ),
    "one key twice": lambda t, u: called(t, [{"calls": t.ones(1)}, {"calls": t.ones(1)}]),
    "no dictionary": lambda t, u: called(t, 3),
    "strict": lambda t, u: called(t, {"first.weight": t.ones(2, 2), "calls": t.zeros(1)}, strict=True),
    "strict and missing": lambda t, u: called(t, {"first.weight": t.ones(2, 2), "other": t.ones(1)}, strict=True),
    "number": lambda t, u: called(t, {"first.weight": 3}),
    "attribute": lambda t, u: t.func.functional_call(t.nn.Linear(2, 2), {"in_features": t.ones(1)}, t.ones(1, 2)),
    "unknown module": lambda t, u: called(t, {"other.weight": t.ones(1)}),
    "empty name": lambda t, u: called(t, {"": t.ones(1)}),
    "failing": lambda t, u: failed_call_restores(t),
    "old name": lambda t, u: values(
        u.stateless.functional_call(t.nn.Linear(2, 1), {"weight": t.ones(1, 2), "bias": t.ones(1)}, (t.ones(1, 2),))
    ),
    "gradient": lambda t, u: gradient_of_call(t),
    # Modules without values
    "skip": lambda t, u: u.skip_init(t.nn.Linear, 2, 3, bias=False),
    "skip with dtype": lambda t, u: u.skip_init(t.nn.Linear, 2, 3, device="cpu", dtype=t.float64).weight.dtype,
    "skip draws nothing": lambda t, u: (t.manual_seed(0), u.skip_init(t.nn.Linear, 2, 3), t.rand(2))[2],
    "skip without device": lambda t, u: u.skip_init(t.nn.ReLU),
    "skip of no module": lambda t, u: u.skip_init(int),
    # Vectors of parameters
    "vector": lambda t, u: u.parameters_to_vector([t.zeros(2), t.ones(2, 2).double()]),
    "vector of nothing": lambda t, u: u.parameters_to_vector([]),
    "vector too short": lambda t, u: u.vector_to_parameters(t.zeros(3), [t.zeros(4)]),
    "vector too long": lambda t, u: u.vector_to_parameters(t.zeros(9), [t.zeros(4)]),
    "vector of numbers": lambda t, u: u.vector_to_parameters([1], [t.zeros(4)]),
    # Clipping
    **{
        f"clip by norm {norm}": lambda t, u, norm=norm: clipped(t, lambda p: u.clip_grad_norm_(p, 1.0, norm))
        for norm in (0, 1, 2, -1, float("inf"), -float("inf"), "inf", 0.5, "a")
    },
    "clip to a negative norm": lambda t, u: clipped(t, lambda p: u.clip_grad_norm_(p, -1.0)),
    "clip values": lambda t, u: clipped(t, lambda p: u.clip_grad_value_(p, 1.5)),
    "clip with a norm": lambda t, u: clipped(t, lambda p: u.clip_grads_with_norm_(p, 1.0, t.tensor(5.0))),
    "clip by the old name": lambda t, u: clipped(t, lambda p: u.clip_grad_norm(p, 1.0)),
    "clip a number": lambda t, u: u.clip_grad_norm_(3, 1.0),
    "norm of two types": lambda t, u: u.get_total_norm([t.tensor([3.0, 4.0]), t.tensor([3.0, 4.0]).double()]),
    "norm of nothing": lambda t, u: u.get_total_norm([]),
    # Layers joined with normalisations
    **{
        f"fused {text}": lambda t, u, text=text: fused(t, u.fuse_conv_bn_eval, text)
        for text in (
            "Conv1d(2, 3, 1)",
            "Conv2d(2, 3, 2, bias=False)",
            "Conv2d(2, 3, 2).double()",
            "Conv2d(2, 3, 1).train()",
        )
    },
    "fused ConvTranspose2d": lambda t, u: fused(
        t, lambda c, b: u.fuse_conv_bn_eval(c, b, True), "ConvTranspose2d(2, 3, 2)"
    ),
    "fused Linear": lambda t, u: fused(t, u.fuse_linear_bn_eval, "Linear(2, 3)"),
    "fused Linear without bias": lambda t, u: fused(t, u.fuse_linear_bn_eval, "Linear(2, 3, bias=False)"),
    "fused Linear of another width": lambda t, u: fused(t, u.fuse_linear_bn_eval, "Linear(2, 4)"),
    "fused without statistics": lambda t, u: u.fuse_conv_bn_eval(
        t.nn.Conv1d(2, 3, 1).eval(), t.nn.BatchNorm1d(3, track_running_stats=False).eval()
    ),
}


def gradient_of_call(t: Any) -> Any:
    weight = t.ones(2, 2, requires_grad=True)
    t.func.functional_call(network(t), {"first.weight": weight}, t.ones(1, 2)).sum().backward()
    return weight.grad


def clipped(t: Any, clip: Any) -> list[Any]:
    parameters = [t.nn.Parameter(t.zeros(2)) for _ in range(3)]
    parameters[0].grad, parameters[2].grad = t.tensor([3.0, -4.0]), t.tensor([1.0, 2.0])
    norm = clip(parameters)
    return [None if norm is None else values(norm), values(parameters[0].grad, parameters[2].grad), parameters[1].grad]


def fused(t: Any, fuse: Any, text: str) -> list[Any]:
    layer = eval(f"nn.{text}", {"nn": t.nn})
    norm = t.nn.BatchNorm1d(3).to(layer.weight.dtype).eval()
    for tensor in (*norm.parameters(), norm.running_mean, norm.running_var):
        t.nn.init.uniform_(tensor, 1, 2)
    joined = fuse(layer if text.endswith("train()") else layer.eval(), norm)
    return [repr(joined), joined is layer, values(*joined.state_dict().values())]


@pytest.mark.parametrize("name", CALLS)
def test_same_as_the_oracle(name: str, oracle: ModuleType) -> None:
    ours, theirs = (outcome(CALLS[name], lib, lib.nn.utils) for lib in (kagari, oracle))
    assert ours == theirs


def test_modules_in_two_places_have_their_own_weights_again() -> None:
    model = kagari.nn.Sequential(kagari.nn.Linear(1, 1))
    model.append(model[0])
    weight = model[0].weight
    kagari.func.functional_call(model, {"0.weight": kagari.ones(1, 1)}, kagari.ones(1, 1))
    assert model[0].weight is weight


@pytest.mark.parametrize("path", ["utils", "utils.rnn", "utils.parametrize", "utils.parametrizations"])
def test_names_are_the_oracles(path: str, oracle: ModuleType) -> None:
    ours, theirs = kagari.nn, oracle.nn
    for part in path.split("."):
        ours, theirs = getattr(ours, part), getattr(theirs, part)
    public = getattr(theirs, "__all__", None) or [
        name
        for name, value in vars(theirs).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == theirs.__name__
    ]
    assert set(public) <= set(ours.__all__)


def test_order_of_the_weights_of_convolutions(oracle: ModuleType) -> None:
    seen = []
    for lib in (kagari, oracle):
        net = lib.nn.Sequential(lib.nn.Conv2d(3, 4, 2), lib.nn.ConvTranspose2d(4, 3, 2), lib.nn.Conv3d(3, 2, 2))
        same = lib.nn.utils.convert_conv2d_weight_memory_format(net, lib.channels_last) is net
        strides = [part.weight.stride() for part in net]
        lib.nn.utils.convert_conv3d_weight_memory_format(net, lib.channels_last_3d)
        seen.append((same, strides, [part.weight.stride() for part in net], net[0].weight.is_leaf))
    assert seen[0] == seen[1]
