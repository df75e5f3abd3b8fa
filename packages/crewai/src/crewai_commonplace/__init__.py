"""Commonplace as the memory, knowledge and flow storage of CrewAI."""
