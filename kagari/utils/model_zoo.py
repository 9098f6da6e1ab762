"""Weights of models from the network, under the names of old: `torch.hub` has them now."""

from __future__ import annotations

from ..hub import load_state_dict_from_url as load_url

__all__ = ["load_url"]
