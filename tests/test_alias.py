"""Programs that say `import torch` run on Kagari, and so do the processes that they start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import kagari


def run(*arguments: str, cwd: Path | None = None, fails: bool = False, **environment: str) -> str:
    """What Python prints, to the error stream where the command has to fail; a warning is an error."""
    result = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **environment},
    )
    assert (result.returncode != 0) == fails, result.stderr
    return (result.stderr if fails else result.stdout).strip()


def on_kagari(code: str, **arguments: Any) -> str:
    """What the code prints under `python -m kagari -c`."""
    return run("-m", "kagari", "-c", code, **arguments)


IDENTITIES = """
import torch, torch.nn, torch.optim as optim, torch.nn.functional as F, torch.utils.data
import torch.nn.modules.linear, torch.autograd, torch.compiler
from torch.utils.data.dataset import Dataset
from torch.utils.data.sampler import Sampler
from torch.utils.data import dataset, distributed
from torch.utils.data._utils.collate import default_collate
from torch.autograd import Variable
from torch import Tensor, nn, random
from torch.nn import Linear, functional
from torch.utils.data import DataLoader
import kagari

assert torch.nn is nn is kagari.nn and F is functional is kagari.nn.functional and optim is kagari.optim
assert torch.compiler is kagari.compiler and torch.compiler.is_compiling() is False
assert torch.autograd is kagari.autograd and DataLoader is kagari.utils.data.DataLoader
assert torch.nn.modules.linear.Linear is Linear is kagari.nn.Linear
assert torch.zeros is kagari.zeros and torch.float32 is kagari.float32
assert dataset.Dataset is Dataset and distributed.DistributedSampler is kagari.utils.data.DistributedSampler
assert torch.random is random is kagari.random and default_collate is kagari.utils.data.default_collate
assert isinstance(kagari.ones(1), Variable) and not isinstance(1, Variable)
assert isinstance(kagari.ones(1), Tensor) and isinstance(nn.Linear(1, 1), kagari.nn.Module)
assert nn.__name__ == nn.__spec__.name == "kagari.nn"
assert set(kagari.__all__) <= set(dir(torch))
names = {}
from torch.nn.modules.module import _IncompatibleKeys
assert type(torch.nn.Linear(1, 1).load_state_dict({}, strict=False)) is _IncompatibleKeys
assert torch._C._log_api_usage_once("tests") is None and not hasattr(torch._C, "nothing")
exec("from torch import *", names)
assert names["zeros"] is torch.zeros
print("same")
"""


def test_modules_are_the_same_objects() -> None:
    assert on_kagari(IDENTITIES) == "same"
    assert run("-c", f"import kagari; kagari.install_as_torch(); kagari.install_as_torch(){IDENTITIES}") == "same"


CLASSES = """
import importlib, torch
places = ["torch", *(f"torch.{name}" for name in (
    "autograd", "autograd.function", "autograd.graph", "distributions", "distributions.constraints", "fx", "nn",
    "nn.parameter", "nn.utils.parametrize", "nn.utils.prune", "nn.utils.rnn", "optim", "optim.lr_scheduler",
    "optim.swa_utils", "overrides", "serialization", "storage", "utils.checkpoint", "utils.data",
))]
shown = {}
for place in places:
    for name, found in vars(importlib.import_module(place)).items():
        if isinstance(found, type) and not name.startswith("_") and found.__module__.startswith(("torch", "kagari")):
            shown[f"{place}.{name}"] = str(found)
# Those that are looked up when they are first asked for.
for name in ("Size", "device", "dtype", "finfo", "layout", "memory_format", "nn.Linear", "nn.ReLU", "nn.GRUCell"):
    shown[name] = str(eval(f"torch.{name}"))
shown["of a tensor"] = [str(type(x)) for x in (torch.ones(1), torch.ones(1).device, torch.float32, torch.ones(1).shape)]
layers = torch.nn.ModuleList([torch.nn.LSTM(1, 1), torch.nn.Embedding(1, 1)])
shown["of a module"] = [str(type(m)) for m in layers.modules()]
import pickle, torch.nn.modules.linear
assert pickle.loads(pickle.dumps(torch.nn.Linear)) is torch.nn.modules.linear.Linear is torch.nn.Linear
result = {place: text for place, text in shown.items() if "torch" in str(text)}
"""
# Classes that PyTorch has in files, or under a name, that Kagari does not show.
ELSEWHERE = {"torch.distributions.constraints.dependent_property"}


def test_classes_are_printed_with_the_module_that_pytorch_has_them_in(oracle: ModuleType) -> None:
    theirs: dict[str, Any] = {}
    exec(CLASSES, theirs)
    ours = eval(on_kagari(f"{CLASSES}\nprint(result)"))
    common = ours.keys() & theirs["result"].keys()
    assert len(common) > 350
    assert {name for name in common if ours[name] != theirs["result"][name]} == ELSEWHERE


ABSENT = (
    "current_stream", "default_stream", "get_device_capability", "get_device_name", "get_rng_state", "mem_get_info",
)  # fmt: skip


def test_programs_fall_back_to_the_cpu(oracle: ModuleType) -> None:
    """What the oracle, built for the CPU, says of GPUs that are not there."""
    questions = (
        lambda t: t.device("cuda" if t.cuda.is_available() else "cpu").type,
        lambda t: (t.cuda.device_count(), t.cuda.is_initialized(), t.cuda.is_bf16_supported()),
        lambda t: (t.cuda.manual_seed(0), t.cuda.manual_seed_all(0), t.cuda.empty_cache(), t.cuda.memory_allocated()),
        lambda t: t.cuda.current_device(),
        lambda t: t.cuda.synchronize(),
        lambda t: (t.cuda.max_memory_allocated(), t.cuda.max_memory_reserved(), t.cuda.memory_reserved()),
        lambda t: (t.cuda.memory_stats(), t.cuda.get_rng_state_all(), t.cuda.default_generators),
        lambda t: t.cuda.set_rng_state_all([]),
        lambda t: t.cuda.stream(None).__enter__(),
        *(lambda t, kind=kind: getattr(t.cuda, kind)() for kind in ("CUDAGraph", "Event", "Stream")),
        *(lambda t, name=name: getattr(t.cuda, name)() for name in ABSENT),
        lambda t: t.cuda.get_device_properties(0),
        lambda t: t.cuda.graph(None),
        lambda t: (t.accelerator.is_available(), t.accelerator.device_count(), t.accelerator.current_accelerator()),
        lambda t: t.accelerator.current_device_index(),
        lambda t: t.get_device_module().__name__.rpartition(".")[2],
        *(lambda t, kind=kind: t.get_device_module(kind).is_available() for kind in ("cpu", "cuda:0", "meta", 3)),
        lambda t: (t.xpu.is_available(), t.xpu.device_count(), t.xpu.is_initialized(), t.xpu.memory_allocated()),
        lambda t: (t.xpu.manual_seed(0), t.xpu.manual_seed_all(0), t.xpu.empty_cache()),
        *(
            lambda t, name=name: getattr(t.xpu, name)()
            for name in ("current_device", "get_device_name", "get_device_properties", "synchronize")
        ),
        lambda t: (t.mps.is_available(), t.mps.device_count(), t.mps.manual_seed(0)),
        lambda t: t.mps.empty_cache(),
        lambda t: t.mps.synchronize(),
        lambda t: (t.backends.mps.is_available(), t.backends.mps.is_built()),
        lambda t: (t.backends.cudnn.is_available(), t.backends.cudnn.version(), t.backends.cudnn.enabled),
        lambda t: (t.backends.cudnn.benchmark, t.backends.cudnn.deterministic),
        lambda t: (t.backends.cudnn.benchmark_limit, t.backends.cudnn.allow_tf32),
        lambda t: within(t.backends.cudnn.flags(deterministic=True), lambda: t.backends.cudnn.deterministic),
        lambda t: t.backends.cuda.is_built(),
        *(
            lambda t, kind=kind: getattr(t.backends.cuda, f"{kind}_sdp_enabled")()
            for kind in ("cudnn", "flash", "math", "mem_efficient")
        ),
        lambda t: (
            t.backends.cuda.matmul.allow_fp16_reduced_precision_reduction,
            t.backends.cuda.matmul.allow_bf16_reduced_precision_reduction,
            t.backends.cuda.matmul.allow_fp16_accumulation,
        ),
        tf32_is_a_precision,
        lambda t: t.backends.cuda.matmul.nothing,
    )
    if oracle.cuda.is_available():
        pytest.skip("this PyTorch has GPUs")
    for question in questions:
        assert outcome(question, kagari) == outcome(question, oracle)


def within(region: Any, question: Any) -> Any:
    """The answer inside of a region."""
    with region:
        return question()


def tf32_is_a_precision(torch: Any) -> list[Any]:
    """What one of two switches for the same thing says when the other was set."""
    answers = [torch.backends.cuda.matmul.allow_tf32]
    for allowed in (True, False):
        torch.backends.cuda.matmul.allow_tf32 = allowed
        answers += [torch.backends.cuda.matmul.allow_tf32, torch.get_float32_matmul_precision()]
    return answers


def test_switches_of_attention_are_kept() -> None:
    cuda = kagari.backends.cuda
    for kind in ("cudnn", "flash", "math", "mem_efficient"):
        getattr(cuda, f"enable_{kind}_sdp")(False)
        assert not getattr(cuda, f"{kind}_sdp_enabled")()
        getattr(cuda, f"enable_{kind}_sdp")(True)


def test_libraries_that_are_not_used() -> None:
    backends = kagari.backends
    assert not any(library.is_available() for library in (backends.mkl, backends.mkldnn, backends.openmp))


def outcome(question: Any, torch: Any) -> Any:
    """The answer, or type and text of the error."""
    try:
        return question(torch)
    except Exception as error:
        return type(error), str(error)


def test_versions_can_be_parsed() -> None:
    code = """
import re, torch
from importlib.metadata import version
assert torch.__version__ == torch.version.__version__ == version("torch")
assert torch.version.cuda is None
assert re.fullmatch(r"\\d+\\.\\d+\\.\\d+\\+[a-z0-9]+(\\.[a-z0-9]+)*", version("torch"))
assert [int(n) for n in torch.__version__.split("+")[0].split(".")] >= [2, 13, 0]
import kagari
assert torch.__version__.endswith("+kagari." + kagari.__version__)
print("fine")
"""
    assert on_kagari(code) == "fine"


VISION = """
import importlib.metadata, sys
import torchvision, torchvision.datasets as datasets, torchvision.datasets.mnist
from torchvision import io
from torchvision.datasets import MNIST
import kagari, torch

assert torchvision is kagari.vision and sys.modules["torchvision"] is torchvision
assert datasets is torchvision.datasets is kagari.vision.datasets and io is kagari.vision.io
assert torchvision.datasets.mnist.MNIST is MNIST is kagari.vision.datasets.MNIST
assert torchvision.__name__ == torchvision.__spec__.name == "kagari.vision"
assert importlib.metadata.version("torchvision") == torchvision.__version__ == "0.28.0"
assert torch.ones is kagari.ones
print("same")
"""


def test_torchvision_is_the_same_module_too() -> None:
    again = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {VISION!r}], check=True)"
    assert on_kagari(VISION) == on_kagari(again) == "same"


SHOW = "import sys, torch, importlib.metadata as m; print(torch.ones is sys.modules['kagari'].ones, m.version('torch'))"


def test_children_see_it_too(tmp_path: Path) -> None:
    """Processes of subprocess, found by their environment alone, and their children."""
    code = f"""
import subprocess, sys
again = "import subprocess, sys; subprocess.run([sys.executable, '-c', " + repr({SHOW!r}) + "], check=True)"
for code in ({SHOW!r}, again, "import torch; " + again):
    subprocess.run([sys.executable, "-c", code], check=True)
"""
    lines = on_kagari(code, cwd=tmp_path, PYTHONPATH=str(tmp_path)).splitlines()
    assert len(lines) == 3 and all(line.startswith("True 2.13.0+kagari.") for line in lines)


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_worker_processes_see_it_too(method: str, tmp_path: Path) -> None:
    """The worker imports the script again, which imports torch; what it sends back is a tensor."""
    script = tmp_path / "script.py"
    script.write_text(f"""
import multiprocessing

import torch


class Double(torch.nn.Module):
    def forward(self, x):
        return 2 * x


def work(model, x):
    return model(x), torch.__version__


if __name__ == "__main__":
    with multiprocessing.get_context({method!r}).Pool(1) as pool:
        y, version = pool.apply(work, (Double(), torch.ones(2)))
        print(y.tolist(), version)
""")
    # Newer Pythons warn of a fork beside threads, as Kagari's workers are; they start anew in the child.
    quiet = ("-W", "ignore::DeprecationWarning:multiprocessing.popen_fork")
    assert run(*quiet, "-m", "kagari", str(script)).startswith("[2.0, 2.0] 2.13.0+kagari.")


def test_environment_is_added_to_and_nothing_taken() -> None:
    code = """
import os, sys
before, path = os.environ.get("PYTHONPATH"), list(sys.path)
import kagari
kagari.install_as_torch()
kagari.install_as_torch()
mine, *rest = os.environ["PYTHONPATH"].split(os.pathsep)
assert rest == (before.split(os.pathsep) if before else []), rest
assert [p for p in sys.path if p != mine] == path and sys.path[0] == path[0]
assert sorted(os.listdir(os.path.join(mine, "torch")))[0] == "__init__.py"
print("fine")
"""
    assert run("-c", code, PYTHONPATH="") == "fine"
    assert run("-c", code, PYTHONPATH=f"/some/where{os.pathsep}{os.pathsep}/else") == "fine"
    assert run("-c", code, KAGARI_CACHE="0") == "fine"
    assert run("-c", code, KAGARI_CACHE_DIR="/proc/nowhere") == "fine"


MISSING = [
    ("torch.sofmax", AttributeError, "module 'torch' has no attribute 'sofmax'.*nearest names: softmax"),
    ("torch.nn.Linaer", AttributeError, "module 'torch.nn' has no attribute 'Linaer'.*nearest names: Linear"),
    ("torch.nn.functional.rel", AttributeError, "module 'torch.nn.functional' .*nearest names: relu"),
    ("torch.engine", AttributeError, "Kagari here, which does not have it"),
    ("from torch import sofmax", ImportError, "cannot import name 'sofmax' from 'torch'.*nearest names: softmax"),
    ("from torch.nn import Linaer", ImportError, "cannot import name 'Linaer' from 'torch.nn'.*names: Linear"),
    ("from torch.nn.functional import rel", ImportError, "from 'torch.nn.functional'.*nearest names: relu"),
    ("import torch.no_such", ModuleNotFoundError, "No module named 'torch.no_such': torch is Kagari here"),
    ("import torch.engine", ModuleNotFoundError, "No module named 'torch.engine'"),
    ("import torchvision.nothing", ModuleNotFoundError, "No module named 'torchvision.nothing': torchvision is Kagari"),
    ("from torchvision import dataset", ImportError, "torchvision is Kagari here.*nearest names: datasets"),
    ("from torchvision.datasets import MNITS", ImportError, "from 'torchvision.datasets'.*nearest names: .*MNIST"),
]


def test_what_is_missing_is_said() -> None:
    code = f"""
import builtins, re, torch
for statement, kind, text in {[(s, k.__name__, t) for s, k, t in MISSING]!r}:
    try:
        exec(statement)
    except getattr(builtins, kind) as error:
        assert re.search(text, str(error)), (statement, str(error))
    else:
        raise AssertionError(statement)
assert not hasattr(torch, "no_such") and not hasattr(torch.nn, "no_such") and getattr(torch, "no_such", 3) == 3
print("said")
"""
    assert on_kagari(code) == "said"


def test_packages_that_are_written_for_pytorch_alone(tmp_path: Path) -> None:
    """One that is installed says so when it is imported; one that is not is not found, as programs ask first."""
    find = "import importlib.util\nprint(importlib.util.find_spec('torchtext') is not None)"
    assert on_kagari(find) == "False"
    (tmp_path / "torchtext.py").write_text("import torch")
    path = os.pathsep.join((str(tmp_path), str(Path(kagari.__file__).parents[1])))
    assert run("-m", "kagari", "-c", find, PYTHONPATH=path) == "True"
    said = run("-m", "kagari", "-c", "import torchtext", PYTHONPATH=path, fails=True)
    assert "torchtext is not there yet: torch is Kagari here" in said


def test_an_imported_pytorch_is_not_replaced() -> None:
    code = "import sys, types, kagari; sys.modules['torch'] = types.ModuleType('torch'); kagari.install_as_torch()"
    assert "PyTorch is imported already" in run("-c", code, fails=True)


def test_scripts_modules_and_code(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("import torch\nvalue = torch.ones(1).item()\n")
    body = "import sys, beside, os\nprint(sys.argv[1:], beside.value, __name__, os.path.basename(sys.argv[0]))\n"
    (tmp_path / "program.py").write_text(body)
    assert run("-m", "kagari", str(tmp_path / "program.py"), "-a", "b") == "['-a', 'b'] 1.0 __main__ program.py"
    assert run("-m", "kagari", "-m", "program", "-m", "b", cwd=tmp_path) == "['-m', 'b'] 1.0 __main__ program.py"
    assert run("-m", "kagari", "-c", body, "x", cwd=tmp_path) == "['x'] 1.0 __main__ -c"
    assert "usage: python -m kagari" in run("-m", "kagari", "--help")
    assert "can't open file" in run("-m", "kagari", str(tmp_path / "missing.py"), fails=True)
    assert "can't make sense of -x" in run("-m", "kagari", "-x", fails=True)
    (tmp_path / "leaves.py").write_text("import sys, threading\nsys.exit(3)\n")
    result = subprocess.run([sys.executable, "-m", "kagari", str(tmp_path / "leaves.py")])
    assert result.returncode == 3


def test_classes_of_the_program_can_be_pickled(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("""
import io, torch

class Net(torch.nn.Linear):
    pass

file = io.BytesIO()
torch.save(Net(2, 1), file)
file.seek(0)
print(type(torch.load(file, weights_only=False)) is Net)
""")
    assert run("-m", "kagari", str(program)) == "True"


def test_tensors_are_of_the_class_that_programs_name() -> None:
    code = "import {0}, pickle; print({0}.Tensor, pickle.loads(pickle.dumps({0}.Tensor)) is {0}.Tensor)"
    assert on_kagari(code.format("torch")) == "<class 'torch.Tensor'> True"
    assert run("-c", code.format("kagari")) == "<class 'kagari.Tensor'> True"
