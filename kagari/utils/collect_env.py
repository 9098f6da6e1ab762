"""What a report of a fault should say of the machine and of what is installed: `python -m kagari.utils.collect_env`."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from typing import NamedTuple

from ..engine.code import get_num_threads
from ..runtime.cpu import host_target

_PACKAGES = ("numpy", "llvmlite", "pillow", "safetensors", "tensorboard", "torch", "torchvision")


class SystemEnv(NamedTuple):
    """The machine, and what is installed."""

    kagari_version: str
    os: str
    python_version: str
    python_platform: str
    cpu: str
    threads: int
    is_cuda_available: bool
    environment: dict[str, str]
    packages: dict[str, str]


def get_env_info() -> SystemEnv:
    """What there is."""
    target = host_target()
    installed = {}
    for name in _PACKAGES:
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return SystemEnv(
        kagari_version=sys.modules[__package__.partition(".")[0]].__version__,
        os=platform.platform(),
        python_version=sys.version.replace("\n", " "),
        python_platform=f"{platform.machine()} ({8 * target.vector_bytes} bits in a vector)",
        cpu=target.cpu,
        threads=get_num_threads(),
        is_cuda_available=False,
        environment={name: value for name, value in sorted(os.environ.items()) if name.startswith("KAGARI_")},
        packages=installed,
    )


def get_pretty_env_info() -> str:
    """The same as lines.

    >>> from kagari.utils.collect_env import get_pretty_env_info
    >>> get_pretty_env_info().splitlines()[0].partition(":")[0]
    'Kagari version'
    """
    env = get_env_info()
    lines = [
        ("Kagari version", env.kagari_version),
        ("OS", env.os),
        ("Python version", env.python_version),
        ("Python platform", env.python_platform),
        ("CPU", env.cpu),
        ("Threads", env.threads),
        ("Is CUDA available", env.is_cuda_available),
        *(f"{name}={value}".split("=", 1) for name, value in env.environment.items()),
        *((f"[pip3] {name}", version) for name, version in env.packages.items()),
    ]
    return "\n".join(f"{name}: {value}" for name, value in lines)


def main() -> None:
    """Prints them."""
    print(get_pretty_env_info())


__all__ = ["SystemEnv", "get_env_info", "get_pretty_env_info", "main"]

if __name__ == "__main__":
    main()
