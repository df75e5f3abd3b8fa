"""The verbs of a memory, by topic; `Memory` has them all."""
