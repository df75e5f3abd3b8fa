"""Commonplace as AutoGen memory and chat context."""
