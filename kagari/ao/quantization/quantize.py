"""Quantizing models layer by layer: observers are put in, layers exchanged, in place of what a configuration says."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable
from typing import Any

from ... import nn
from ...base import dtypes
from ..nn.fused import Whole
from ..nn.quantized import FloatFunctional
from .observer import is_activation_post_process
from .qconfig import (
    default_dynamic_qconfig,
    float16_dynamic_qconfig,
    float_qparams_weight_only_qconfig,
    float_qparams_weight_only_qconfig_4bit,
)
from .quantization_mappings import (
    get_default_dynamic_quant_module_mappings,
    get_default_qat_module_mappings,
    get_default_qconfig_propagation_list,
    get_default_static_quant_module_mappings,
    special_act_post_process,
)
from .stubs import DeQuantStub, QuantWrapper
from .utils import activation_is_dynamically_quantized

CUSTOM: dict[str, Any] = {"float_to_observed_custom_module_class": {}, "observed_to_quantized_custom_module_class": {}}


def get_default_custom_config_dict() -> dict[str, Any]:
    """The classes of a program's own that are exchanged: none."""
    return copy.deepcopy(CUSTOM)


# Configurations


def propagate_qconfig_(
    module: nn.Module, qconfig_dict: dict[Any, Any] | None = None,
    prepare_custom_config_dict: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Gives each submodule the configuration of the one around it, as `qconfig`, unless it has one.

    Args:
        module: the model.
        qconfig_dict: configurations by the names or the classes of submodules.
        prepare_custom_config_dict: "non_traceable_module_name" and the like, which are left alone.
    """
    _propagate(module, qconfig_dict or {}, None, "", prepare_custom_config_dict or {})


def _propagate(module: Any, table: dict[Any, Any], parent: Any, prefix: str, custom: dict[str, Any]) -> None:
    qconfig = table.get(type(module), parent)
    qconfig = table.get(prefix, qconfig)
    qconfig = getattr(module, "qconfig", qconfig)
    module.qconfig = qconfig
    for name, child in module.named_children():
        path = f"{prefix}.{name}" if prefix else name
        skipped = path in custom.get("non_traceable_module_name", []) or type(child) in custom.get(
            "non_traceable_module_class", []
        )
        if not skipped:
            _propagate(child, table, qconfig, path, custom)


# Observers


def _observing_hook(self: Any, input: Any, output: Any) -> Any:
    """Behind a module: what observes its results sees them."""
    return self.activation_post_process(output)


def _observing_pre_hook(self: Any, input: Any) -> Any:
    """Before a module: what observes its input sees it."""
    return self.activation_post_process(input[0])


def _register(module: Any, pre_hook: bool = False) -> None:
    if pre_hook:
        module.register_forward_pre_hook(_observing_pre_hook, prepend=True)
    else:
        module.register_forward_hook(_observing_hook, prepend=True)


def _add_observers(
    module: Any, listed: set[Any], non_leaf: Any = None, custom_class: dict[Any, Any] | None = None
) -> None:
    """Puts observers behind the layers that are to be quantized."""
    listed = get_default_qconfig_propagation_list() if listed is None else listed
    custom_class = custom_class or {}

    def needs(m: Any) -> bool:
        return hasattr(m, "qconfig") and m.qconfig is not None

    def insert(m: Any, special: Any = None) -> None:
        if needs(m) and not isinstance(m, DeQuantStub):
            made = m.qconfig.activation() if special is None else special()
            m.add_module("activation_post_process", made)
            _register(m, pre_hook=activation_is_dynamically_quantized(m.qconfig))

    for name, child in list(module.named_children()):
        if type(child) is nn.Dropout:
            continue
        if isinstance(child, FloatFunctional):
            if needs(child):
                child.activation_post_process = child.qconfig.activation()
        elif isinstance(child, Whole) or (non_leaf is not None and type(child) in non_leaf):
            if needs(child):
                insert(child)
        elif child.training and special_act_post_process(child) is not None:
            insert(child, special_act_post_process(child))
        elif needs(child) and type(child) in custom_class:
            observed = custom_class[type(child)].from_float(child)
            setattr(module, name, observed)
            _add_observers(observed, listed, non_leaf, custom_class)
        else:
            _add_observers(child, listed, non_leaf, custom_class)
    is_leaf = not any(True for _ in module.children())
    if is_leaf and not isinstance(module, nn.Sequential) and type(module) in listed:
        insert(module)
    if hasattr(module, "weight_fake_quant") and not isinstance(module, nn.Sequential) and type(module) in listed:
        insert(module)


def prepare(
    model: nn.Module, inplace: bool = False, allow_list: Any = None, observer_non_leaf_module_list: Any = None,
    prepare_custom_config_dict: dict[str, Any] | None = None,
) -> Any:  # fmt: skip
    """A copy of a model with observers behind the layers that its configurations, attributes `qconfig`, say.

    The model is then run on examples, and :func:`convert` makes a quantized one of it.

    Args:
        model: the model; a submodule without `qconfig` has that of the module around it.
        inplace: whether the model itself is changed.
        allow_list: the classes of layers to observe.
        observer_non_leaf_module_list: classes of modules with submodules to observe, too.
        prepare_custom_config_dict: classes of a program's own, by "float_to_observed_custom_module_class".

    >>> import kagari as torch
    >>> from kagari import nn
    >>> model = nn.Sequential(torch.ao.quantization.QuantStub(), nn.Linear(2, 2)).eval()
    >>> model.qconfig = torch.ao.quantization.default_qconfig
    >>> torch.ao.quantization.prepare(model)
    Sequential(
      (0): QuantStub(
        (activation_post_process): MinMaxObserver(min_val=inf, max_val=-inf)
      )
      (1): Linear(
        in_features=2, out_features=2, bias=True
        (activation_post_process): MinMaxObserver(min_val=inf, max_val=-inf)
      )
    )
    """
    custom = (prepare_custom_config_dict or {}).get("float_to_observed_custom_module_class", {})
    model = model if inplace else copy.deepcopy(model)
    listed = get_default_qconfig_propagation_list() if allow_list is None else allow_list
    propagate_qconfig_(model, None)
    _add_observers(model, listed, observer_non_leaf_module_list, custom)
    return model


def _without_observers(module: Any) -> None:
    for child in module.children():
        _without_observers(child)
    if is_activation_post_process(getattr(module, "activation_post_process", None)):
        delattr(module, "activation_post_process")
    for hooks in (module._forward_hooks, module._forward_pre_hooks):
        for number, hook in list(hooks.items()):
            if hook in (_observing_hook, _observing_pre_hook):
                hooks.pop(number)


def _without_qconfig(module: Any) -> None:
    """Takes the configurations away, and what observed."""
    for child in module.children():
        _without_qconfig(child)
    if hasattr(module, "qconfig"):
        del module.qconfig
    _without_observers(module)


# Layers exchanged


def swap_module(
    mod: Any, mapping: dict[Any, Any], custom_module_class_mapping: dict[Any, Any],
    use_precomputed_fake_quant: bool = False,
) -> Any:  # fmt: skip
    """The quantized layer that takes the place of one; itself where there is none, or no configuration for it."""
    if getattr(mod, "qconfig", None) is None:
        return mod
    if type(mod) in custom_module_class_mapping:
        made = custom_module_class_mapping[type(mod)].from_observed(mod)
    elif type(mod) in mapping:
        kind = mapping[type(mod)]
        takes = "use_precomputed_fake_quant" in inspect.signature(kind.from_float).parameters

        made = (
            kind.from_float(mod, use_precomputed_fake_quant=use_precomputed_fake_quant)
            if takes
            else kind.from_float(mod)
        )
    else:
        return mod
    for hook in list(mod._forward_pre_hooks.values()):
        made.register_forward_pre_hook(hook)
    for hook in list(mod._forward_hooks.values()):
        if hook is not _observing_hook:
            made.register_forward_hook(hook)
    return made


def _convert(module: Any, mapping: dict[Any, Any], custom: dict[Any, Any], precomputed: bool) -> None:
    exchanged = {}
    for name, child in module.named_children():
        if not isinstance(child, Whole) and type(child) not in custom:
            _convert(child, mapping, custom, precomputed)
        exchanged[name] = swap_module(child, mapping, custom, precomputed)
    for name, made in exchanged.items():
        module._modules[name] = made


def convert(
    module: nn.Module, mapping: dict[Any, Any] | None = None, inplace: bool = False, remove_qconfig: bool = True,
    is_reference: bool = False, convert_custom_config_dict: dict[str, Any] | None = None,
    use_precomputed_fake_quant: bool = False,
) -> Any:  # fmt: skip
    """A copy of a model that was prepared, with quantized layers in place of those that were observed.

    Args:
        module: the model.
        mapping: which layer takes the place of which, by class; by default that of static quantization.
        inplace: whether the model itself is changed.
        remove_qconfig: whether configurations are taken away in the end.
        convert_custom_config_dict: classes of a program's own, by "observed_to_quantized_custom_module_class".

    Raises NotImplementedError for reference layers.
    """
    if is_reference:
        raise NotImplementedError("reference quantized modules are not there")
    custom = (convert_custom_config_dict or {}).get("observed_to_quantized_custom_module_class", {})
    module = module if inplace else copy.deepcopy(module)
    table = get_default_static_quant_module_mappings() if mapping is None else mapping
    _convert(module, table, custom, use_precomputed_fake_quant)
    if remove_qconfig:
        _without_qconfig(module)
    return module


# The whole way


def add_quant_dequant(module: Any) -> Any:
    """A model in which each layer with a configuration stands between stubs."""
    if not any(True for _ in module.children()) and getattr(module, "qconfig", None):
        return QuantWrapper(module)
    for name, child in list(module.named_children()):
        setattr(module, name, add_quant_dequant(child))
    return module


def quantize(
    model: nn.Module, run_fn: Callable[..., Any], run_args: Iterable[Any], mapping: dict[Any, Any] | None = None,
    inplace: bool = False,
) -> Any:  # fmt: skip
    """Static quantization after training: observers are put in, `run_fn(model, *run_args)` runs it, layers are
    exchanged.
    """
    model = model if inplace else copy.deepcopy(model)
    model.eval()
    prepare(model, inplace=True)
    run_fn(model, *run_args)
    convert(model, mapping, inplace=True)
    return model


def quantize_dynamic(
    model: nn.Module, qconfig_spec: Any = None, dtype: Any = dtypes.qint8, mapping: dict[Any, Any] | None = None,
    inplace: bool = False,
) -> Any:  # fmt: skip
    """A model whose weights are integers, and whose layers quantize their inputs in each call.

    Args:
        model: the model.
        qconfig_spec: a set of classes or names of submodules to exchange, or a dictionary of configurations by them; by
            default linear maps and recurrent layers.
        dtype: ``torch.qint8``, ``torch.float16``, or ``torch.quint8`` for embeddings.
        mapping: which layer takes the place of which, by class.
        inplace: whether the model itself is changed.

    Raises ValueError for another dtype.

    >>> import kagari as torch
    >>> from kagari import nn
    >>> torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(2, 3)), {nn.Linear}, dtype=torch.qint8)
    Sequential(
      (0): DynamicQuantizedLinear(in_features=2, out_features=3, dtype=torch.qint8, qscheme=torch.per_tensor_affine)
    )
    """
    if qconfig_spec is None:
        qconfig_spec = _dynamic_spec(dtype)
    elif isinstance(qconfig_spec, set):
        if dtype not in _DYNAMIC:
            raise RuntimeError(f"Unknown dtype specified for quantize_dynamic: {dtype}")
        qconfig_spec = dict.fromkeys(qconfig_spec, _DYNAMIC[dtype])
    model = model if inplace else copy.deepcopy(model)
    model.eval()
    propagate_qconfig_(model, qconfig_spec)
    convert(model, get_default_dynamic_quant_module_mappings() if mapping is None else mapping, inplace=True)
    return model


_DYNAMIC = {
    dtypes.qint8: default_dynamic_qconfig, dtypes.float16: float16_dynamic_qconfig,
    dtypes.quint8: float_qparams_weight_only_qconfig, dtypes.quint4x2: float_qparams_weight_only_qconfig_4bit,
}  # fmt: skip


def _dynamic_spec(dt: Any) -> dict[Any, Any]:
    if dt is dtypes.qint8:
        kinds: tuple[Any, ...] = (nn.Linear, nn.LSTM, nn.GRU, nn.LSTMCell, nn.RNNCell, nn.GRUCell)
    elif dt is dtypes.float16:
        kinds = (nn.Linear, nn.LSTM, nn.GRU)
    elif dt in (dtypes.quint8, dtypes.quint4x2):
        kinds = (nn.EmbeddingBag, nn.Embedding) if dt is dtypes.quint8 else (nn.EmbeddingBag,)
    else:
        raise ValueError(f"Don't know how to quantize with default settings for {dt}. Provide full qconfig please")
    return dict.fromkeys(kinds, _DYNAMIC[dt])


def prepare_qat(model: nn.Module, mapping: dict[Any, Any] | None = None, inplace: bool = False) -> Any:
    """A copy of a model for training that is aware of quantization: weights and results are fake quantized.

    Args:
        model: the model, in training mode, with a `qconfig`.
        mapping: which layer takes the place of which, by class.
        inplace: whether the model itself is changed.

    Raises AssertionError in evaluation mode.
    """
    assert model.training, "prepare_qat only works on models in training mode"
    table = get_default_qat_module_mappings() if mapping is None else mapping
    model = model if inplace else copy.deepcopy(model)
    propagate_qconfig_(model, None)
    convert(model, mapping=table, inplace=True, remove_qconfig=False)
    prepare(model, observer_non_leaf_module_list=set(table.values()), inplace=True)
    return model


def quantize_qat(model: nn.Module, run_fn: Callable[..., Any], run_args: Iterable[Any], inplace: bool = False) -> Any:
    """Training that is aware of quantization, `run_fn(model, *run_args)`, and the quantized model that comes of it."""
    model = model if inplace else copy.deepcopy(model)
    model.train()
    prepare_qat(model, inplace=True)
    run_fn(model, *run_args)
    convert(model, inplace=True)
    return model


def default_eval_fn(model: Any, calib_data: Iterable[Any]) -> None:
    """Runs a model on examples, pairs of data and target."""
    for data, _ in calib_data:
        model(data)


__all__ = [
    "add_quant_dequant", "convert", "default_eval_fn", "get_default_custom_config_dict", "prepare", "prepare_qat",
    "propagate_qconfig_", "quantize", "quantize_dynamic", "quantize_qat", "swap_module",
]  # fmt: skip
