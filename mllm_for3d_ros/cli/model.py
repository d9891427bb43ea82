"""``mllm-for3d model``: what a model file is and where it comes from."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

HELP = "show what a model file is: parameters, network, thresholds, figures, data, licence, where it comes from"
_FIRST = ("file", "kind", "network", "parameters", "inputs", "licence", "date", "sha256", "started_from")
_LAST = ("command", "settings", "classes")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("action", choices=("info",), help="what to do")
    parser.add_argument("file", type=Path, help="a .safetensors file with its .json card beside it")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    """Print what the file is; the status is 1 where its weights are not those that the card speaks of."""
    from mllm_for3d_ros.model_info import model_info

    info = model_info(args.file)
    print(json.dumps(info, indent=1, ensure_ascii=False) if args.json else table(info))
    return 0 if info["sha256_matches"] else 1


def table(info: dict[str, Any]) -> str:
    """Two columns, what it is and what it says; the settings last."""
    names = [name for name in _FIRST if name in info]
    names += [name for name in info if name not in (*_FIRST, *_LAST, "bytes", "sha256_matches", "parameters_by_part")]
    names += [name for name in _LAST if name in info]
    rows = [(name.replace("_", " "), _said(name, info)) for name in names]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {text}" for name, text in rows)


def _said(name: str, info: dict[str, Any]) -> str:
    value = info[name]
    if name == "file":
        return f"{value} ({info['bytes'] / 1e6:.1f} MB)"
    if name == "parameters":
        parts = ", ".join(f"{part} {count:,}" for part, count in info["parameters_by_part"].items())
        return f"{value:,} ({parts})"
    if name == "sha256":
        return (
            f"{value} ({'that of the file' if info['sha256_matches'] else 'NOT that of the file: restore both files'})"
        )
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{key} {{{_plain(v)}}}" if isinstance(v, dict) else f"{key} {_plain(v)}" for key, v in value.items()
        )
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) or "none"
    return str(value)
