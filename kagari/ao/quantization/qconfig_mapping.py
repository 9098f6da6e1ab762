"""Configurations for graph mode: by name, by pattern of a name, by class or function, and for all else."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any

from ... import nn
from ...eager import operators as ops
from ...nn import functional as F
from .fake_quantize import FixedQParamsFakeQuantize, default_weight_fake_quant
from .observer import (
    HistogramObserver,
    MinMaxObserver,
    PlaceholderObserver,
    default_fixed_qparams_range_0to1_observer,
    default_fixed_qparams_range_neg1to1_observer,
    default_weight_observer,
)
from .qconfig import QConfig, default_reuse_input_qconfig, get_default_qat_qconfig, get_default_qconfig

_STYLES = (
    "global_qconfig", "object_type_qconfigs", "module_name_regex_qconfigs", "module_name_qconfigs",
    "module_name_object_type_order_qconfigs",
)  # fmt: skip
_KEYS = dict(zip(("", "object_type", "module_name_regex", "module_name", "module_name_object_type_order"), _STYLES))


class QConfigMapping:
    """Which configuration holds for which part of a model. What is said last in this list is asked first:

    - ``set_global``: for all
    - ``set_object_type``: for a class of modules, a function, or a method by its name
    - ``set_module_name_regex``: for modules whose names fit a pattern
    - ``set_module_name``: for a module and what is in it
    - ``set_module_name_object_type_order``: for the n-th call of a class or function in a module

    A configuration None leaves a part as it is.

    >>> import kagari as torch
    >>> from kagari.ao.quantization import QConfigMapping, default_qconfig
    >>> mapping = QConfigMapping().set_global(default_qconfig).set_module_name("head", None)
    >>> mapping.module_name_qconfigs
    OrderedDict([('head', None)])
    """

    def __init__(self) -> None:
        self.global_qconfig: Any = None
        self.object_type_qconfigs: OrderedDict[Any, Any] = OrderedDict()
        self.module_name_regex_qconfigs: OrderedDict[str, Any] = OrderedDict()
        self.module_name_qconfigs: OrderedDict[str, Any] = OrderedDict()
        self.module_name_object_type_order_qconfigs: OrderedDict[tuple[str, Any, int], Any] = OrderedDict()

    def set_global(self, global_qconfig: Any) -> QConfigMapping:
        """Sets what holds for all."""
        self.global_qconfig = global_qconfig
        return self

    def set_object_type(self, object_type: Any, qconfig: Any) -> QConfigMapping:
        """Sets what holds for a class of modules, a function, or a method by its name."""
        self.object_type_qconfigs[object_type] = qconfig
        return self

    def set_module_name_regex(self, module_name_regex: str, qconfig: Any) -> QConfigMapping:
        """Sets what holds for modules whose names fit a pattern. The first pattern that fits counts."""
        self.module_name_regex_qconfigs[module_name_regex] = qconfig
        return self

    def set_module_name(self, module_name: str, qconfig: Any) -> QConfigMapping:
        """Sets what holds for a module and what is in it."""
        self.module_name_qconfigs[module_name] = qconfig
        return self

    def set_module_name_object_type_order(
        self, module_name: str, object_type: Any, index: int, qconfig: Any
    ) -> QConfigMapping:
        """Sets what holds for the n-th call of a class or function in a module."""
        self.module_name_object_type_order_qconfigs[module_name, object_type, index] = qconfig
        return self

    def __repr__(self) -> str:
        lines = ["QConfigMapping ("]
        for style in _STYLES:
            lines.append(f" {style}")
            found = getattr(self, style)
            if isinstance(found, OrderedDict) and found:
                lines += [f"  {key}: {value}" for key, value in found.items()]
            else:
                lines.append(f"  {found}")
        return "\n".join([*lines, ")"])

    def to_dict(self) -> dict[str, Any]:
        """The same as a dictionary of lists."""
        made: dict[str, Any] = {"": self.global_qconfig}
        for key, style in list(_KEYS.items())[1:]:
            made[key] = [(*k, v) if isinstance(k, tuple) else (k, v) for k, v in getattr(self, style).items()]
        return made

    @classmethod
    def from_dict(cls, qconfig_dict: dict[str, Any]) -> QConfigMapping:
        """The mapping that a dictionary says, as :meth:`to_dict` gives it."""
        made = cls().set_global(qconfig_dict.get(""))
        for key, style in list(_KEYS.items())[1:]:
            table = getattr(made, style)
            for *parts, qconfig in qconfig_dict.get(key, []):
                table[parts[0] if len(parts) == 1 else tuple(parts)] = qconfig
        return made

    def find(self, path: str, kind: Any, index: int) -> Any:
        """The configuration of the n-th call of a class, function or method in a module."""
        for (module, other, number), qconfig in self.module_name_object_type_order_qconfigs.items():
            if (module, number) == (path, index) and same_kind(other, kind):
                return qconfig
        at = path
        while at:  # the module itself, then those around it
            if at in self.module_name_qconfigs:
                return self.module_name_qconfigs[at]
            at = at.rpartition(".")[0]
        for pattern, qconfig in self.module_name_regex_qconfigs.items():
            if re.match(pattern, path):
                return qconfig
        for other, qconfig in self.object_type_qconfigs.items():
            if same_kind(other, kind):
                return qconfig
        return self.global_qconfig


def same_kind(a: Any, b: Any) -> bool:
    """Whether two classes, functions or names of methods are the same; functions go by their names."""
    if isinstance(a, type | str) or isinstance(b, type | str):
        return bool(a == b)
    return getattr(a, "__name__", a) == getattr(b, "__name__", b)


_FIXED_0_TO_1 = (
    nn.Hardsigmoid, F.hardsigmoid, "hardsigmoid", "hardsigmoid_", nn.Sigmoid, ops.sigmoid, "sigmoid", "sigmoid_",
    nn.Softmax,
)  # fmt: skip
_FIXED_NEG1_TO_1 = (nn.Tanh, ops.tanh, "tanh", "tanh_")
_TRANSPOSED = (
    nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d, ops.conv_transpose1d, ops.conv_transpose2d,
    ops.conv_transpose3d,
)  # fmt: skip


def _default(is_qat: bool, backend: str, version: int) -> QConfigMapping:
    qconfig = get_default_qat_qconfig(backend, version) if is_qat else get_default_qconfig(backend, version)
    mapping = QConfigMapping().set_global(qconfig).set_object_type("reshape", default_reuse_input_qconfig)
    weight = default_weight_fake_quant if is_qat else default_weight_observer
    for kind in _TRANSPOSED:  # which have one scale
        mapping.set_object_type(kind, qconfig if backend == "qnnpack" else QConfig(qconfig.activation, weight))
    for kind in (F.layer_norm, nn.LayerNorm):
        mapping.set_object_type(kind, QConfig(qconfig.activation, PlaceholderObserver))
    mapping.set_object_type(nn.PReLU, QConfig(HistogramObserver, MinMaxObserver))
    for kinds, observer in ((_FIXED_0_TO_1, default_fixed_qparams_range_0to1_observer),
                            (_FIXED_NEG1_TO_1, default_fixed_qparams_range_neg1to1_observer)):  # fmt: skip
        activation = FixedQParamsFakeQuantize.with_args(observer=observer) if is_qat else observer
        for kind in kinds:
            mapping.set_object_type(kind, QConfig(activation, weight))
    return mapping


def get_default_qconfig_mapping(backend: str = "x86", version: int = 0) -> QConfigMapping:
    """The configurations for static quantization after training that suit a backend.

    >>> from kagari.ao.quantization import get_default_qconfig_mapping
    >>> get_default_qconfig_mapping().global_qconfig.activation()
    HistogramObserver(min_val=inf, max_val=-inf)
    """
    return _default(False, backend, version)


def get_default_qat_qconfig_mapping(backend: str = "x86", version: int = 1) -> QConfigMapping:
    """The configurations for training that is aware of quantization that suit a backend."""
    return _default(True, backend, version)


__all__ = ["QConfigMapping", "get_default_qat_qconfig_mapping", "get_default_qconfig_mapping", "same_kind"]
