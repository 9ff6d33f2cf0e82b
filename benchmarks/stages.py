"""Where a compile's time goes: `python stages.py PROJECT [EDITED]` compiles in this process and prints seconds as JSON.

`import` is the start of everything before the first stage; `all` is the rest, from the first file read to the last written. With
EDITED, a file of the project, it is the second compile that is measured: that file is edited in between.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BEGIN = time.perf_counter()

import orjson  # noqa: E402 (its import is a part of what is measured)

from meshgen import pipeline  # noqa: E402 (as above)
from meshgen.deliver.plan import plan_writes  # noqa: E402 (as above)
from meshgen.deliver.write import write  # noqa: E402 (as above)
from meshgen.outputs import istio_tree  # noqa: E402 (as above)

STAGES = {
    "load": "load",
    "decode_intents": "decode",
    "decode_natives": "decode",
    "decode_facts": "decode",
    "lower": "lower",
    "link": "link",
    "check": "check",
    "emit_istio": "emit",
    "all_proxies": "proxies",
}
"""Functions of the pipeline → the stage that they are."""


class Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its time counted to the stage."""

        def call(*values: Any, **named: Any) -> Any:  # noqa: ANN401 (whatever the stage takes)
            start = time.perf_counter()
            try:
                return function(*values, **named)
            finally:
                self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start

        return call


def compile_once(root: Path, clock: Clock) -> None:
    """One compile to Istio files, all of its stages on the clock."""
    result = pipeline.compile_project(root)
    assert result.project is not None, "the workload compiles"
    output = result.project.outputs.istio
    assert output is not None, "the workload has an Istio output"
    tree = clock.timed("layout + render", istio_tree)(result, output, root / output.directory)
    plan = clock.timed("write", plan_writes)(tree.files, tree.directory)
    clock.timed("write", write)(plan)


def main(project: str, edited: str = "") -> None:
    """Measure and print."""
    gc.disable()  # as the command line does
    imported = time.perf_counter() - BEGIN
    root = Path(project)
    if edited:
        compile_once(root, Clock())
        path = root / edited
        path.write_text(path.read_text().replace("weight: 10", "weight: 25"))
    clock = Clock()
    for name, stage in STAGES.items():
        setattr(pipeline, name, clock.timed(stage, getattr(pipeline, name)))
    start = time.perf_counter()
    compile_once(root, clock)
    whole = time.perf_counter() - start
    sys.stdout.buffer.write(orjson.dumps({**clock.seconds, "all": whole, "import": imported}))
    sys.stdout.flush()
    os._exit(0)  # giving the memory back is measured in the whole process


if __name__ == "__main__":
    main(*sys.argv[1:])
