"""Configuration: options of a memory out of arguments, the environment and a file.

Imported when it is asked for, and not with `commonplace`: it needs pydantic.
"""

from __future__ import annotations

from commonplace.configuration.keyfile import keys_from_file
from commonplace.configuration.loading import Configuration, Shown, load
from commonplace.configuration.settings import PREFIX, Settings

__all__ = ["PREFIX", "Configuration", "Settings", "Shown", "keys_from_file", "load"]
