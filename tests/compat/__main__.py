"""`make compat`: takes KerasTuner's own tests of `hp` from its source distribution, and runs them on ours.

The source distribution of 1.4.8 has no tests in it. Where that is so, it is said, and our own run instead: they hold
our `hp` to KerasTuner's class. Nothing of what is fetched is kept but in a cache.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CACHE = ROOT / ".pytest_cache" / "compat"
OURS = "tests/models/test_hp.py"
# Folders of KerasTuner's whose tests are about hyperparameters.
ABOUT = ("hyperparameters", "hp_types", "conditions")


def main(arguments: list[str]) -> int:
    archive = fetched(version("keras-tuner"))
    with tarfile.open(archive) as opened, tempfile.TemporaryDirectory() as folder:
        files = [member for member in opened.getmembers() if member.isfile()]
        wanted = [member for member in files if about_hp(member.name)]
        tests = sum(member.name.endswith("_test.py") for member in files)
        print(
            f"{archive.name}: {len(files)} files, {tests} of them tests, {len(wanted)} of these about hyperparameters"
        )
        if not wanted:
            print(f"so {OURS} is run instead", flush=True)
            return pytest(OURS, *arguments)
        # Each in a folder of its own: some have the same name.
        for place, member in enumerate(wanted):
            opened.extract(member, Path(folder) / str(place), filter="data")
        found = sorted(str(path) for path in Path(folder).rglob("*_test.py"))
        return pytest(
            "-p",
            "tests.compat.ours",
            "-c",
            "/dev/null",
            "--import-mode=importlib",
            f"--rootdir={folder}",
            "-rs",
            *found,
            *arguments,
        )


def about_hp(name: str) -> bool:
    return name.endswith("_test.py") and any(part in name for part in ABOUT)


def fetched(release: str) -> Path:
    """The source distribution of a release, from wherever pip fetches; once."""
    CACHE.mkdir(parents=True, exist_ok=True)
    if not (there := list(CACHE.glob(f"keras_tuner-{release}.tar.gz"))):
        command = ["download", "--quiet", "--disable-pip-version-check", "--no-binary", ":all:", "--no-deps"]
        command += ["--no-build-isolation", "--dest", str(CACHE), f"keras-tuner=={release}"]
        subprocess.run([sys.executable, "-m", "pip", *command], check=True)
        there = list(CACHE.glob(f"keras_tuner-{release}.tar.gz"))
    return there[0]


def pytest(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
