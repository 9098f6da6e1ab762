"""Features from inside of models, next to torchvision's."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest

import kagari
from kagari.vision import models
from kagari.vision.models.feature_extraction import create_feature_extractor, get_graph_node_names


def test_names_of_resnet(vision_oracle: ModuleType) -> None:
    theirs = importlib.import_module("torchvision.models.feature_extraction")
    expected = theirs.get_graph_node_names(vision_oracle.models.resnet18())
    found = get_graph_node_names(models.resnet18())
    # The shortcut of a block is computed first here.
    assert [sorted(names) for names in found] == [sorted(names) for names in expected]


def test_features_of_resnet() -> None:
    model = models.resnet18().eval()
    x = kagari.randn(1, 3, 32, 32)
    made = create_feature_extractor(model, {"layer1": "first", "layer2.1.relu_1": "second", "flatten": "last"})(x)
    first = model.layer1(model.maxpool(model.relu(model.bn1(model.conv1(x)))))
    assert list(made) == ["first", "second", "last"]
    assert kagari.equal(made["first"], first)
    assert kagari.equal(made["second"], model.layer2(first))
    assert kagari.equal(model.fc(made["last"]), model(x))


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="node: 'layer9' is not present in model"):
        create_feature_extractor(models.resnet18(), ["layer9"])


@pytest.mark.parametrize(
    ("name", "node", "size"), [("vit_b_16", "encoder.layers.encoder_layer_1", 224), ("swin_t", "features.1", 64)]
)
def test_models_that_look_at_sizes(name: str, node: str, size: int) -> None:
    model = getattr(models, name)().eval()
    extractor = create_feature_extractor(model, [node])
    seen: list[kagari.Tensor] = []
    model.get_submodule(node).register_forward_hook(lambda *call: seen.append(call[2]))
    x = kagari.randn(1, 3, size, size)
    with kagari.no_grad():
        model(x)
        found = extractor(x)[node]
    assert (found - seen[0]).abs().max().item() == 0
