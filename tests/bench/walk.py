"""Walks through the whole product: random steps with a seed, and after them what no part can check alone.

    python -m tests.bench.walk [--seed N] [--walks N] [--steps N] [--minutes M] [--jobs N] [--tolerance S]
                               [--transport webrtc|websocket] [--mode hands-free|push-to-talk] [--server NAME]
                               [--model local-live]
                               [--clips FOLDER] [--keep FOLDER] [--shrink N] [--replay FILE]

Each walk is a process with its own sound server, local server and folders: the screen in a pty over the real engine.
A walk that ends with a violation is repeated with fewer and fewer steps (`--shrink` times at most) and printed as a
script; `--replay` repeats one. `walk_checks` holds what is checked. Exits with 1 after a violation. Linux only.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.bench.walk_steps import Plan, Step, plan_of

SERVERS = "real; quick: it hums and hears always the same; spawned: the one that voicechat starts itself"
LIMIT = 240.0
"""Seconds after which a walk counts as hung."""


def walked(plan: Plan, options: argparse.Namespace) -> dict[str, Any]:
    """One walk in a process of its own: what it found."""
    with tempfile.TemporaryDirectory(prefix="walk-") as folder:
        script, result = Path(folder, "plan.json"), Path(folder, "result.json")
        script.write_text(json.dumps(plan))
        command = [sys.executable, "-m", "tests.bench.walking", str(script), str(result)]
        command += ["--tolerance", str(options.tolerance), *(["--clips", options.clips] if options.clips else [])]
        kept = Path(options.keep or folder, f"{plan['seed']}-{time.time_ns() // 1_000_000}")
        process = subprocess.Popen([*command, "--folder", str(kept)], stderr=subprocess.PIPE, start_new_session=True)
        try:
            _, errors = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate()
        if result.exists():
            found: dict[str, Any] = json.loads(result.read_text())
        else:
            words = errors.decode(errors="replace")[-3000:]
            found = {"violations": [{"kind": "walker-failed", "what": words, "step": 0}], "kinds": {}, "skipped": []}
        if options.keep and not found["violations"]:
            shutil.rmtree(kept, ignore_errors=True)
        elif options.keep:
            found["folder"] = str(kept)
    return found


def shortened(plan: Plan, found: dict[str, Any], options: argparse.Namespace) -> Plan:
    """The fewest steps, within a number of trials, that end with a violation of the same kind (delta debugging)."""
    kinds = {violation["kind"] for violation in found["violations"]}
    left = options.shrink

    def fails(steps: Sequence[Step]) -> bool:
        nonlocal left
        left -= 1
        again = walked(plan | {"steps": list(steps)}, options)
        return bool(kinds & {violation["kind"] for violation in again["violations"]})

    steps = list(plan["steps"])
    last = max(violation["step"] for violation in found["violations"])
    if left > 0 and last + 1 < len(steps) and fails(steps[: last + 1]):
        steps = steps[: last + 1]
    parts = 2
    while left > 0 and len(steps) > 1:
        size = math.ceil(len(steps) / parts)
        tries = [steps[:start] + steps[start + size :] for start in range(0, len(steps), size)]
        smaller = next((one for one in tries if left > 0 and fails(one)), None)
        if smaller is not None:
            steps, parts = smaller, max(2, parts - 1)
        elif size == 1:
            break
        else:
            parts = min(len(steps), parts * 2)
    return plan | {"steps": steps}


def report(plan: Plan, found: dict[str, Any]) -> None:
    """One line a walk, and what it violated."""
    about = f"{plan['transport']} {plan['mode']} {plan['server']}"
    words = "; ".join(f"{one['kind']}: {one['what'][:300]} (step {one['step']})" for one in found["violations"]) or "ok"
    aside = f"  [{', '.join(found['skipped'])}]" if found["skipped"] else ""
    print(f"seed {plan['seed']:>6}  {about:<32} {found.get('seconds', 0.0):5.1f} s  {words}{aside}", flush=True)
    if folder := found.get("folder"):
        print(f"        kept in {folder}", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    options = _options(argv)
    ends = time.monotonic() + 60.0 * options.minutes if options.minutes else math.inf
    plans = _plans(options)
    kinds: Counter[str] = Counter()
    violated: Counter[str] = Counter()
    failed: list[tuple[Plan, dict[str, Any]]] = []
    done = 0

    def one(plan: Plan) -> tuple[Plan, dict[str, Any]] | None:
        return (plan, walked(plan, options)) if time.monotonic() < ends else None

    with ThreadPoolExecutor(options.jobs) as pool:
        for pair in pool.map(one, plans):
            if pair is None:
                continue
            plan, found = pair
            report(plan, found)
            done += 1
            kinds.update(found["kinds"])
            violated.update({violation["kind"] for violation in found["violations"]})
            if found["violations"]:
                failed.append(pair)
    for plan, found in failed if options.shrink else ():
        short = shortened(plan, found, options)
        print(f"\nseed {plan['seed']}: {len(short['steps'])} of {len(plan['steps'])} steps, for --replay:")
        print(json.dumps(short), flush=True)
    print(f"\n{done} walks, {sum(kinds.values())} steps, {len(failed)} walks with violations")
    print("steps: " + ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()))
    print("violations: " + (", ".join(f"{kind} {count}" for kind, count in violated.most_common()) or "none"))
    return 1 if failed else 0


def _plans(options: argparse.Namespace) -> list[Plan]:
    if options.replay:
        return [json.loads(Path(options.replay).read_text())] * options.walks
    chosen = {
        name: getattr(options, name) for name in ("transport", "mode", "server", "model") if getattr(options, name)
    }
    return [plan_of(seed, options.steps) | chosen for seed in range(options.seed, options.seed + options.walks)]


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    number: Callable[[str], int] = int
    parser.add_argument("--seed", type=number, default=random.randrange(1, 100_000))
    parser.add_argument("--walks", type=number, default=1)
    parser.add_argument("--steps", type=number, default=40)
    parser.add_argument("--minutes", type=float, default=0.0, help="begin no walk after so many")
    parser.add_argument("--jobs", type=number, default=1, help="walks at the same time")
    parser.add_argument("--tolerance", type=float, default=1.0, help="seconds added to every time limit")
    parser.add_argument("--transport", choices=("webrtc", "websocket"))
    parser.add_argument("--mode", choices=("hands-free", "push-to-talk"))
    parser.add_argument("--server", choices=("real", "quick", "spawned"), help=SERVERS)
    parser.add_argument("--model", default="", help="local-live: GPT-Live instead of the Realtime API")
    parser.add_argument("--clips", default="", help="folder of WAV files with speech; default: a synthetic voice")
    parser.add_argument("--keep", default="", help="folder for everything of walks with a violation")
    parser.add_argument("--shrink", type=number, default=12, help="most trials to shorten a walk with a violation")
    parser.add_argument("--replay", default="", help="a script that was printed; --walks times")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
