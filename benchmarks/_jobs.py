"""Shared by the sweeps: command lines, processes, tables."""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import torch

Outcome = TypeVar("Outcome")


def arguments(description: str | None, cases: int) -> argparse.ArgumentParser:
    """The options that every sweep has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=cases, help=f"how many cases (default {cases:,})")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE as well")
    return parser


def with_device(parser: argparse.ArgumentParser) -> None:
    """Adds --device to the options of a sweep."""
    parser.add_argument("--device", default="cpu", help="cpu, or cuda where there is a GPU (default cpu)")


def device_named(name: str) -> torch.device:
    """The device of that name. Exits with a sentence where this build or machine has none."""
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        built = "this machine has no GPU" if torch.version.cuda else f"torch {torch.__version__} is built without CUDA"
        raise SystemExit(
            f"--device {name}: {built}. Run it where torch.cuda.is_available() is true, or with --device cpu"
        )
    return device


def on_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The tensor, on that device; a leaf there that requires a gradient where ``tensor`` does."""
    if tensor.device.type == device.type:
        return tensor
    return tensor.detach().to(device).requires_grad_(tensor.requires_grad)


def one_thread() -> None:
    """The tensors of a sweep are small: threads would only get into each other's way."""
    torch.set_num_threads(1)


def outcomes(work: Callable[[Any], Outcome], tasks: Iterable[Any], jobs: int) -> Iterator[Outcome]:
    """The outcome of each task, as they come in, from ``jobs`` processes."""
    if jobs <= 1:
        one_thread()
        yield from map(work, tasks)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, initializer=one_thread) as pool:
        yield from pool.imap_unordered(work, tasks)


def spread_cases(total: int, each: int) -> list[tuple[int, int]]:
    """(index, count) of the tasks that make ``total`` cases, ``each`` at a time."""
    return [(i, min(each, total - i * each)) for i in range((total + each - 1) // each)]


def finish(title: str, figures: dict[str, Any], started: float, path: Path | None) -> None:
    """Prints the figures, a line each, and writes them to ``--json``."""
    figures = {**figures, "seconds": round(time.monotonic() - started, 1)}
    print(title)
    for key, value in figures.items():
        if isinstance(value, dict):
            print(f"  {key}:")
            for inner, number in value.items():
                print(f"    {inner}: {number}")
        else:
            print(f"  {key}: {value}")
    if path is not None:
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
