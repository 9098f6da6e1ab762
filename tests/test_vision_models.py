"""Models of images: their states, initial values and outputs are the oracle's, and so are the weights they know."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest

import kagari
from kagari import hub
from kagari.vision import models
from kagari.vision.models._utils import IntermediateLayerGetter
from kagari.vision.models.presets import ImageClassification, VideoClassification
from kagari.vision.pillow import pillow

NAMES = models.list_models()
CLASSIFIERS = models.list_models(models) + models.list_models(models.video)


def outcome(ask: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What is returned, or type and text of the error."""
    try:
        return ask(*arguments, **options)
    except Exception as error:
        return type(error), str(error)


@pytest.fixture
def without_values(oracle: ModuleType) -> Iterator[None]:
    """Layers whose weights are not drawn: what memory had in it will do for their names and shapes."""
    with pytest.MonkeyPatch.context() as patch:
        for init in (kagari.nn.init, oracle.nn.init):
            for name in (
                "kaiming_uniform_",
                "kaiming_normal_",
                "normal_",
                "trunc_normal_",
                "uniform_",
                "xavier_uniform_",
            ):
                patch.setattr(init, name, lambda tensor, *arguments, **options: tensor)
        yield


@pytest.mark.parametrize("name", NAMES)
def test_states_and_representations(vision_oracle: ModuleType, without_values: None, name: str) -> None:
    options: dict[str, Any] = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    if name not in CLASSIFIERS:
        options["weights_backbone"] = None
    ours, theirs = (m.models.get_model(name, **options) for m in (kagari.vision, vision_oracle))
    found, wanted = (
        [(key, tuple(value.shape), str(value.dtype).split(".")[1]) for key, value in model.state_dict().items()]
        for model in (ours, theirs)
    )
    assert found == wanted
    assert [key for key, _ in ours.named_parameters()] == [key for key, _ in theirs.named_parameters()]
    assert repr(ours) == repr(theirs)
    counted = sum(p.numel() for key, p in ours.named_parameters() if not key.startswith("aux"))
    of_weights = {w.meta["num_params"] for w in models.get_model_weights(name)}
    # The weights of vit_h_14 are of images of another size; those of others have normalizations that don't learn, or
    # an auxiliary classifier.
    assert counted in of_weights or name == "vit_h_14" or name not in CLASSIFIERS


def resnet(m: Any) -> Any:
    like = {"zero_init_residual": True, "groups": 2, "width_per_group": 32}
    return m.resnet.ResNet(
        m.resnet.Bottleneck, [1, 2, 1, 1], 5, **like, replace_stride_with_dilation=[False, False, True]
    )


def mobilenet_v3(m: Any) -> Any:
    return m.mobilenet_v3_small(num_classes=5, width_mult=0.5, reduced_tail=True, dilated=True)


def efficientnet(m: Any) -> Any:
    e = m.efficientnet
    setting = [e.FusedMBConvConfig(4, 3, 2, 8, 16, 2), e.MBConvConfig(6, 5, 1, 16, 24, 2, 1.0, 1.1)]
    return e.EfficientNet(setting, 0.2, 0.5, num_classes=5, last_channel=32)


def convnext(m: Any) -> Any:
    setting = [m.convnext.CNBlockConfig(8, 16, 1), m.convnext.CNBlockConfig(16, None, 2)]
    return m.ConvNeXt(setting, 0.5, layer_scale=1.0, num_classes=5)


def vision_transformer(m: Any) -> Any:
    return m.VisionTransformer(32, 16, 2, 2, 16, 32, num_classes=5, representation_size=7)


def stem(m: Any) -> Any:
    convolutions = [m.vision_transformer.ConvStemConfig(8, 3, 4), m.vision_transformer.ConvStemConfig(12, 3, 4)]
    return m.VisionTransformer(32, 16, 1, 2, 16, 32, num_classes=5, conv_stem_configs=convolutions)


def swin(m: Any) -> Any:
    return m.SwinTransformer([4, 4], 8, [2, 2], [2, 2], [3, 3], num_classes=5)


def swin_v2(m: Any) -> Any:
    s = m.swin_transformer
    parts = {"block": s.SwinTransformerBlockV2, "downsample_layer": s.PatchMergingV2}
    return m.SwinTransformer([4, 4], 8, [2, 2], [2, 2], [4, 4], num_classes=5, **parts)


def maxvit(m: Any, size: int = 32) -> Any:
    return m.MaxVit((size, size), 8, 2, [8, 16], [1, 2], 4, 0.5, num_classes=5)


MODELS: list[Callable[[Any], Any]] = [
    resnet, mobilenet_v3, efficientnet, convnext, vision_transformer, stem, swin, swin_v2, maxvit,
    lambda m: m.DenseNet(8, (2, 2, 2, 2), 16, num_classes=5),
    lambda m: m.squeezenet1_1(num_classes=5),
    lambda m: m.shufflenet_v2_x0_5(num_classes=5),
    lambda m: m.mnasnet0_5(num_classes=5),
    lambda m: m.RegNet(m.regnet.BlockParams.from_init_params(5, 16, 9.0, 2.1, 8, se_ratio=0.25), 5, 8),
]  # fmt: skip


def kagari_or_torch(m: Any) -> Any:
    """The framework that models belong to."""
    return kagari if m is models else sys.modules["torch"]


@pytest.mark.parametrize("build", MODELS)
def test_initial_values_and_outputs(vision_oracle: ModuleType, build: Callable[[Any], Any]) -> None:
    torch = kagari_or_torch(vision_oracle.models)
    for framework in (kagari, torch):
        framework.manual_seed(0)
    ours, theirs = build(models), build(vision_oracle.models)
    state = {key: value.numpy() for key, value in theirs.state_dict().items()}
    for key, value in ours.state_dict().items():
        np.testing.assert_allclose(value.numpy(), state[key], rtol=1e-6, atol=1e-6 * max(1e-9, abs(state[key]).max()))
    assert kagari.rand(1).item() == torch.rand(1).item()
    image = np.random.default_rng(0).standard_normal((2, 3, 32, 32)).astype(np.float32)
    ours.load_state_dict({key: kagari.from_numpy(value) for key, value in state.items()})
    for model in (ours, theirs):
        model.eval()
        for parameter in model.parameters():  # so that no head is zero, as a transformer's is at first
            parameter.requires_grad_(False)
            if not parameter.any():
                parameter.fill_(0.01)
    found, wanted = (model(f.from_numpy(image)).numpy() for model, f in ((ours, kagari), (theirs, torch)))
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-5 * max(1.0, abs(wanted).max()))


@pytest.mark.parametrize("build", [efficientnet, swin_v2])
def test_outputs_and_gradients_in_training(vision_oracle: ModuleType, build: Callable[[Any], Any]) -> None:
    torch = kagari_or_torch(vision_oracle.models)
    ours, theirs = build(models), build(vision_oracle.models)
    ours.load_state_dict({key: kagari.from_numpy(value.numpy()) for key, value in theirs.state_dict().items()})
    image, results = np.random.default_rng(0).standard_normal((4, 3, 32, 32)).astype(np.float32), []
    for model, framework in ((ours, kagari), (theirs, torch)):
        framework.manual_seed(3)
        loss = model.train()(framework.from_numpy(image)).square().mean()
        loss.backward()
        results.append([loss.item(), *(p.grad.numpy() for p in model.parameters())])
    for found, wanted in zip(*results):
        np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=2e-4 * max(1e-3, np.abs(wanted).max()))


def test_auxiliary_classifiers_take_part_in_training(vision_oracle: ModuleType) -> None:
    ours, theirs = (
        m.models.GoogLeNet(5, init_weights=False, dropout=0, dropout_aux=0) for m in (kagari.vision, vision_oracle)
    )
    ours.load_state_dict({key: kagari.from_numpy(value.numpy()) for key, value in theirs.state_dict().items()})
    image = np.random.default_rng(0).standard_normal((2, 3, 32, 32)).astype(np.float32)
    found, wanted = ours(kagari.from_numpy(image)), theirs(kagari_or_torch(vision_oracle.models).from_numpy(image))
    assert type(found).__name__ == "GoogLeNetOutputs" and found._fields == wanted._fields
    for a, b in zip(found, wanted):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-3, atol=1e-4)
    assert type(ours.eval()(kagari.from_numpy(image))) is kagari.Tensor


def test_normalizations_without_weights() -> None:
    plain = partial(kagari.nn.BatchNorm2d, affine=False)
    model = models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], 3, zero_init_residual=True, norm_layer=plain)
    assert not any("bn" in name for name, _ in model.named_parameters())


ERRORS: list[Callable[[Any], Any]] = [
    lambda m: m.resnet18(groups=2),
    lambda m: m.resnet18(replace_stride_with_dilation=[True]),
    lambda m: m.resnet18(replace_stride_with_dilation=[False, True, False]),
    lambda m: m.mobilenet_v2(inverted_residual_setting=[]),
    lambda m: m.mobilenetv2.InvertedResidual(3, 3, 3, 1),
    lambda m: m.MobileNetV3([], 3),
    lambda m: m.MobileNetV3([1], 3),
    lambda m: m.EfficientNet([], 0.1),
    lambda m: m.EfficientNet([1], 0.1),
    lambda m: m.ConvNeXt([]),
    lambda m: m.ConvNeXt([1]),
    lambda m: m.VisionTransformer.forward(vision_transformer(m), kagari_or_torch(m).zeros(1, 3, 32, 16)),
    lambda m: maxvit(m, 60),
    lambda m: m.maxvit.RelativePositionalMultiHeadAttention(5, 2, 4),
    lambda m: m.list_models(m, include=["vit*", "*18"], exclude="*_l_*"),
    lambda m: m.list_models(m),
    lambda m: m.list_models(m.detection) + m.list_models(m.segmentation),
    lambda m: m.list_models(m.video, include="*_18"),
    lambda m: m.get_model("ResNext"),
    lambda m: repr(m.get_weight("ResNet50_Weights.IMAGENET1K_V2")),
    lambda m: repr(m.get_weight("ResNet50_Weights.DEFAULT")),
    lambda m: m.get_weight("ResNet50_Weights"),
    lambda m: m.get_weight("ResNet50_Weights.A.B"),
    lambda m: m.get_weight("ResNet50_Weights.A"),
    lambda m: m.get_weight("Some_Weights.A"),
    lambda m: m.get_model_weights(m.resnet18).__name__ + m.get_model_weights("resnet18").__name__,
    lambda m: m.resnet18(weights="some"),
    lambda m: m.resnet18(weights=m.ResNet34_Weights.DEFAULT),
    lambda m: m.resnet18(weights=3),
    lambda m: m.resnet18(weights="IMAGENET1K_V1", num_classes=5),
    lambda m: m.vit_b_16(weights="IMAGENET1K_V1", image_size=32),
]


@pytest.mark.parametrize("ask", ERRORS)
def test_answers_and_errors(vision_oracle: ModuleType, ask: Callable[[Any], Any]) -> None:
    assert outcome(ask, models) == outcome(ask, vision_oracle.models)


def test_errors_say_what_was_expected() -> None:
    with pytest.raises(TypeError, match=r"resnet18\(\) takes weights and progress as .* but 3 were given"):
        models.resnet18(None, True, 5)
    with pytest.raises(ValueError, match="image_size=30"):
        models.VisionTransformer(30, 16, 2, 2, 16, 32)
    with pytest.raises(ValueError, match=r"stages_repeats as list of 3 positive ints, got \[1\]"):
        models.ShuffleNetV2([1], [1] * 5)
    with pytest.raises(ValueError, match="w_0=12"):
        models.regnet.BlockParams.from_init_params(5, 12, 9.0, 2.1, 8)
    with pytest.raises(ValueError, match=r"alpha should be greater than 0.0 instead of 0"):
        models.MNASNet(0)
    with pytest.raises(ValueError, match="version 2: 1_0 or 1_1 expected"):
        models.SqueezeNet("2")


# Weights


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_the_oracles(vision_oracle: ModuleType, name: str) -> None:
    ours, theirs = (m.models.get_model_weights(name) for m in (kagari.vision, vision_oracle))
    assert ours.__name__ == theirs.__name__ and ours.DEFAULT.name == theirs.DEFAULT.name
    package = sys.modules[models.get_model_builder(name).__module__.rpartition(".")[0]]
    assert getattr(package, ours.__name__) is ours and ours.verify(ours.DEFAULT) is ours.DEFAULT
    assert [w.name for w in ours] == [w.name for w in theirs]
    for weights in ours:
        wanted = theirs[weights.name]
        assert repr(weights) == repr(wanted) and weights.url == wanted.url
        assert weights.meta == {key: wanted.meta[key] for key in weights.meta}
        assert repr(weights.transforms()) == repr(wanted.transforms())


@pytest.fixture
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of weights, and no network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(hub, "_folder", None)

    def unreachable(request: Any) -> None:
        raise URLError("no network")

    monkeypatch.setattr(hub, "urlopen", unreachable)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def keep(folder: Path, weights: Any, state: dict[str, Any]) -> None:
    """Saves a state as the file of weights."""
    kagari.save(state, folder / weights.url.rpartition("/")[2])


def test_a_file_in_the_folder_is_used(checkpoints: Path) -> None:
    weights, model = models.SqueezeNet1_1_Weights.DEFAULT, models.squeezenet1_1()
    with pytest.raises(RuntimeError, match=rf"can't download {weights.url} to {checkpoints}/squeezenet1_1"):
        models.squeezenet1_1(weights=weights)
    keep(checkpoints, weights, model.state_dict())
    for given in (weights, "DEFAULT", "SqueezeNet1_1_Weights.IMAGENET1K_V1"):
        state = models.squeezenet1_1(weights=given, progress=False).state_dict()
        assert all(kagari.equal(state[key], value) for key, value in model.state_dict().items())
    assert weights.get_state_dict().keys() == model.state_dict().keys()


def test_old_names_in_files_are_understood(checkpoints: Path) -> None:
    model = models.densenet121()
    old = {
        key.replace("norm1", "norm.1").replace("conv2", "conv.2"): value for key, value in model.state_dict().items()
    }
    assert old.keys() != model.state_dict().keys()
    keep(checkpoints, models.DenseNet121_Weights.DEFAULT, old)
    state = models.densenet121(weights="DEFAULT").state_dict()
    assert all(kagari.equal(state[key], value) for key, value in model.state_dict().items())
    block = models.vision_transformer.MLPBlock(3, 4, 0.0)
    old = {
        key.replace("0.", "linear_1.").replace("3.", "linear_2."): value for key, value in block.state_dict().items()
    }
    assert len(models.vision_transformer.MLPBlock(3, 4, 0.0).load_state_dict(old).missing_keys) == 0
    assert "linear_1.weight" in old


def test_auxiliary_classifiers_are_left_out_of_what_is_trained(checkpoints: Path) -> None:
    keep(checkpoints, models.GoogLeNet_Weights.DEFAULT, models.googlenet(init_weights=False).state_dict())
    model = models.googlenet(weights="DEFAULT")
    assert model.aux1 is None and model.transform_input
    assert models.googlenet(weights="DEFAULT", aux_logits=True).aux1 is not None


@pytest.mark.parametrize("given", [{"pretrained": False}, {"pretrained": True}, (None,), (False, True), (True,)])
def test_older_ways_to_ask_for_weights(vision_oracle: ModuleType, checkpoints: Path, given: Any) -> None:
    asked = []
    for module in (kagari.vision, vision_oracle):
        kind = module.models.SqueezeNet1_1_Weights
        with warnings.catch_warnings(record=True) as caught, pytest.MonkeyPatch.context() as patch:
            warnings.simplefilter("always")
            state = module.models.squeezenet1_1().state_dict()
            patch.setattr(kind, "get_state_dict", lambda self, state=state, **options: state)
            ask = module.models.squeezenet1_1
            _ = ask(**given) if isinstance(given, dict) else ask(*given)
        asked.append([(w.category, str(w.message)) for w in caught])
    assert asked[0] == asked[1] and asked[0]


@pytest.mark.filterwarnings("ignore:The parameter 'pretrained' is deprecated")
def test_a_model_without_its_first_weights(vision_oracle: ModuleType) -> None:
    asked = [outcome(m.models.vit_h_14, pretrained=True) for m in (kagari.vision, vision_oracle)]
    assert asked[0] == asked[1] == (ValueError, "No weights available for model vit_h_14")


@pytest.mark.parametrize("options", [{"crop_size": 24}, {"crop_size": 20, "resize_size": 24, "mean": (0.5,) * 3}])
def test_images_are_prepared_as_the_oracle_does(vision_oracle: ModuleType, options: dict[str, Any]) -> None:
    options = {"resize_size": 28, **options}
    theirs = type(vision_oracle.models.ResNet18_Weights.DEFAULT.transforms())(**options)
    ours = ImageClassification(**options)
    assert repr(ours) == repr(theirs)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    picture = pillow().fromarray(pixels)
    np.testing.assert_allclose(ours(picture).numpy(), theirs(picture).numpy(), rtol=1e-5, atol=1e-5)
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))[None]
    torch = kagari_or_torch(vision_oracle.models)
    found, wanted = ours(kagari.from_numpy(planes)).numpy(), theirs(torch.from_numpy(planes)).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=0.02)  # a rounded byte may differ by one


def video_networks(m: Any) -> list[Any]:
    r = m.video.resnet
    return [
        r.VideoResNet(r.BasicBlock, [r.Conv3DSimple, *[r.Conv3DNoTemporal] * 3], [1, 1, 1, 1], r.BasicStem, 3),
        r.VideoResNet(r.Bottleneck, [r.Conv2Plus1D] * 4, [1, 1, 1, 1], r.R2Plus1dStem, 3),
    ]


@pytest.mark.parametrize("number", [0, 1])
def test_videos(vision_oracle: ModuleType, number: int) -> None:
    torch = kagari_or_torch(vision_oracle.models)
    for framework in (kagari, torch):
        framework.manual_seed(0)
    ours, theirs = (video_networks(m)[number].eval() for m in (models, vision_oracle.models))
    state = {key: value.numpy() for key, value in theirs.state_dict().items()}
    for key, value in ours.state_dict().items():
        np.testing.assert_allclose(value.numpy(), state[key], rtol=1e-6, atol=1e-6)
    frames = np.random.default_rng(0).integers(0, 256, (2, 3, 3, 30, 36), np.uint8)
    results = []
    for model, framework, kind in (
        (ours, kagari, VideoClassification),
        (theirs, torch, type(vision_oracle.models.video.R3D_18_Weights.DEFAULT.transforms())),
    ):
        prepared = kind(crop_size=(16, 18), resize_size=(20, 24))(framework.from_numpy(frames))
        results.append((prepared.numpy(), model(prepared).detach().numpy()))
    for found, wanted in zip(*results):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=0.03)  # a rounded byte may differ by one
    with pytest.raises(ValueError, match="4 or 5 dimensions"):
        VideoClassification(crop_size=(2, 2), resize_size=(2, 2))(kagari.zeros(3, 4, 5))


def test_positions_for_images_of_another_size(vision_oracle: ModuleType) -> None:
    table = np.random.default_rng(0).standard_normal((1, 10, 4)).astype(np.float32)
    results = []
    for module, framework in ((kagari.vision, kagari), (vision_oracle, kagari_or_torch(vision_oracle.models))):
        change = module.models.vision_transformer.interpolate_embeddings
        state = {"encoder.pos_embedding": framework.from_numpy(table), "heads.head.bias": framework.zeros(1)}
        made = change(80, 16, dict(state), reset_heads=True)
        results.append((made["encoder.pos_embedding"].numpy(), list(made)))
        assert change(48, 16, state) is state
    assert results[0][1] == results[1][1]
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-4, atol=1e-5)


def test_whole_models_go_both_ways(vision_oracle: ModuleType, tmp_path: Path) -> None:
    """Files name the classes of torchvision."""
    torch = kagari_or_torch(vision_oracle.models)
    image = np.random.default_rng(0).standard_normal((1, 3, 32, 32)).astype(np.float32)
    outputs = []
    for framework, module, other in ((kagari, kagari.vision, torch), (torch, vision_oracle, kagari)):
        model = module.models.resnet18(num_classes=3).eval()
        framework.save(model, tmp_path / "model.pt")
        again = other.load(tmp_path / "model.pt", weights_only=False)
        assert type(again).__module__.startswith("kagari." if other is kagari else "torchvision.")
        outputs.append([m(f.from_numpy(image)).detach().numpy() for m, f in ((model, framework), (again, other))])
    for found, wanted in outputs:
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


def test_results_of_layers(vision_oracle: ModuleType) -> None:
    wanted = {"layer1": "low", "layer2": "high"}
    ours = IntermediateLayerGetter(resnet(models), wanted)
    theirs = vision_oracle.models._utils.IntermediateLayerGetter(resnet(vision_oracle.models), wanted)
    assert repr(ours) == repr(theirs)
    ours.load_state_dict({key: kagari.from_numpy(value.numpy()) for key, value in theirs.state_dict().items()})
    image = np.random.default_rng(0).standard_normal((1, 3, 32, 32)).astype(np.float32)
    torch = kagari_or_torch(vision_oracle.models)
    found, expected = ours.eval()(kagari.from_numpy(image)), theirs.eval()(torch.from_numpy(image))
    assert list(found) == list(expected) == ["low", "high"]
    for name in found:
        np.testing.assert_allclose(found[name].detach().numpy(), expected[name].detach().numpy(), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="return_layers are not present in model: layer9"):
        IntermediateLayerGetter(models.squeezenet1_1(), {"layer9": "x"})


def test_the_library_of_pictures(vision_oracle: ModuleType) -> None:
    for module in (kagari.vision, vision_oracle):
        assert module.get_image_backend() == "PIL" and module.set_image_backend("PIL") is None
        assert module.disable_beta_transforms_warning() is None
        with pytest.raises(ValueError, match="Invalid backend 'some'"):
            module.set_image_backend("some")
