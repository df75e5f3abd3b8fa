"""Commonplace."""
