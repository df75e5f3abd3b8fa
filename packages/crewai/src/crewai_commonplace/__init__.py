"""Commonplace as the memory, knowledge and flow storage of CrewAI."""

from __future__ import annotations

from crewai_commonplace.storage import CommonplaceStorage

__all__ = ["CommonplaceStorage"]
