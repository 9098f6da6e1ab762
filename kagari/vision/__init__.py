"""Images: the interface of torchvision, on Kagari's public interface.

Pictures are read and written by Pillow, which comes with the extra `vision` and is opened when it is first needed.
"""

from __future__ import annotations

__version__ = "0.28.0"
"""The torchvision whose interface this is."""

__all__ = ["__version__"]
