"""Redaction: what is found, what is let be, and that nothing of it is kept anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from commonplace import (
    HashingEmbedder,
    InvalidInputError,
    Memory,
    Redaction,
    RefusedError,
    Source,
)
from commonplace.clock import new_id
from commonplace.middleware.patterns import luhn

if TYPE_CHECKING:
    from pathlib import Path

ALL = Redaction()

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA\nabcd=\n-----END RSA PRIVATE KEY-----"
CUT = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAE\n"

SECRETS = {
    "email": [
        "bob@example.com",
        "bob.smith+tag@mail.example.co.uk",
        "o'brien@example.ie",
        "a_b%c@sub-domain.example.org",
        "jörg@münchen.de",
        "用户@例子.公司",
        "x@xn--80ak6aa92e.xn--p1ai",
        "bob＠example．com",  # noqa: RUF001 - full width, as some keyboards type it
        "alice@mastodon.social",
    ],
    "phone": [
        "+1.415.555.2671",
        "+33.612345678",
        "+14155552671",
        "+1 (415) 555-2671",
        "+1.415.555.2671",
        "+33.612345678",
        "+44 20 7946 0958",
        "+44 (0)20 7946 0958",
        "+49 (0) 170/1234567",
        "0049 170 1234567",
        "00491701234567",
        "+33 6 12 34 56 78",
        "+86 138 0013 8000",
        "+7 912 345-67-89",
        "+354 581 2345",
        "+49\u00a0170\u202f1234567",
        "(415) 555-2671",
        "(415)555-2671",
        "415-555-2671",
        "415.555.2671",
        "415 555 2671",
        "1-415-555-2671",
        "1 (800) 555-0199",
        "020 7946 0958",
        "(020) 7946 0958",
        "07700 900123",
        "07700900123",
        "0161 496 0000",
        "06 12 34 56 78",
        "06.12.34.56.78",
        "0612345678",
        "030 12345678",
        "0170 1234567",
        "0170/1234567",
        "0151 1234 5678",
        "089 / 123456",
        "0412 345 678",
        "(02) 9876 5432",
        "03-1234-5678",
        "079 123 45 67",
        "08-123 456 78",
        "0532 123 45 67",
        "8 (912) 345-67-89",
        "(11) 91234-5678",
        "138 0013 8000",
        "０３－１２３４－５６７８",  # noqa: RUF001 - as above
    ],
    "card": [
        "4111 1111 1111 1111",
        "4111111111111111",
        "4111-1111-1111-1111",
        "378282246310005",
        "3782 822463 10005",
        "5555555555554444",
        "2223003122003222",
        "6011111111111117",
        "30569309025904",
        "3566002020360505",
        "4222222222222",
        "6304 0000 0000 0000",
        "4000000000000000006",
    ],
    "key": [
        "sk-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKL",
        "sk-proj-abc123DEF456ghi789JKL012mno345",
        "sk-ant-api03-abcDEF123456-abcdefghijk_lmnop",
        "AKIAIOSFODNN7EXAMPLE",
        "ASIAIOSFODNN7EXAMPLE",
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz",
        "glpat-abcdefghij0123456789",
        "xox" + "b-123456789012-123456789012-abcdefABCDEF",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv",
        "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
        "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0T",
        PEM,
        PEM.replace("\n", "\\n"),
        PEM.replace("RSA ", "").replace("\nabcd=", ""),
        PEM.replace("RSA", "PGP").replace("KEY", "KEY BLOCK"),
        CUT,
    ],
}
# Longer texts, with what becomes of them.
TEXTS = {
    "Mail <bob@example.com>, or 'al@x.org'.": "Mail <[email]>, or '[email]'.",
    "mailto:bob@example.com?subject=hi": "mailto:[email]?subject=hi",
    "at bob@example.com:8080": "at [email]:8080",
    "a@b.org;c@d.org,e@f.org": "[email];[email],[email]",
    "a@b.org+c@d.org": "[email]",
    "(+44) 20 7946 0958": "([phone]",
    "(020 7946 0958)": "([phone])",
    "My phone number is 4155552671.": "My phone number is [phone].",
    "tel 555-0123, fax: 5550199": "tel [phone], fax: [phone]",
    "call 020 7946 0958 25 times": "call [phone] 25 times",
    "at 5 020 7946 0958": "at 5 [phone]",
    "call 415-555-2671. 3 times": "call [phone]. 3 times",
    "415-555-2671x12": "[phone]x12",
    "0170 1234567/0171 7654321,020 7946 0958": "[phone]/[phone],[phone]",
    "tel:+14155552671, or write": "tel:[phone], or write",
    "4111 1111 1111 1111 12/25": "[card] 12/25",
    "2024 4111 1111 1111 1111 123": "2024 [card] 123",
    "5555555555554444 4111111111111111": "[card] [card]",
    "Authorization: Bearer abcdef1234567890abcdef": "Authorization: Bearer [key]",
    "KEY=sk-abcdefghij0123456789; x": "KEY=[key]; x",
    "a\\nsk-abcdefghij0123456789": "a\\n[key]",
    f"{PEM} and {CUT}": "[key] and [key]\n",
    "4111111111111111 bob@x.org +49 170 1234567": "[card] [email] [phone]",
}

HARMLESS = [
    "2024-01-15 and 2024-01-15T10:30:00+01:00",
    "2024-01-15 10:30:45.123456",
    "01.02.2024 12:30",
    "01-02-2024 10:15",
    "05/06/2024, 15/01/2024 1234",
    "20240115 20240115103000 12:30:45 0830",
    "1700000000 1700000000000 1700000000000000",
    "mobile 2024-01-15 release, phone 12 of 15",
    "192.168.1.100, 10.0.0.1:8080, 255.255.255.255, phone 192.168.1.100",
    "2001:db8::ff00:42:8329",
    "1.2.3.4, v2.10.14-rc.1, Python 3.11.7, RFC 2822, C++11",
    "550e8400-e29b-41d4-a716-446655440000",
    "12345678-1234-1234-1234-123456789012",
    "commit 3f786850e387550fdab836ed7e6dc881de23001b",
    "$1,234,567.89 and 1.234.567,89 and 1 000 000 EUR and 50%",
    "+10 000 000, +1 000 000 000 USD, +123 456 789 EUR",
    "3.14159265358979 0.4111111111111111 +3.14159265 +49.1234567 1e+10",
    "123456789 1234567890 0123456789 12345-6789 90210 94105",
    "ISBN 978-3-16-148410-0, 0-306-40615-2, 9780306406157, ISSN 0378-5955",
    "4111 1111 1111 1112",  # a wrong check digit
    "4111111111111112",
    "0000 0000 0000 0000",
    "41111111111111111111",  # too long
    "a4111111111111111 4111111111111111b",
    "356938035643809",  # an IMEI
    "DE89 3704 0044 0532 0130 00, GB29 NWBK 6016 1331 9268 19",
    "pages 100-200, 24/7, 7-11, 1600x1200, 30-40-50, 555-2671",
    "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
    "lodash@4.17.21 react@18.2.0-rc.beta logo@2x.png user@localhost @alice @app.route a @ b.c",
    "git@github.com:owner/name.git",
    "scikit-learn and sk-learn-is-a-machine-learning-library, task-force-one-hundred-and-more",
    "AKIA and AKIAlowercase1234567, ghp_short, xoxo-xoxo",
    "eyJhbGciOiJIUzI1NiJ9 alone",
    "the bearer of good news, Bearer authentication-and-authorization",
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQ\n-----END PUBLIC KEY-----",
    "-----BEGIN PRIVATE KEY----- is how it starts",
]


@pytest.mark.parametrize(
    ("kind", "secret"), [(kind, secret) for kind, some in SECRETS.items() for secret in some]
)
def test_secrets_are_found_each_by_its_switch(kind: str, secret: str) -> None:
    text = f"It is {secret}, he said"
    rest = "\n" if secret.endswith("\n") else ""
    assert ALL.redact(text) == f"It is [{kind}]{rest}, he said"
    switch: dict[str, Any] = {f"{other}s": other == kind for other in SECRETS}
    assert f"[{kind}]" in Redaction(**switch).redact(text)
    off: dict[str, Any] = {f"{kind}s": False}
    assert f"[{kind}]" not in Redaction(**off).redact(text)


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_around_stays(text: str) -> None:
    assert ALL.redact(text) == TEXTS[text]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_alike_stays(text: str) -> None:
    assert ALL.redact(text) == text


def test_luhn() -> None:
    assert luhn("17893729974")
    assert luhn("4111111111111111")
    assert [digit for digit in range(10) if luhn(f"7992739871{digit}")] == [3]


WORDS = st.text(st.characters(exclude_categories=["Cs", "Nd"], exclude_characters="@＠"))  # noqa: RUF001 - full width


@given(WORDS, st.lists(st.integers(0, 999_999)), WORDS)
def test_text_without_secrets_is_unchanged(before: str, numbers: list[int], after: str) -> None:
    text = ", ".join([before, *map(str, numbers), after])
    assert ALL.redact(text) == text


FRAGMENTS = [secret for some in SECRETS.values() for secret in some[:6]] + list(
    "@.+-_'%:/()= \n\\x0159aA*[]"
)
MARKERS = st.sampled_from(["[{kind}]", "*", "<gone>", "«{kind}»"])


@given(st.lists(st.sampled_from([*FRAGMENTS, "phone ", "git@", ".com", "Bearer "])), MARKERS)
@example(["a@b.org", "+", "x@y.org", ".", "c@d.org"], "*")
@example(["+49 170 1234567", ".", "378282246310005"], "*")
@example(["+", "378282246310005", "-", "+49 170 1234567"], "*")
@example(["+49 170 1234567", "0/00", "4111 1111 1111 1111"], "*")
def test_redacting_again_changes_nothing(fragments: list[str], marker: str) -> None:
    redaction = Redaction(marker=marker)
    once = redaction.redact("".join(fragments))
    assert redaction.redact(once) == once


@given(st.text("01245 -.+()/:@a", max_size=60))
def test_redacting_digits_again_changes_nothing(text: str) -> None:
    once = ALL.redact(text)
    assert ALL.redact(once) == once


@given(st.uuids())
def test_ids_are_no_secrets(number: Any) -> None:
    for name in (str(number), number.hex, new_id()):
        if not name.isdecimal():
            assert ALL.redact(name) == name


HOSTILE = [
    *["a", "a@", "a.", "a@b.", "a@a.a.", "a'", "a@b.co-x@", "a@1.1.", "é", "\\n"],
    *["1", "1 ", "4111 ", "1-", "+1", "(1", "0012 ", "415-", "020 7946 0958 ", "phone "],
    *["sk-", "eyJ-", "eyJaaaaaaaa.", "xoxb-", "bearer a", "-", "-----BEGIN PRIVATE KEY-----"],
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_million_hostile_characters_end(piece: str) -> None:
    """Quadratic time would be hours, which the timeout of the tests would end."""
    text = (piece * 1_000_000)[:999_999] + "!"
    once = ALL.redact(text)
    assert once.endswith("!")


@pytest.mark.parametrize(
    "text", ["1" * 10**6 + "a", "a@" + "b." * 500_000, "4111 " * 200_000 + "1a"]
)
def test_a_long_run_that_fails_at_its_end_is_not_begun_again(text: str) -> None:
    assert ALL.redact(text) == text


@pytest.mark.parametrize(
    "marker", ["", "x", "[email", "email]", "{kind}", "+", "[a@b.org]", 1, "#"]
)
def test_a_marker_that_could_join_with_its_surroundings_is_refused(marker: Any) -> None:
    with pytest.raises(InvalidInputError, match="marker"):
        Redaction(marker=marker)


def test_the_marker_is_plain_text() -> None:
    text = Redaction(marker="<{kind} {0} {kind.__class__}>").redact("bob@example.com")
    assert text == "<email {0} {kind.__class__}>"


@pytest.mark.parametrize("switch", ["emails", "phones", "cards", "keys"])
def test_a_switch_is_true_or_false(switch: str) -> None:
    with pytest.raises(InvalidInputError, match=switch):
        Redaction(**{switch: 1})  # pyright: ignore[reportArgumentType] - on purpose


# Through a memory

MAIL, PHONE, CARD = "quillfeather@zymurgy.example", "+49 171 5550987", "4111 1111 1111 1111"
TOKEN = "sk-proj-zyxw9876vuts5432"  # noqa: S105 - made up
TRACES = ["quillfeather", "zymurgy", "5550987", "4111 1111", "zyxw9876"]


def opened(path: str | Path = ":memory:", **options: Any) -> Memory:
    return Memory(path, embedder=HashingEmbedder(64), middleware=[Redaction()], **options)


def test_every_part_is_redacted_and_the_report_says_what() -> None:
    with opened() as memory:
        record = memory.add(
            f"Write to {MAIL} or {MAIL}",
            value={"card": [CARD, {MAIL: 1, "n": 4111111111111111}], "none": None},
            metadata={"phone": PHONE, PHONE: {"key": TOKEN}},
            tags=["plain", MAIL, PHONE],
            source=Source(app="a", user=MAIL, thread="4111111111111111", uri=f"mailto:{MAIL}"),
        )
        assert record.content == "Write to [email] or [email]"
        assert record.value == {
            "card": ["[card]", {"[email]": 1, "n": 4111111111111111}],
            "none": None,
        }
        assert record.metadata == {
            "phone": "[phone]",
            "[phone]": {"key": "[key]"},
            "redacted": {"email": 6, "phone": 3, "card": 1, "key": 1},
        }
        assert record.tags == ("plain", "[email]", "[phone]")
        assert record.source == Source(
            app="a", user="[email]", thread="4111111111111111", uri="mailto:[email]"
        )
        assert memory.get(record.id) == record
        assert memory.count(filter={"redacted.email": {"$gt": 5}}) == 1


def test_a_record_without_secrets_is_as_it_was() -> None:
    with opened() as memory:
        record = memory.add("plain", value={"a": [1, None]}, metadata={"b": "c"}, tags=["t"])
        assert (record.value, record.metadata) == ({"a": [1, None]}, {"b": "c"})


def test_the_report_grows_and_is_not_in_the_way() -> None:
    with opened() as memory:
        record = memory.add(MAIL, metadata={"a": 1, "redacted": {"email": 1, "other": "x"}})
        assert record.metadata == {"a": 1, "redacted": {"email": 2, "other": "x"}}
        again = memory.update(record.id, tags=["t"])
        assert again.metadata == record.metadata
        more = memory.update(record.id, content=f"{PHONE} {MAIL}")
        assert more.metadata["redacted"] == {"email": 3, "phone": 1, "other": "x"}
        theirs = memory.add(MAIL, metadata={"redacted": "by hand"})
        assert (theirs.content, theirs.metadata) == ("[email]", {"redacted": "by hand"})


def test_adding_what_was_redacted_changes_nothing() -> None:
    with opened() as memory:
        record = memory.add(MAIL, value={MAIL: [PHONE]}, tags=[MAIL])
        with opened() as other:
            (carried,) = other.add_many([record])
            assert carried.to_dict() | {"updated_at": 0} == record.to_dict() | {"updated_at": 0}


def test_keys_that_become_equal_are_numbered() -> None:
    value = {"a@x.org": 1, "b@x.org": 2, "[email]": 3, "[email] (2)": 4, "c@x.org": 5}
    with opened() as memory:
        record = memory.add(value=value)
        assert record.value == {
            "[email] (3)": 1,
            "[email] (4)": 2,
            "[email]": 3,
            "[email] (2)": 4,
            "[email] (5)": 5,
        }
        many = memory.add(value={f"a{n}@x.org": n for n in range(2000)}).value
        assert isinstance(many, dict)
        assert list(many.values()) == list(range(2000))


@pytest.mark.parametrize(
    "name",
    [{"id": MAIL}, {"key": f"mail/{MAIL}"}, {"key": TOKEN}, {"scope": f"users/{MAIL}"}],
    ids=["id", "key", "token", "scope"],
)
def test_a_name_that_holds_a_secret_is_refused(name: dict[str, str]) -> None:
    with opened() as memory:
        with pytest.raises(RefusedError) as caught:
            memory.add_many(["fine", {"content": "x", **name}])
        assert not any(trace in str(caught.value) for trace in TRACES)
        assert (memory.count(), memory.scopes()) == (0, [])


def test_names_of_digits_alone_pass() -> None:
    with opened() as memory:
        record = memory.add("x", id="4111111111111111", key="0612345678", scope="378282246310005")
        assert memory.get("4111111111111111") == record


def test_an_update_redacts_what_it_names_and_what_it_finds(path: Path) -> None:
    with Memory(path, embedder=HashingEmbedder(64)) as memory:
        old = memory.add(f"Write to {MAIL}", metadata={"phone": PHONE}, key="k")
        keyed = memory.add("x", key=MAIL)
    with opened(path) as memory:
        new = memory.update(old.id, tags=[f"from {MAIL}"])
        assert (new.content, new.tags) == ("Write to [email]", ("from [email]",))
        assert new.metadata == {"phone": "[phone]", "redacted": {"email": 2, "phone": 1}}
        assert memory.search("quillfeather", mode="lexical") == []
        assert memory.search(new.content, mode="dense")[0].similarity == pytest.approx(1)
        with pytest.raises(RefusedError):
            memory.update(keyed.id, content="y")
        assert memory.update(keyed.id, content="y", key=None).key is None


def test_a_batch_is_refused_whole_for_one_name() -> None:
    with opened() as memory:
        with pytest.raises(RefusedError):
            memory.add_many([{"content": "a"}, {"content": "b", "key": MAIL}])
        assert memory.count() == 0


def files_of(path: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in path.rglob("*") if file.is_file()}


@pytest.mark.files
@pytest.mark.parametrize("index", ["exact", "chroma"])
def test_nothing_redacted_is_in_any_file(path: Path, index: str) -> None:
    secrets = f"{MAIL} {PHONE} {CARD} {TOKEN}"
    with opened(path, index=index) as memory:
        record = memory.add(
            f"before {secrets} after-words",
            value={MAIL: [secrets]},
            metadata={PHONE: secrets},
            tags=[MAIL, PHONE],
            source=Source(user=MAIL, uri=f"mailto:{MAIL}"),
            embed=[secrets, "plain"],
        )
        memory.add_many([secrets, {"content": "x", "value": secrets, "embed": [secrets]}])
        memory.update(record.id, content=secrets, metadata={"a": secrets}, embed=[secrets])
        memory.update(record.id, content=f"after-words {secrets}")
        names: list[dict[str, Any]] = [{"id": MAIL}, {"key": PHONE}, {"scope": MAIL}]
        for name in names:
            with pytest.raises(RefusedError):
                memory.add("x", **name)
        memory.flush()
        during = files_of(path)
    for files in (during, files_of(path)):
        assert any(b"after-words" in data for data in files.values())
        for name, data in files.items():
            found = [trace for trace in TRACES if trace.encode() in data.lower()]
            assert (name, found) == (name, [])
    assert any(name.endswith("-wal") for name in during)
