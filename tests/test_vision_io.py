"""Pictures: reading, writing, and Pillow, which does it."""

from __future__ import annotations

import importlib
import sys

import pytest

from kagari.vision.pillow import is_picture, pillow


def test_pillow_is_opened_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "PIL.Image", raising=False)
    assert not is_picture(object()) and "PIL.Image" not in sys.modules
    assert is_picture(pillow().new("L", (2, 3))) and "PIL.Image" in sys.modules


def test_who_lacks_pillow_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name="PIL")

    monkeypatch.setattr(importlib, "import_module", fails)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'kagari\[vision\]'"):
        pillow()
