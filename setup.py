"""One wheel with the four commands, the module and the man pages, for every CPython from 3.9 up (stable ABI)."""

import re
from pathlib import Path

from setuptools import setup
from setuptools_rust import Binding, RustBin, RustExtension, Strip

ROOT = Path(__file__).parent
VERSION = re.search(r'^version = "(.+)"', (ROOT / "Cargo.toml").read_text(), re.M).group(1)
COMMON = {"args": ["--locked"], "debug": False, "strip": Strip.Debug}


def pages():
    """Man pages, where `man` looks for those of a virtualenv's commands."""
    sections = {}
    for page in sorted(ROOT.glob("man/*.[1-8]")):
        sections.setdefault("share/man/man" + page.suffix[1:], []).append(str(page.relative_to(ROOT)))
    return sorted(sections.items())


setup(
    version=VERSION,
    data_files=pages(),
    rust_extensions=[
        # Lands beside the packages as uswgi_worker.abi3.so, where the launcher of the same environment looks.
        RustExtension(
            "uswgi_worker", path="uswgi-worker/module/Cargo.toml", binding=Binding.PyO3, py_limited_api=True, **COMMON
        ),
        *(
            RustBin(name, path=f"{name}/Cargo.toml", **COMMON)
            for name in ("uswgi-master", "uswgi-emperor", "uswgi-worker", "uswgi-ctl", "uswgi-conf")
        ),
    ],
    zip_safe=False,
)
