from __future__ import annotations

import os
import warnings

# CrewAI reads these when it is imported; its documents name them.
os.environ["CREWAI_DISABLE_TELEMETRY"] = "true"
os.environ["CREWAI_TRACING_ENABLED"] = "false"
os.environ["OTEL_SDK_DISABLED"] = "true"

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of CrewAI's own imports
    import crewai.memory.unified_memory  # noqa: F401  # pyright: ignore[reportUnusedImport] - for what it warns of
