"""Where compiled programs are kept from search to search: in the user's cache folder, bounded in size.

XLA has a cache of its own, whose keys hold the names of functions, and TensorFlow numbers those by how many were traced
before. `compiled` gives them names that depend on the program alone, so that the cache hits whatever came first.
Both sides write beside and rename, so that searches side by side read whole files or none.

No TensorFlow is imported here, because its flags must be set before it is.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path

from tuner.home import user_cache

# Bytes that programs may take; one of ten layers takes 3 MB.
LIMIT = 512 * 2**20
# Measured on programs of 5 and 10 layers: the first level compiles in 0.7 of the time of the usual third and runs as
# fast; vectors of 512 bits run in 0.85 of the time of those of 256, where the machine has them. With loops that read
# the same tensors made into one, ten layers compile in 0.75 of the time and run in 0.93.
# What did not help: without fusion emitters two layers of 256 compile in 0.85 of the time and run 1.6 times as long; at
# level 0 they compile in 0.65 of it and run 3 times as long; fewer or more parts of code, and no expensive passes,
# change neither. XLA makes its code on all cores as it is, whatever number of threads TensorFlow has.
_FLAGS = (
    "--xla_backend_optimization_level=1",
    "--xla_cpu_prefer_vector_width=512",
    "--xla_backend_extra_options=xla_cpu_use_multi_output_fusion",
)


def prepare() -> None:
    """Sets the compiler's flags. Must be called before TensorFlow is imported; flags of the user's own come last."""
    folder = programs()
    _set("XLA_FLAGS", *_FLAGS)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _bound(folder)
        usable = os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > LIMIT
    except OSError:
        usable = False
    if usable:  # else programs are compiled anew each time: XLA gives up on one that it cannot write
        _set("TF_XLA_FLAGS", f"--tf_xla_persistent_cache_directory={folder}", "--tf_xla_persistent_cache_prefix=xla")


def _set(name: str, *flags: str) -> None:
    own = os.environ.get(name, "").split()
    os.environ[name] = " ".join([*(flag for flag in flags if flag not in own), *own])


def programs() -> Path:
    """The folder of programs that this machine, these libraries and this code can share."""
    own = [flag for flag in os.environ.get("XLA_FLAGS", "").split() if flag not in _FLAGS]
    return user_cache() / "programs" / digest(metadata.version("tensorflow"), _machine(), *_FLAGS, *own, _source())


def digest(*parts: str) -> str:
    """A short name for what the parts say together."""
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()


def _machine() -> str:
    """The processor with what it can do: a compiled program may use all of it."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith(("flags", "Features")):
                return line
    return f"{platform.machine()} {platform.processor()}"


@cache
def _source() -> str:
    """The code that writes programs, so that a change of it never meets the programs of before."""
    here = Path(__file__).parent
    files = [*sorted(here.glob("*.py")), here.parents[1] / "tunables.py", here.parents[1] / "metrics.py"]
    return digest(*(file.read_text(encoding="utf-8") for file in files))


def _bound(folder: Path) -> None:
    """Deletes programs beyond the limit: those of other versions first, then the oldest.

    One that another search is about to read is compiled again.
    """
    files = sorted(_files(folder.parent), key=lambda each: (each[2].parent == folder, each[0]), reverse=True)
    total = 0
    for _, size, path in files:
        total += size
        if total > LIMIT:
            with suppress(OSError):  # it may be somebody else's
                path.unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[tuple[float, int, Path]]:
    for path in folder.rglob("*"):
        with suppress(OSError):  # another search may have deleted it
            if path.is_file() and path.suffix != ".lock":
                found = path.stat()
                yield found.st_mtime, found.st_size, path
