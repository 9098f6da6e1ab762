"""What can be asked of, and told to, the machinery that runs the operators."""

from __future__ import annotations

from . import cudnn, kagari, mps

__all__ = ["cudnn", "kagari", "mps"]
