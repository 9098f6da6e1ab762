"""What registering a hook gives, as `torch.utils.hooks`."""

from ..autograd.node import RemovableHandle as RemovableHandle

__all__ = ["RemovableHandle"]
