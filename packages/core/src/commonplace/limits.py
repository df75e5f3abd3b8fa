"""The limits on what one call may carry, in one place.

They bound the work that a single hostile or mistaken argument can cause (OWASP agentic threat T4,
resource exhaustion). Each is far above ordinary use.
"""

from __future__ import annotations

MAX_CONTENT_CHARACTERS = 1_000_000
MAX_VALUE_CHARACTERS = 4_000_000
MAX_METADATA_CHARACTERS = 64_000
MAX_METADATA_KEYS = 256
MAX_TAGS = 256
MAX_TAG_CHARACTERS = 256
MAX_ID_CHARACTERS = 512
MAX_KEY_CHARACTERS = 4096
MAX_QUERY_CHARACTERS = 64_000
MAX_PAGE = 100_000
MAX_OFFSET = 2**62
MAX_FILTER_DEPTH = 16
MAX_FILTER_LEAVES = 256
MAX_VECTORS_PER_RECORD = 4096
MAX_DIMENSION = 16_384
MAX_REASON_CHARACTERS = 4_000
MAX_HOPS = 32
MAX_LINKS_READ = 10_000
MAX_LINKS_OF_A_RECORD = 200
