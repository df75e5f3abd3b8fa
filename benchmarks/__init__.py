"""Measures Commonplace against its peers: `python -m benchmarks`."""
