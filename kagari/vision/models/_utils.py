"""Parts of models; the name of the module is torchvision's."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from ... import nn
from ...eager import Tensor


class IntermediateLayerGetter(nn.ModuleDict):
    """The layers of a model up to the last one that is asked for, and what some of them return.

    Args:
        model (Module): its layers are called one after another, in their order. Layers of layers can't be asked for.
        return_layers (dict): the names of layers, and for each the name of its result.

    Raises ValueError for a layer that the model does not have.

    >>> import kagari as torch
    >>> from kagari.vision.models._utils import IntermediateLayerGetter
    >>> body = torch.nn.Sequential(torch.nn.Identity(), torch.nn.Flatten(), torch.nn.ReLU())
    >>> made = IntermediateLayerGetter(body, {"0": "image", "1": "features"})(torch.zeros(2, 3, 4))
    >>> [(name, tuple(result.shape)) for name, result in made.items()]
    [('image', (2, 3, 4)), ('features', (2, 12))]
    """

    def __init__(self, model: nn.Module, return_layers: dict[str, str]) -> None:
        layers = dict(model.named_children())
        missing = [name for name in return_layers if name not in layers]
        if missing:
            raise ValueError(f"return_layers are not present in model: {', '.join(missing)}")
        last = max((list(layers).index(str(name)) for name in return_layers), default=len(layers) - 1)
        super().__init__(dict(list(layers.items())[: last + 1]))
        self.return_layers = {str(name): str(result) for name, result in return_layers.items()}

    def forward(self, x: Tensor) -> OrderedDict[str, Any]:
        results: OrderedDict[str, Any] = OrderedDict()
        for name, layer in self.items():
            x = layer(x)
            if name in self.return_layers:
                results[self.return_layers[name]] = x
        return results


__all__ = ["IntermediateLayerGetter"]
