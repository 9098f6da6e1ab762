"""Layers that models of images share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ... import nn
from ...eager import Tensor
from ...eager import operators as ops

Made = Callable[..., nn.Module]
Sizes = int | tuple[int, ...]


class ConvNormActivation(nn.Sequential):
    """A convolution, a normalization and an activation. See :class:`Conv2dNormActivation`."""

    out_channels: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes = 3,
        stride: Sizes = 1,
        padding: Sizes | str | None = None,
        groups: int = 1,
        norm_layer: Made | None = nn.BatchNorm2d,
        activation_layer: Made | None = nn.ReLU,
        dilation: Sizes = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
        conv_layer: Made = nn.Conv2d,
    ) -> None:
        if padding is None:
            padding = _same(kernel_size, dilation)
        layers = [
            conv_layer(
                in_channels,
                out_channels,
                kernel_size,
                stride,
                padding,
                dilation=dilation,
                groups=groups,
                bias=norm_layer is None if bias is None else bias,
            )
        ]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer(**({} if inplace is None else {"inplace": inplace})))
        super().__init__(*layers)
        self.out_channels = out_channels


def _same(kernel_size: Sizes, dilation: Sizes) -> Sizes:
    """The padding that keeps the size of an image."""
    if isinstance(kernel_size, int) and isinstance(dilation, int):
        return (kernel_size - 1) // 2 * dilation
    dims = len(kernel_size if isinstance(kernel_size, Sequence) else dilation)  # type: ignore[arg-type]
    sizes = [kernel_size] * dims if isinstance(kernel_size, int) else kernel_size
    steps = [dilation] * dims if isinstance(dilation, int) else dilation
    return tuple((size - 1) // 2 * step for size, step in zip(sizes, steps))


class Conv2dNormActivation(ConvNormActivation):
    r"""A convolution of images, a normalization and an activation.

    Args:
        in_channels (int): of the input.
        out_channels (int): of the result.
        kernel_size (int or tuple of int): of the convolution. Default: 3
        stride (int or tuple of int): of the convolution. Default: 1
        padding (int, tuple of int, or str, optional): of the convolution. Default: what keeps the size at stride 1
        groups (int): of the convolution. Default: 1
        norm_layer (callable, optional): makes the normalization from the number of channels. Default: BatchNorm2d
        activation_layer (callable, optional): makes the activation. Default: ReLU
        dilation (int or tuple of int): of the convolution. Default: 1
        inplace (bool, optional): of the activation; None where it has no such argument. Default: ``True``
        bias (bool, optional): of the convolution. Default: where there is no normalization

    Shape:
        - Input: :math:`(N, C_\text{in}, H, W)`.
        - Output: :math:`(N, C_\text{out}, H', W')`.

    Example::

        >>> from kagari.vision import ops
        >>> ops.Conv2dNormActivation(3, 4, norm_layer=None)
        Conv2dNormActivation(
          (0): Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
          (1): ReLU(inplace=True)
        )
    """


class Conv3dNormActivation(ConvNormActivation):
    """A convolution of videos, a normalization and an activation. See :class:`Conv2dNormActivation`."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes = 3,
        stride: Sizes = 1,
        padding: Sizes | str | None = None,
        groups: int = 1,
        norm_layer: Made | None = nn.BatchNorm3d,
        activation_layer: Made | None = nn.ReLU,
        dilation: Sizes = 1,
        inplace: bool | None = True,
        bias: bool | None = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, groups, norm_layer, activation_layer, dilation,
            inplace, bias, nn.Conv3d,
        )  # fmt: skip


class SqueezeExcitation(nn.Module):
    r"""Channels weighted by what the whole image says: :math:`x \cdot \sigma(W_2\, \delta(W_1\, \text{mean}(x)))`.

    Args:
        input_channels (int): of the input.
        squeeze_channels (int): between the two layers.
        activation (callable): makes :math:`\delta`. Default: ReLU
        scale_activation (callable): makes :math:`\sigma`. Default: Sigmoid

    Shape:
        - :math:`(N, C, H, W)`.

    Source: Hu and others, Squeeze-and-Excitation Networks, 2017.
    """

    def __init__(
        self,
        input_channels: int,
        squeeze_channels: int,
        activation: Made = nn.ReLU,
        scale_activation: Made = nn.Sigmoid,
    ) -> None:
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def _scale(self, input: Tensor) -> Tensor:
        scale: Tensor = self.scale_activation(self.fc2(self.activation(self.fc1(self.avgpool(input)))))
        return scale

    def forward(self, input: Tensor) -> Tensor:
        return self._scale(input) * input


class MLP(nn.Sequential):
    r"""Linear layers with activations between them, and dropout behind each.

    Args:
        in_channels (int): of the input.
        hidden_channels (list of int): of each layer's result.
        norm_layer (callable, optional): makes a normalization from the number of channels. Default: none
        activation_layer (callable, optional): makes the activation. Default: ReLU
        inplace (bool, optional): of activation and dropout; None for what they do by themselves.
        bias (bool): of the layers. Default: ``True``
        dropout (float): the probability. Default: 0
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: list[int],
        norm_layer: Made | None = None,
        activation_layer: Made | None = nn.ReLU,
        inplace: bool | None = None,
        bias: bool = True,
        dropout: float = 0.0,
    ) -> None:
        options: dict[str, Any] = {} if inplace is None else {"inplace": inplace}
        layers: list[nn.Module] = []
        *hidden, last = hidden_channels
        for channels in hidden:
            layers.append(nn.Linear(in_channels, channels, bias=bias))
            if norm_layer is not None:
                layers.append(norm_layer(channels))
            if activation_layer is not None:
                layers.append(activation_layer(**options))
            layers.append(nn.Dropout(dropout, **options))
            in_channels = channels
        super().__init__(*layers, nn.Linear(in_channels, last, bias=bias), nn.Dropout(dropout, **options))


class Permute(nn.Module):
    """The dimensions of a tensor in another order: `dims`."""

    def __init__(self, dims: list[int]) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.dims)


class FrozenBatchNorm2d(nn.Module):
    r"""Batch normalization whose statistics and affine map don't change any more.

    Args:
        num_features (int): the channels of the input.
        eps (float): added to the variance. Default: 1e-5

    Shape:
        - :math:`(N, C, H, W)`.
    """

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", ops.ones(num_features))
        self.register_buffer("bias", ops.zeros(num_features))
        self.register_buffer("running_mean", ops.zeros(num_features))
        self.register_buffer("running_var", ops.ones(num_features))

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *others: Any, **options: Any) -> None:
        state_dict.pop(prefix + "num_batches_tracked", None)
        super()._load_from_state_dict(state_dict, prefix, *others, **options)

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale.reshape(1, -1, 1, 1) + shift.reshape(1, -1, 1, 1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.weight.shape[0]}, eps={self.eps})"


__all__ = [
    "MLP", "Conv2dNormActivation", "Conv3dNormActivation", "FrozenBatchNorm2d", "Permute", "SqueezeExcitation",
]  # fmt: skip
