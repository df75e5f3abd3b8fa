"""What others have to have installed."""

from __future__ import annotations

import importlib
from typing import Any

from commonplace.errors import InvalidInputError


def imported(module: str, distribution: str = "") -> Any:
    """A module that is not among the requirements of this package.

    Raises:
        InvalidInputError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = distribution or module
        raise InvalidInputError(f"{missing} is not installed; pip install it first") from error
