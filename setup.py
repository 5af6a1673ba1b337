"""Packaging of kerasnp."""

import re
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent

setup(
    name="kerasnp",
    version=re.search(r'__version__ = "(.+)"', (here / "kerasnp/__init__.py").read_text(encoding="utf-8")).group(1),
    description="The Keras Sequential API in pure NumPy: trains on a CPU, reads and writes Keras's own files.",
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    packages=find_packages(include=["kerasnp", "kerasnp.*"]),
    package_data={"kerasnp": ["py.typed"]},
    python_requires=">=3.10",
    install_requires=["numpy>=1.26", "h5py", "tabulate", "tqdm"],
    extras_require={
        "viz": ["matplotlib"],
        "image": ["pillow"],
        "test": ["pytest", "pytest-xdist", "ruff", "matplotlib", "pillow", "pandas", "hypothesis"],
    },
)
