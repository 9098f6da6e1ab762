"""Changes of graphs that PyTorch calls experimental."""

from __future__ import annotations

from ...base.later import postpone
from . import optimization

postpone(__name__, "proxy_tensor")

__all__ = ["optimization", "proxy_tensor"]
