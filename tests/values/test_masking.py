from __future__ import annotations

import pytest

from commonplace.masking import masked


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/srv/memory", "/srv/memory"),
        ("postgresql+psycopg://db.example/memory", "postgresql+psycopg://db.example/memory"),
        ("postgresql://alice@host/db", "postgresql://alice@host/db"),
        ("postgresql://alice:hunter2@host:5432/db", "postgresql://alice@host:5432/db"),
        ("postgresql://alice:hun@ter2@host/db", "postgresql://alice@host/db"),
        ("postgresql://alice:hun/ter?2@host/db", "postgresql://alice@host/db"),
        ("postgresql://:hunter2@host/db", "postgresql://host/db"),
        (
            "postgresql://host/db?user=a&password=hunter2&sslmode=require",
            "postgresql://host/db?user=a&password=***&sslmode=require",
        ),
        ("postgresql:///db?sslpassword=hunter2", "postgresql:///db?sslpassword=***"),
        ("https://hunter2@host:8000", "https://***@host:8000"),
        ("HTTP://hunter2@host:8000", "HTTP://***@host:8000"),
        ("https://host:8000/path?api_key=hunter2&x=1", "https://host:8000/path?api_key=***&x=1"),
    ],
)
def test_what_is_shown_of_a_place(text: str, shown: str) -> None:
    assert masked(text) == shown
    assert "hunter2" not in masked(text)
