"""How modules change the tensors that they have: what `torch.__future__` says of it."""

from __future__ import annotations


class _Settings:
    overwrite = False
    swap = False


def set_overwrite_module_params_on_conversion(value: bool) -> None:
    """Says whether `to`, `double` and the like put new parameters into a module, rather than other data into those that
    it has. Default: ``False``

    Example::

        >>> import kagari as torch
        >>> from kagari.nn.conversion import set_overwrite_module_params_on_conversion
        >>> layer = torch.nn.Linear(1, 1)
        >>> before = layer.weight
        >>> set_overwrite_module_params_on_conversion(True)
        >>> layer.double().weight is before, before.dtype
        (False, torch.float32)
        >>> set_overwrite_module_params_on_conversion(False)
    """
    _Settings.overwrite = value


def get_overwrite_module_params_on_conversion() -> bool:
    """Whether conversions put new parameters into modules."""
    return _Settings.overwrite


def set_swap_module_params_on_conversion(value: bool) -> None:
    """Says whether `to`, `double` and the like, and `load_state_dict`, exchange parameters with new ones by
    :func:`torch.utils.swap_tensors`, rather than put other data into them. Default: ``False``
    """
    _Settings.swap = value


def get_swap_module_params_on_conversion() -> bool:
    """Whether conversions exchange parameters with new ones."""
    return _Settings.swap


__all__ = [
    "get_overwrite_module_params_on_conversion", "get_swap_module_params_on_conversion",
    "set_overwrite_module_params_on_conversion", "set_swap_module_params_on_conversion",
]  # fmt: skip
