"""The programs under examples/ run from end to end, learn what they should, and print what they print on PyTorch."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import kagari

pytest.importorskip("matplotlib")
pytest.importorskip("tqdm")

EXAMPLES = Path(__file__).parents[1] / "examples"
PLAIN = EXAMPLES / "plain_torch.py"


def numbers(text: str) -> list[float]:
    """All decimal numbers in the text, in their order."""
    return [float(number) for number in re.findall(r"-?\d+\.\d+", text)]


def falls(text: str, factor: float) -> bool:
    """Whether each of the pairs of numbers `before -> after` in the text fell by a factor."""
    pairs = re.findall(r"(\d+\.\d+) -> (\d+\.\d+)", text)
    return bool(pairs) and all(float(after) * factor < float(before) for before, after in pairs)


# How short each program can be, and what has to be learned by then.
LEARNS: dict[str, tuple[str, Callable[[str], bool]]] = {
    "activations": ("--steps 200 --activations ReLU Tanh", lambda text: falls(text, 10)),
    "characters": ("--steps 60", lambda text: falls(text, 3)),
    "custom_function": ("--steps 120", lambda text: "True" in text and falls(text, 5) and numbers(text)[-1] > 0.95),
    "data_parallel": ("--epochs 12", lambda text: "2 processes: True" in text and falls(text, 5)),
    "dqn": ("--episodes 150", lambda text: "arrived after 10 moves" in text),
    "gan": ("--steps 1000", lambda text: share_near_a_mode(text) > 0.3),
    "linear_regression": ("--epochs 100", lambda text: abs(numbers(text)[-4] - 2) < 0.1),
    "matrix_factorization": ("--epochs 12", lambda text: numbers(text)[0] < 0.6 * numbers(text)[1]),
    "multitask": ("--steps 600", lambda t: min(numbers(t)[:2]) > 0.9 and numbers(t)[2] < 0.1),
    "oscillator": ("--steps 400", lambda text: falls(text, 50) and numbers(text)[2] < 0.4),
    "shapes": ("--epochs 4 --drawings 600", lambda text: falls(text, 2) and numbers(text)[2] > 0.6),
    "spirals": ("--epochs 10", lambda text: falls(text, 5) and numbers(text)[2] > 0.95),
    "transfer": ("--steps 100 --shapes 800", lambda text: falls(text, 5) and numbers(text)[3] > numbers(text)[6] + 0.1),
    "vae": ("--steps 150", lambda text: falls(text, 2)),
    "wgan_gp": ("--steps 150", lambda text: falls(text, 3)),
}


def share_near_a_mode(text: str) -> float:
    """The last share of points that lie near a centre."""
    return int(re.findall(r"points near one (\d+)%", text)[-1]) / 100


def load(path: Path) -> ModuleType:
    """The program as a module."""
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification is not None and specification.loader is not None
    program = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(program)
    return program


@pytest.mark.parametrize("path", sorted(set(EXAMPLES.glob("*.py")) - {PLAIN}), ids=lambda path: path.stem)
def test_learns_and_leaves_pictures(path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments, has_learned = LEARNS[path.stem]
    load(path).main([*arguments.split(), "--out", str(tmp_path)])
    text = capfd.readouterr().out
    assert has_learned(text), text
    assert len(list(tmp_path.glob("*.png"))) >= 2


def test_a_run_that_is_resumed_is_the_same_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program, printed = load(EXAMPLES / "shapes.py"), []
    for more in (["--epochs", "1"], ["--epochs", "3", "--resume"], ["--epochs", "3"]):
        program.main(["--drawings", "120", "--workers", "1", "--out", str(tmp_path), *more])
        printed.append(numbers(capsys.readouterr().out))
    assert printed[1] == printed[2] != printed[0]


def test_linear_regression_prints_the_numbers_of_pytorch(
    oracle: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, printed = EXAMPLES / "linear_regression.py", []
    for torch in (kagari, oracle):
        monkeypatch.setitem(sys.modules, "kagari", torch)
        load(path).main(["--out", str(tmp_path)])
        printed.append(numbers(capsys.readouterr().out.replace(str(tmp_path), "")))
    assert len(printed[0]) == 14
    assert printed[0] == pytest.approx(printed[1], rel=1e-4)


def on_kagari() -> str:
    """What the program for PyTorch prints under `python -m kagari`; a warning is an error."""
    command = [sys.executable, "-W", "error", "-m", "kagari", str(PLAIN)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_a_program_for_pytorch_runs_on_kagari() -> None:
    found = numbers(on_kagari())
    assert len(found) == 3 + 2 + 30 + 1
    assert found[3:5] == pytest.approx([2, 1], abs=0.1) and found[-1] > 0.95


def test_a_program_for_pytorch_prints_the_same_on_both(oracle: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    program = load(PLAIN)
    assert program.torch is oracle
    program.main([])
    ours, theirs = on_kagari(), capsys.readouterr().out
    assert re.sub(r"\d\.\d+", "", ours) == re.sub(r"\d\.\d+", "", theirs)
    assert numbers(ours) == pytest.approx(numbers(theirs), rel=2e-2, abs=1e-3)
    assert numbers(ours)[:15] == pytest.approx(numbers(theirs)[:15], rel=1e-3, abs=1e-4)
