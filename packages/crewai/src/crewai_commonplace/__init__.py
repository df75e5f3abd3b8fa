"""Commonplace as the memory, knowledge and flow storage of CrewAI."""

from __future__ import annotations

from crewai_commonplace.embedding import CommonplaceEmbeddings, OwnEmbedding
from crewai_commonplace.flows import CommonplaceFlowPersistence
from crewai_commonplace.knowledge import CommonplaceKnowledgeStorage
from crewai_commonplace.memory import CommonplaceMemory, commonplace_memory
from crewai_commonplace.registration import register
from crewai_commonplace.storage import CommonplaceStorage
from crewai_commonplace.stores import open_storage

__all__ = [
    "CommonplaceEmbeddings",
    "CommonplaceFlowPersistence",
    "CommonplaceKnowledgeStorage",
    "CommonplaceMemory",
    "CommonplaceStorage",
    "OwnEmbedding",
    "commonplace_memory",
    "open_storage",
    "register",
]
