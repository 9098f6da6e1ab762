"""Where PyTorch has the classes that lie elsewhere here: programs print a class with the module it comes from."""

from __future__ import annotations

# Kagari's modules and those that PyTorch has their classes in.
_MODULES = {
    "autograd.checkpoint": "utils.checkpoint", "autograd.modes": "autograd.grad_mode", "autograd.node": "utils.hooks",
    "autograd.packing": "autograd.graph", "autograd.recorder": "autograd.profiler", "base.dtypes": "",
    "base.errors": "", "base.layout": "", "data.dataset": "utils.data.dataset",
    "data.distributed": "utils.data.distributed", "data.loader": "utils.data.dataloader",
    "data.sampler": "utils.data.sampler", "distributions.composed_transforms": "distributions.transforms",
    "distributions.elementwise_transforms": "distributions.transforms",
    "distributions.joined_transforms": "distributions.transforms",
    "distributions.transform": "distributions.transforms",
    "distributions.vector_transforms": "distributions.transforms", "eager.device": "", "eager.formats": "",
    "eager.random": "", "eager.storage": "storage", "eager.typed_storage": "storage",
    "eager.types": "", "library.registration": "library",
    "nn.utils.prune_methods": "nn.utils.prune", "optim.adafactor": "optim", "optim.muon": "optim",
    "serialization.names": "serialization", "serialization.options": "serialization",
    **{
        f"optim.lr_scheduler.{name}": "optim.lr_scheduler"
        for name in ("base", "compose", "cosine", "cycle", "functions", "plateau", "shares")
    },
}  # fmt: skip
# Layers lie in finer files here; those of a file that is not named have the same one in PyTorch's `nn.modules`.
_LAYERS = {
    "activation_hard": "activation", "adaptive_pooling": "pooling", "bilinear": "linear",
    "container_parameter": "container", "embedding": "sparse", "fractional_pooling": "pooling", "lazy": "linear",
    "lazy_conv": "conv", "lazy_norm": "batchnorm", "loss_ctc": "loss", "loss_likelihood": "loss",
    "loss_linear": "loss", "loss_margin": "loss", "multihead_attention": "activation", "rectifier": "activation",
    "rnn_cell": "rnn", "softmax": "activation", "transformer_layer": "transformer", "unpooling": "pooling",
}  # fmt: skip
# Classes that PyTorch has in another module than their neighbours, or under another name.
_CLASSES = {
    ("autograd.modes", "detect_anomaly"): ("autograd.anomaly_mode", "detect_anomaly"),
    ("autograd.modes", "set_detect_anomaly"): ("autograd.anomaly_mode", "set_detect_anomaly"),
    ("autograd.node", "Node"): ("autograd.graph", "Node"),
    ("eager.device", "Device"): ("", "device"),
    ("nn.pixelshuffle", "ChannelShuffle"): ("nn.modules.channelshuffle", "ChannelShuffle"),
    **{
        ("nn.lazy_norm", f"LazyInstanceNorm{n}d"): ("nn.modules.instancenorm", f"LazyInstanceNorm{n}d")
        for n in (1, 2, 3)
    },
}
_NOT_LAYERS = ("attention", "functional", "init", "modules", "parallel", "parameter", "utils")


def in_torch(module: str, name: str) -> tuple[str, str]:
    """Module below `torch`, and name there, of a class that lies in a module below Kagari's package.

    >>> in_torch("nn.rectifier", "ReLU"), in_torch("eager.device", "Device"), in_torch("optim.adam", "Adam")
    (('nn.modules.activation', 'ReLU'), ('', 'device'), ('optim.adam', 'Adam'))
    """
    if (module, name) in _CLASSES:
        return _CLASSES[module, name]
    room, _, file = module.partition(".")
    if room == "nn" and file and file.partition(".")[0] not in _NOT_LAYERS:
        return f"nn.modules.{_LAYERS.get(file, file)}", name
    return _MODULES.get(module, module), name


__all__ = ["in_torch"]
