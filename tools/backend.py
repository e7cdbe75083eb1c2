# SPDX-License-Identifier: MIT
"""How pip builds the package: setuptools' own backend, which asks for SWIG from PyPI too where nothing else has it.

A source distribution brings what SWIG makes, and a machine may have a SWIG; then nothing is asked for.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403

_SHIPPED = Path(__file__).resolve().parent.parent / "bindings" / "swig" / "made"


def _needs() -> list[str]:
    return [] if _SHIPPED.exists() or shutil.which("swig") else ["swig>=4.1"]


def get_requires_for_build_sdist(config_settings: Any = None) -> list[str]:
    """What is needed to make a source distribution, besides pyproject.toml's own list."""
    return [*build_meta.get_requires_for_build_sdist(config_settings), *_needs()]


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """What is needed to build a wheel."""
    return [*build_meta.get_requires_for_build_wheel(config_settings), *_needs()]


def get_requires_for_build_editable(config_settings: Any = None) -> list[str]:
    """What is needed for an editable installation."""
    return [*build_meta.get_requires_for_build_editable(config_settings), *_needs()]
