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
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path

from tuner.home import user_cache

# Bytes that programs may take; one of ten layers takes 3 MB.
LIMIT = 512 * 2**20
# Measured on programs of 5 and 10 layers: the first level compiles in 0.7 of the time of the usual third and runs as
# fast; vectors of 512 bits run in 0.85 of the time of those of 256, where the machine has them.
_FLAGS = ("--xla_backend_optimization_level=1", "--xla_cpu_prefer_vector_width=512")


def prepare() -> None:
    """Sets the compiler's flags. Must be called before TensorFlow is imported; flags of the user's own come last."""
    folder = programs()
    with suppress(OSError):  # without a folder programs are compiled anew each time
        folder.mkdir(parents=True, exist_ok=True)
        _bound(folder.parent)
    _set("XLA_FLAGS", *_FLAGS)
    _set("TF_XLA_FLAGS", f"--tf_xla_persistent_cache_directory={folder}", "--tf_xla_persistent_cache_prefix=xla")


def _set(name: str, *flags: str) -> None:
    own = os.environ.get(name, "").split()
    os.environ[name] = " ".join([*(flag for flag in flags if flag not in own), *own])


def programs() -> Path:
    """The folder of programs that this machine, these libraries and this code can share."""
    return user_cache() / "programs" / digest(metadata.version("tensorflow"), _machine(), *_FLAGS, _source())


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
    files = sorted(Path(__file__).parent.glob("*.py"))
    return digest(*(file.read_text(encoding="utf-8") for file in files))


def _bound(folder: Path) -> None:
    """Deletes the oldest files beyond the limit. One that another search is about to read is compiled again."""
    files = sorted(_files(folder), reverse=True)
    total = 0
    for _, size, path in files:
        total += size
        if total > LIMIT:
            path.unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[tuple[float, int, Path]]:
    for path in folder.rglob("*"):
        with suppress(OSError):  # another search may have deleted it
            if path.is_file():
                found = path.stat()
                yield found.st_mtime, found.st_size, path
