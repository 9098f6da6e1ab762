"""How several layers become one, by their classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ... import nn
from ...nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval
from ..nn import intrinsic as nni


def _require_one_mode(*modules: Any) -> None:
    if len({m.training for m in modules}) > 1:
        raise AssertionError("Conv and BN both must be in the same mode (train or eval).")


def _dimensions(conv: Any) -> str:
    return type(conv).__name__[-2:]


def fuse_conv_bn(is_qat: bool, conv: Any, bn: Any) -> Any:
    """A convolution and its batch normalisation: multiplied out, or for training both in one layer.

    >>> from kagari import nn
    >>> from kagari.ao.quantization import fuse_conv_bn
    >>> fuse_conv_bn(False, nn.Conv2d(3, 4, 1).eval(), nn.BatchNorm2d(4).eval())
    Conv2d(3, 4, kernel_size=(1, 1), stride=(1, 1))
    """
    _require_one_mode(conv, bn)
    if not is_qat:
        return fuse_conv_bn_eval(conv, bn)
    _require_fitting(conv, bn)
    return getattr(nni, f"ConvBn{_dimensions(conv)}")(conv, bn)


def _require_fitting(conv: Any, bn: Any) -> None:
    assert bn.num_features == conv.out_channels, "Output channel of Conv2d must match num_features of BatchNorm2d"
    assert bn.affine, "Only support fusing BatchNorm2d with affine set to True"
    assert bn.track_running_stats, "Only support fusing BatchNorm2d with tracking_running_stats set to True"


def fuse_conv_bn_relu(is_qat: bool, conv: Any, bn: Any, relu: Any) -> Any:
    """The positive part of a convolution and its batch normalisation, as one layer."""
    _require_one_mode(conv, bn, relu)
    if not is_qat:
        return getattr(nni, f"ConvReLU{_dimensions(conv)}")(fuse_conv_bn_eval(conv, bn), relu)
    _require_fitting(conv, bn)
    return getattr(nni, f"ConvBnReLU{_dimensions(conv)}")(conv, bn, relu)


def fuse_linear_bn(is_qat: bool, linear: Any, bn: Any) -> Any:
    """A linear map and its batch normalisation: multiplied out, or for training both in one layer."""
    if linear.training != bn.training:
        raise AssertionError("Linear and BN both must be in the same mode (train or eval).")
    return nni.LinearBn1d(linear, bn) if is_qat else fuse_linear_bn_eval(linear, bn)


def fuse_convtranspose_bn(is_qat: bool, convt: Any, bn: Any) -> Any:
    """A transposed convolution and its batch normalisation, multiplied out. Raises Exception for training."""
    if convt.training != bn.training:
        raise AssertionError("ConvTranspose and BN both must be in the same mode (train or eval).")
    if is_qat:
        raise Exception("Fusing ConvTranspose+BatchNorm not yet supported in QAT.")
    return fuse_conv_bn_eval(convt, bn, transpose=True)


def _in_a_row(kind: Any) -> Callable[..., Any]:
    def fuse(is_qat: bool, first: Any, second: Any) -> Any:
        return kind(first, second)

    return fuse


DEFAULT_OP_LIST_TO_FUSER_METHOD: dict[Any, Callable[..., Any]] = {
    (nn.Conv1d, nn.BatchNorm1d): fuse_conv_bn, (nn.Conv1d, nn.BatchNorm1d, nn.ReLU): fuse_conv_bn_relu,
    (nn.Conv2d, nn.BatchNorm2d): fuse_conv_bn, (nn.Conv2d, nn.BatchNorm2d, nn.ReLU): fuse_conv_bn_relu,
    (nn.Conv3d, nn.BatchNorm3d): fuse_conv_bn, (nn.Conv3d, nn.BatchNorm3d, nn.ReLU): fuse_conv_bn_relu,
    (nn.Conv1d, nn.ReLU): _in_a_row(nni.ConvReLU1d), (nn.Conv2d, nn.ReLU): _in_a_row(nni.ConvReLU2d),
    (nn.Conv3d, nn.ReLU): _in_a_row(nni.ConvReLU3d), (nn.Linear, nn.BatchNorm1d): fuse_linear_bn,
    (nn.Linear, nn.ReLU): _in_a_row(nni.LinearReLU), (nn.BatchNorm2d, nn.ReLU): _in_a_row(nni.BNReLU2d),
    (nn.BatchNorm3d, nn.ReLU): _in_a_row(nni.BNReLU3d), (nn.ConvTranspose1d, nn.BatchNorm1d): fuse_convtranspose_bn,
    (nn.ConvTranspose2d, nn.BatchNorm2d): fuse_convtranspose_bn,
    (nn.ConvTranspose3d, nn.BatchNorm3d): fuse_convtranspose_bn,
}  # fmt: skip


def get_fuser_method(op_list: Sequence[Any], additional_fuser_method_mapping: Any = None) -> Callable[..., Any]:
    """The function that makes one layer of several, by their classes. Raises AssertionError where there is none."""
    found = {**DEFAULT_OP_LIST_TO_FUSER_METHOD, **(additional_fuser_method_mapping or {})}.get(tuple(op_list))
    assert found is not None, f"did not find fuser method for: {op_list} "
    return found


__all__ = [
    "DEFAULT_OP_LIST_TO_FUSER_METHOD", "fuse_conv_bn", "fuse_conv_bn_relu", "fuse_convtranspose_bn", "fuse_linear_bn",
    "get_fuser_method",
]  # fmt: skip
