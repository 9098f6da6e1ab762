"""Starts a program several times, each process with its number: PyTorch's `torchrun`.

    python -m kagari -m torch.distributed.run --standalone --nproc-per-node 2 train.py --epochs 3
    python -m kagari.distributed.run ...                        the same

On several machines, each is told how many there are and where they meet, a host and port of one of them:

    ... --nnodes 2 --rdzv-endpoint first:29400 --nproc-per-node 8 train.py

A process finds its number in `RANK`, how many there are in `WORLD_SIZE` and its number on the machine in `LOCAL_RANK`:
`torch.distributed.init_process_group` needs no more. In the program, `import torch` means Kagari. If a process
fails, the others are ended, and all are started again as often as `--max-restarts` says.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from . import agent
from .agent import Job, JobFailedError
from .errors import DistNetworkError
from .network.store_tcp import TCPStore
from .store import PrefixStore

_PACKAGE = agent.__name__.partition(".")[0]  # this module may run as a program, under another name
_PORT = 29400


def get_args_parser() -> argparse.ArgumentParser:
    """What the command line may say."""
    parser = argparse.ArgumentParser("torchrun", description=__doc__.partition("\n")[0])

    def add(name: str, **options: object) -> None:
        names = dict.fromkeys([f"--{name}", f"--{name.replace('-', '_')}"])
        parser.add_argument(*names, **options)  # type: ignore[arg-type]

    add("nnodes", default="1", help="how many machines, or min:max, of which the larger is meant")
    add("nproc-per-node", default="1", help="how many processes on each: a number, or 'cpu' or 'auto' for one a core")
    add("rdzv-backend", default="static", help="c10d and static, which are the same here")
    add("rdzv-endpoint", default="", help="host:port where machines meet")
    add("rdzv-id", default="none", help="a name of the job")
    add("rdzv-conf", default="", help="accepted")
    add("standalone", action="store_true", help="one machine, which needs no place to meet")
    add("max-restarts", type=int, default=0, help="how often all processes are started again after one has failed")
    add("monitor-interval", type=float, default=0.1, help="how often, in seconds, processes are looked after")
    add("start-method", default="spawn", choices=["spawn", "fork", "forkserver"], help="accepted")
    add("role", default="default", help="a name of the processes")
    parser.add_argument("-m", "--module", action="store_true", help="the program is a module")
    add("no-python", action="store_true", help="the program is no Python program")
    add("log-dir", default=None, help="where output is kept")
    parser.add_argument("-r", "--redirects", default="0", help="streams kept in files: 1, 2, 3 for both, or 0:1,1:2")
    parser.add_argument("-t", "--tee", default="0", help="streams kept in files and shown; as --redirects")
    add("node-rank", type=int, default=None, help="the number of this machine; told by who comes first otherwise")
    add("master-addr", default="127.0.0.1", help="the first machine, where --rdzv-endpoint does not say it")
    add("master-port", type=int, default=29500, help="its port")
    add("local-addr", default=None, help="accepted")
    add("signals-to-handle", default="SIGTERM,SIGINT,SIGHUP,SIGQUIT", help="signals that the processes get, too")
    add("shutdown-timeout", type=float, default=30.0, help="seconds before a process that does not end is killed")
    parser.add_argument("training_script", help="the program")
    parser.add_argument("training_script_args", nargs=argparse.REMAINDER)
    return parser


def parse_args(args: Sequence[str] | None) -> argparse.Namespace:
    """The command line, read."""
    return get_args_parser().parse_args(args)


def _processes(text: str) -> int:
    if text in ("auto", "cpu"):
        return os.cpu_count() or 1
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"Unsupported nproc_per_node value: {text}") from None


def _command(args: argparse.Namespace) -> list[str]:
    """A process's command: the program under Kagari, which stands for PyTorch."""
    script = [args.training_script, *args.training_script_args]
    if args.no_python:
        if args.module:
            raise ValueError("Don't use both the '--no-python' flag and the '--module' flag at the same time.")
        return script
    return [sys.executable, "-u", "-m", _PACKAGE, *(["-m"] if args.module else []), *script]


def _streams(text: str) -> Callable[[int], int]:
    """Which streams of a process `--redirects` or `--tee` means."""
    if ":" not in text:
        return lambda number: int(text)
    by_number = {int(number): int(which) for number, which in (part.split(":") for part in text.split(","))}
    return lambda number: by_number.get(number, 0)


def _meet(args: argparse.Namespace, nodes: int, timeout: timedelta) -> tuple[TCPStore, int]:
    """The store of a job, which one of the machines keeps, and the number of this machine."""
    if args.standalone or nodes == 1:
        return TCPStore("localhost", 0, is_master=True, wait_for_workers=False), 0
    host, _, port = args.rdzv_endpoint.rpartition(":")
    if not host:
        host, port = args.rdzv_endpoint or args.master_addr, str(_PORT if args.rdzv_endpoint else args.master_port)
    if args.node_rank == 0:
        return TCPStore(host, int(port), is_master=True, wait_for_workers=False, timeout=timeout), 0
    if args.node_rank is not None:
        return TCPStore(host, int(port), timeout=timeout), args.node_rank
    try:  # who can listen there keeps it
        store = TCPStore(host, int(port), is_master=_is_here(host), wait_for_workers=False, timeout=timeout)
    except DistNetworkError:
        store = TCPStore(host, int(port), timeout=timeout)
    return store, PrefixStore(f"run/{args.rdzv_id}", store).add("machines", 1) - 1


def _is_here(host: str) -> bool:
    return host in ("localhost", "127.0.0.1", "::1", os.uname().nodename if hasattr(os, "uname") else "")


def run(args: argparse.Namespace) -> None:
    """Does what a command line says. JobFailedError where a process of this machine fails in the end."""
    nodes, count = int(str(args.nnodes).rpartition(":")[2]), _processes(args.nproc_per_node)
    if nodes > 1 and args.max_restarts:
        raise ValueError("--max-restarts is for one machine: processes of several are not started again")
    store, node = _meet(args, nodes, timedelta(minutes=5))
    identity = uuid.uuid4().hex if args.standalone else args.rdzv_id
    if count > 1 and "OMP_NUM_THREADS" not in os.environ:
        os.environ["OMP_NUM_THREADS"] = "1"
    kept, shown = _streams(args.redirects), _streams(args.tee)
    wanted = args.redirects != "0" or args.tee != "0"
    folder = Path(args.log_dir or tempfile.mkdtemp(prefix="torchelastic_")) / identity if wanted else None

    def environment(number: int) -> Mapping[str, str]:
        rank, total = str(node * count + number), str(nodes * count)
        return {
            "RANK": rank, "WORLD_SIZE": total, "LOCAL_RANK": str(number), "LOCAL_WORLD_SIZE": str(count),
            "GROUP_RANK": str(node), "GROUP_WORLD_SIZE": str(nodes), "ROLE_RANK": rank, "ROLE_WORLD_SIZE": total,
            "ROLE_NAME": args.role, "MASTER_ADDR": store.host, "MASTER_PORT": str(store.port),
            "TORCHELASTIC_MAX_RESTARTS": str(args.max_restarts), "TORCHELASTIC_RUN_ID": identity,
            "TORCHELASTIC_USE_AGENT_STORE": "True",
        }  # fmt: skip

    names = [name for name in args.signals_to_handle.split(",") if hasattr(signal, name)]
    try:
        agent.run(
            Job(
                command=_command(args),
                name=args.training_script,
                count=count,
                environment=environment,
                role=args.role,
                max_restarts=args.max_restarts,
                interval=args.monitor_interval,
                patience=args.shutdown_timeout,
                log_dir=folder,
                streams=lambda number: (kept(number), shown(number)),
                signals=[signal.Signals[name] for name in names],
            )
        )
        if nodes > 1:  # the machine that keeps the store goes last
            ended = PrefixStore(f"run/{identity}", store)
            ended.add("ended", 1)
            if node == 0:
                _wait_for_all(ended, nodes)
    finally:
        if folder is not None and args.log_dir is None:
            shutil.rmtree(folder.parent, ignore_errors=True)


def _wait_for_all(store: PrefixStore, nodes: int) -> None:
    while store.add("ended", 0) < nodes:
        time.sleep(0.1)


def main(args: Sequence[str] | None = None) -> None:
    """Does what the command line says; the exit code is 1 where a process fails."""
    try:
        run(parse_args(args))
    except JobFailedError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
