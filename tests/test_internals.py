"""The chapter that builds the core from scratch is a program; here it runs, and the documents' links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"
CHAPTER = DOCS / "internals" / "from-scratch.md"


def python_blocks(document: Path) -> list[tuple[int, str]]:
    """The Python blocks of a document, each with the number of the line before it."""
    text = document.read_text(encoding="utf-8")
    found = re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, m.start(1)), m[1]) for m in found]


@pytest.fixture(scope="module")
def namespace() -> dict[str, Any]:
    """What the chapter defines. Its blocks run in order; a traceback gives the document's line."""
    names: dict[str, Any] = {"__name__": "from_scratch"}
    for line, source in python_blocks(CHAPTER):
        exec(compile("\n" * line + source, str(CHAPTER), "exec"), names)
    return names


def test_it_trains(namespace: dict[str, Any]) -> None:
    assert namespace["losses"][-1] < 2e-4 < namespace["losses"][0]
    assert abs(namespace["w"].item() - 2) < 0.01
    assert abs(namespace["b"].item() - 1) < 0.01
    assert namespace["curve"][-1] < namespace["curve"][0] / 10


def test_code_depends_on_structure_alone(namespace: dict[str, Any]) -> None:
    assert 0 < namespace["compiled"] == len(namespace["KERNELS"])


def test_compiled_code_means_what_the_interpreter_says(namespace: dict[str, Any]) -> None:
    np, f = namespace["np"], namespace
    rng = np.random.default_rng(3)
    for rows, columns in ((1, 1), (1, 15), (2, 16), (3, 17), (5, 64), (4, 1)):
        arrays = [rng.normal(0, 20, size=s).astype(np.float32) for s in ((rows, columns), (1, columns), (1, columns))]
        for define, count in ((f["relu"], 1), (f["softmax"], 1), (f["layer_norm"], 3), (f["mse_loss"], 2)):
            key, sizes = f["structure"](arrays[:count])
            graph = f["trace"](define, key)
            (found,) = f["Program"](graph).run(arrays[:count], sizes)
            (expected,) = f["interpret"](graph, arrays[:count], sizes)
            case = f"{define.__name__} {rows} x {columns}"
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5, err_msg=case)


def test_it_is_short() -> None:
    blocks = [source.splitlines() for _, source in python_blocks(CHAPTER)]
    assert all(len(lines) <= 50 for lines in blocks)
    assert all(len(line) <= 120 for lines in blocks for line in lines)


@pytest.mark.parametrize("document", sorted(DOCS.rglob("*.md")), ids=lambda p: p.name)
def test_links_lead_somewhere(document: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)\)", prose)
    missing = [t for t in targets if "://" not in t and not (document.parent / t).exists()]
    # `make bench` writes the figures; until then the page is not there.
    assert [t for t in missing if t != "performance.md"] == []
