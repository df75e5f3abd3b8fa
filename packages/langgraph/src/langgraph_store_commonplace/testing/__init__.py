"""A conformance suite for LangGraph stores: does any `BaseStore` keep its contract?

```python
from langgraph_store_commonplace.testing import validate

print(validate(lambda *, index, ttl: MyStore(index=index), name="MyStore"))
```

As tests of pytest: subclass `StoreConformance`. What the suite asks rests on LangGraph's own
docstrings, its tests, and the threads in which its users met the opposite.
"""

from __future__ import annotations

from langgraph_store_commonplace.testing._case import BASE, CAPABILITIES, Case, Factory, Trial
from langgraph_store_commonplace.testing._embeddings import WordEmbeddings
from langgraph_store_commonplace.testing._report import (
    Outcome,
    Report,
    case_table,
    summary_table,
)
from langgraph_store_commonplace.testing._validate import StoreConformance, cases, validate

__all__ = [
    "BASE",
    "CAPABILITIES",
    "Case",
    "Factory",
    "Outcome",
    "Report",
    "StoreConformance",
    "Trial",
    "WordEmbeddings",
    "case_table",
    "cases",
    "summary_table",
    "validate",
]
