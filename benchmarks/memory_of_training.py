"""Peak memory of a training, with ten times the images over that with one; streaming or not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from common import arguments, verdict
from pictures import SMALL, pictured

CHILD = """
import sys, torch
from pathlib import Path
from glassdask.campaign import load
from glassdask.stages.learning import fit
fit(load(Path(sys.argv[1]), [f"train.streaming={sys.argv[2]}"]), torch.device("cpu"))
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def peak(folder: Path, streaming: str) -> int:
    """Peak memory of a process that trains for one epoch, kB."""
    words = [sys.executable, "-c", CHILD, str(folder), streaming]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return int(said.split()[-1])


def main() -> None:
    options = arguments(
        __doc__,
        runs=(int, 100, "runs, of two images"),
        particles=(int, 2000, "particles"),
        times=(int, 10, "factor of the second number of runs"),
    )
    sizes = (options.runs, options.runs * options.times)
    found = {}
    for runs in sizes:
        made = pictured(runs, options.particles, "train.epochs=1", *SMALL)
        for streaming in ("true", "false"):
            memory = peak(made.path, streaming)
            found[runs, streaming] = memory
            how = "streaming" if streaming == "true" else "in memory"
            print(f"  {runs} runs, {how}: {memory / 1024:.0f} MiB", flush=True)
            # the next training must not continue this one
            (made.path / "model" / "checkpoint.pt").unlink()
    for streaming, wanted in (("true", 1.2), ("false", 0.0)):
        ratio = found[sizes[1], streaming] / found[sizes[0], streaming]
        how = "streaming" if streaming == "true" else "in memory"
        print(
            f"peak memory of a training with {options.times} times the images, {how}: "
            f"{ratio:.2f}; {verdict(ratio, at_most=wanted)}"
        )


if __name__ == "__main__":
    main()
