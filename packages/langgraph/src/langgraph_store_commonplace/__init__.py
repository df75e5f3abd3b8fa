"""Commonplace as a LangGraph store."""
