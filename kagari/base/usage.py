"""What programs call of PyTorch's native module, `torch._C`, that asks for nothing native."""

from __future__ import annotations

__all__ = ["_log_api_usage_once"]


def _log_api_usage_once(event: str) -> None:
    """Tells a logger of the use of an interface, where a build has one; there is none here."""
