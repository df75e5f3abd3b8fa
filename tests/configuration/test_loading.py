"""What holds of an option, where it came from, and what is refused without telling secrets."""

from __future__ import annotations

import contextlib
import inspect
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from tests.memory.test_hostile import TEXTS, VALUES

from commonplace import (
    AsyncMemory,
    ChromaCloud,
    ChromaServer,
    CommonplaceError,
    EncryptionError,
    HashingEmbedder,
    InvalidInputError,
    Language,
    Memory,
    NotFoundError,
    migrate,
)
from commonplace.configuration import Settings, load
from commonplace.memory import MemoryOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCS = Path(__file__).parents[2] / "docs"
SECRET = "hunter2"  # noqa: S105 - not a real one
ONLY_IN_CODE = {"clock", "middleware"}
HEX = "ab" * 32


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    return file


def shown(**given: Any) -> dict[str, tuple[str, str]]:
    return {row.name: (row.value, row.origin) for row in load(**given).shown()}


def table() -> list[list[str]]:
    """The rows of the table of options."""
    text = (DOCS / "configuration.md").read_text("utf-8")
    rows = text.partition("|---|---|---|---|---|\n")[2].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


NOT_IN_FILES = {"config", "key", "index_token"}


def test_the_table_says_what_the_code_does() -> None:
    texts = {row.name: row.value for row in load().shown()}
    told = {
        row[1].strip("`").removeprefix("COMMONPLACE_").lower(): row for row in table() if row[1]
    }
    assert {*told} == {*Settings.model_fields}
    for name, (in_file, _, _, meaning, default) in told.items():
        assert in_file.strip("`") == ("" if name in NOT_IN_FILES else name)
        assert meaning == Settings.model_fields[name].description
        assert default.strip("`") == texts[name]


def test_every_option_of_a_memory_is_in_the_table() -> None:
    parameters = set(inspect.signature(Memory.__init__).parameters) - {"self"}
    in_code = {row[2].strip("`") for row in table()}
    assert in_code == parameters | {"config"}
    assert {row[2].strip("`") for row in table() if not row[1]} == ONLY_IN_CODE
    assert {*MemoryOptions.__annotations__} == parameters - {"path"}


def test_defaults_are_those_of_a_memory() -> None:
    parameters = inspect.signature(Memory.__init__).parameters
    for name, value in load().options().items():
        assert value == parameters[name].default, name


def test_arguments_come_before_the_environment_before_the_file_before_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(
        tmp_path, 'memory = "filed"\ndurability = "full"\nkeep_versions = 3\ncreate = false\n'
    )
    monkeypatch.setenv("COMMONPLACE_CONFIG", str(file))
    monkeypatch.setenv("COMMONPLACE_KEEP_VERSIONS", "4")
    monkeypatch.setenv("COMMONPLACE_MEMORY", "from the environment")
    found = shown(path="argued")
    assert found["memory"] == ("argued", "argument")
    assert found["keep_versions"] == ("4", "COMMONPLACE_KEEP_VERSIONS")
    assert found["durability"] == ("full", str(file))
    assert found["create"] == ("false", str(file))
    assert found["index"] == ("auto", "default")
    assert found["config"] == (str(file), "COMMONPLACE_CONFIG")
    options = load("argued", options={"create": True}).options()
    assert (options["keep_versions"], options["durability"], options["create"]) == (4, "full", True)


def test_every_option_is_read_from_the_environment_and_from_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: dict[str, tuple[str, Any]] = {
        "embedder": ("hashing:16", None),
        "index": ("http://localhost:8000", "http://localhost:8000"),
        "language": ("none", None),
        "durability": ("full", "full"),
        "cache_bytes": ("64MiB", 64 << 20),
        "sweep_every": ("0.5", 0.5),
        "keep_versions": ("0", 0),
        "create": ("false", False),
    }
    file = write(tmp_path, "".join(f'{name} = "{text}"\n' for name, (text, _) in said.items()))
    from_file = load(config=file).options()
    for name, (text, _) in said.items():
        monkeypatch.setenv(f"COMMONPLACE_{name.upper()}", text)
    from_environment = load().options()
    for options in (from_file, from_environment):
        assert options.pop("embedder").identity == HashingEmbedder(16).identity
        assert options.pop("encryption") is None
        assert options == {name: value for name, (_, value) in said.items() if name != "embedder"}


def test_words_stand_for_none(tmp_path: Path) -> None:
    file = write(tmp_path, 'sweep_every = "never"\nkeep_versions = "all"\ncache_bytes = 0\n')
    options = load(config=file).options()
    assert (options["sweep_every"], options["keep_versions"], options["cache_bytes"]) == (
        None,
        None,
        0,
    )


@pytest.mark.files
def test_a_memory_is_opened_by_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    file = tmp_path / "deep" / "settings.toml"
    file.write_text('memory = "memory"\nembedder = "hashing:16"\nindex = "exact"\n')
    with Memory.from_config(config=file) as memory:
        assert memory.directory == tmp_path / "deep" / "memory"  # from where the file is
        assert memory.embedder.identity == HashingEmbedder(16).identity
        memory.add("text")
    with Memory.from_config("other", config=str(file), language=Language(name="own")) as memory:
        assert memory.directory == tmp_path / "other"
    with pytest.raises(NotFoundError, match="no memory"):
        Memory.from_config("third", create=False)


def test_an_asynchronous_memory_too(tmp_path: Path) -> None:
    file = write(tmp_path, 'memory = ":memory:"\nembedder = "hashing:16"\n')

    async def open_and_count() -> None:
        async with await AsyncMemory.from_config(config=file, keep_versions=1) as memory:
            assert await memory.count() == 0
            assert memory.directory is None

    anyio.run(open_and_count)


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONPLACE_INDEX", "")
    assert shown()["index"] == ("auto", "default")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('memroy = "x"', "has 'memroy', which is no option; did you mean 'memory'?"),
        ('path = "x"', "has 'path', which is no option; did you mean 'memory'?"),
        ('middleware = "x"', "given in code alone"),
        ("[tool.commonplace]", "has 'tool', which is no option; docs/configuration.md"),
        ('config = "other.toml"', "does not name another one"),
        (f'key = "k:{HEX}"', "a key does not belong into it"),
        ("memory = ", "is no TOML"),
        (
            'durability = "hunter2"',
            "durability .*settings.toml.*: input should be 'normal' or 'full'",
        ),
        ('language = "hunter2"', "input should be 'english' or 'none'"),
        ('embedder = "os:hunter2"', "nothing that text names is imported"),
        (
            'index = "ftp://hunter2@host"',
            "an index is 'auto', 'chroma', 'pgvector', 'exact', 'cloud'",
        ),
        ("cache_bytes = -1", "it is a number of bytes"),
        ('cache_bytes = "lots"', "it is a number of bytes"),
        ('cache_bytes = "1 parsec"', "it is a number of bytes"),
        ("cache_bytes = true", "it is a number of bytes"),
        ("sweep_every = 0", "greater than 0"),
        ("sweep_every = inf", "finite number"),
        ("sweep_every = true", "it is a number or 'never'"),
        ("sweep_every = -1", "greater than 0, or 'never'"),
        ("keep_versions = -1", "greater than or equal to 0, or 'all'"),
        ("keep_versions = 1.5", "valid integer.*, or 'all'"),
        ("keep_versions = true", "it is a number or 'all'$"),
        ('create = "perhaps"', "valid boolean"),
        ('memory = ""', "a memory is a directory"),
        ("memory = 1", "valid string"),
    ],
)
def test_what_a_file_may_not_say(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InvalidInputError, match=reason) as caught:
        Memory.from_config(config=write(tmp_path, text))
    assert SECRET not in told(caught.value)
    assert HEX not in told(caught.value)
    assert [one.name for one in tmp_path.iterdir()] == ["settings.toml"]


def told(error: BaseException | None) -> str:
    """All that an error and those behind it say."""
    found = ""
    while error is not None:
        found += f"{error!s} {error!r}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"COMMONPLACE_MEMROY": "x"}, "has COMMONPLACE_MEMROY.*did you mean COMMONPLACE_MEMORY"),
        ({"COMMONPLACE_PATH": "x"}, "which is no option; docs/configuration.md"),
        ({"COMMONPLACE_A": "x"}, "has COMMONPLACE_A, which is no option; docs/configuration.md"),
        ({"commonplace_memroy": "x"}, "has commonplace_memroy.*did you mean COMMONPLACE_MEMORY"),
        (
            {"COMMONPLACE_MEMROY": "x", "COMMONPLACE_KEEP_VERSIONS": SECRET},
            "has COMMONPLACE_MEMROY.*; COMMONPLACE_KEEP_VERSIONS: .*, or 'all'",
        ),
        (
            {"COMMONPLACE_CREATE": SECRET, "COMMONPLACE_INDEX": SECRET},
            "COMMONPLACE_INDEX: an index .*; COMMONPLACE_CREATE: input",
        ),
    ],
)
def test_what_the_environment_may_not_say(
    monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str], reason: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidInputError, match=reason) as caught:
        Memory.from_config()
    assert SECRET not in told(caught.value)


def test_what_kubernetes_tells_of_a_service_of_that_name_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in (
        *("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "SERVICE_PORT_GRPC_WEB", "PORT"),
        *("PORT_8000_TCP", "PORT_8000_TCP_PROTO", "PORT_8000_TCP_PORT", "PORT_8000_TCP_ADDR"),
        "PORT_53_UDP_ADDR",
    ):
        monkeypatch.setenv(f"COMMONPLACE_{name}", "tcp://10.0.0.1:8000")
    assert {row.origin for row in load().shown()} == {"default"}
    for name in ("SERVICE", "PORT_HTTP", "PORT_8000", "PORT_8000_TCP_NAME", "SERVICE_HOSTS"):
        with monkeypatch.context() as patch:
            patch.setenv(f"COMMONPLACE_{name}", "x")
            with pytest.raises(InvalidInputError, match=f"COMMONPLACE_{name}, which is no option"):
                load()


def test_a_file_that_an_option_names_and_that_is_not_there_is_told_with_the_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, 'keys = "nokeys.json"\nindex = "https://chroma"\nindex_ca = "no.pem"\n')
    with pytest.raises(InvalidInputError, match=r"^index_ca \(.*settings.toml\): there is no file"):
        load(config=file).options()
    with pytest.raises(InvalidInputError, match=r"^keys \(.*settings.toml\): there is no file of"):
        load(config=file).encryption()
    monkeypatch.setenv("COMMONPLACE_KEYS", "gone.json")
    monkeypatch.setenv("COMMONPLACE_INDEX_CA", "~/gone.pem")
    with pytest.raises(InvalidInputError, match=r"^COMMONPLACE_KEYS: .* 'gone.json'"):
        load(config=file).encryption()
    with pytest.raises(InvalidInputError, match=r"^COMMONPLACE_INDEX_CA: .*/gone.pem"):
        load(config=file).index()


def test_what_code_may_not_say() -> None:
    options: dict[str, Any] = {"durabilty": "full"}
    with pytest.raises(InvalidInputError, match="no option 'durabilty'; did you mean 'durability'"):
        Memory.from_config(":memory:", **options)
    named: dict[str, Any] = {"keys": "file"}
    with pytest.raises(InvalidInputError, match="no option 'keys'; did you mean 'encryption'"):
        Memory.from_config(":memory:", **named)


def test_what_is_hostile_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    value: Any
    for value in VALUES:
        for given in ({"path": value}, {"config": value}):
            with contextlib.suppress(CommonplaceError):
                load(**given).options()
    storable = [text for text in TEXTS if "\0" not in text and not is_lone(text)]
    for name in Settings.model_fields:
        for text in [*storable, "~nobody-of-that-name/x"]:
            with monkeypatch.context() as patch, contextlib.suppress(CommonplaceError):
                patch.setenv(f"COMMONPLACE_{name.upper()}", text)
                configuration = load()
                assert configuration.shown()
                configuration.options()


def is_lone(text: str) -> bool:
    """Whether it has a surrogate, which no variable can hold."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def test_a_home_directory_of_nobody_is_an_error(tmp_path: Path) -> None:
    nobodys = "~nobody-of-that-name/memory"
    file = write(tmp_path, f'memory = "{nobodys}"')
    for opening in (
        lambda: Memory(nobodys),
        lambda: Memory.from_config(nobodys),
        lambda: Memory.from_config(config=nobodys),
        lambda: Memory.from_config(config=file),
        lambda: migrate(nobodys, tmp_path / "target"),
    ):
        with pytest.raises(InvalidInputError, match="no home directory"):
            opening()


def test_a_file_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONPLACE_CONFIG", "nowhere.toml")
    with pytest.raises(NotFoundError, match=r"nowhere\.toml"):
        Memory.from_config()


@pytest.mark.files
def test_keys_come_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keys.json").write_text(f'{{"keys": {{"first": "{HEX}"}}}}')
    file = write(tmp_path, 'keys = "keys.json"\nembedder = "hashing:16"\nindex = "exact"\n')
    with Memory.from_config("sealed", config=file) as memory:
        memory.add("canary", id="one")
    monkeypatch.setenv("COMMONPLACE_KEY", f"first:{HEX}")
    with Memory.from_config("sealed", index="exact") as memory:
        assert memory.get("one") is not None
    with pytest.raises(InvalidInputError, match="two keys"):
        Memory.from_config("sealed", config=file)
    for wrong in (f"first:{HEX[:-1]}", HEX, "first:", f":{HEX}", f"first:{HEX[2:]}"):
        monkeypatch.setenv("COMMONPLACE_KEY", wrong)
        with pytest.raises(CommonplaceError) as caught:
            Memory.from_config("sealed")
        assert HEX[:8] not in told(caught.value)
    monkeypatch.setenv("COMMONPLACE_KEY", "first:" + "cd" * 32)
    with pytest.raises(EncryptionError, match="not the one") as caught:
        Memory.from_config("sealed")
    assert "cdcd" not in told(caught.value)


def test_secrets_are_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMMONPLACE_MEMORY", f"postgresql+psycopg://alice:{SECRET}@host/db")
    monkeypatch.setenv("COMMONPLACE_INDEX", f"https://alice:{SECRET}@host:8000")
    monkeypatch.setenv("COMMONPLACE_KEY", f"first:{HEX}")
    configuration = load()
    found = shown()
    assert found["memory"][0] == "postgresql+psycopg://alice@host/db"
    assert found["index"][0] == "https://***@host:8000"
    assert found["key"] == ("***", "COMMONPLACE_KEY")
    everything = f"{configuration!r} {configuration.settings!r} {configuration.settings} {found}"
    assert SECRET not in everything
    assert HEX not in everything


def test_a_memory_that_is_opened_by_its_path_reads_no_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COMMONPLACE_NONSENSE", "1")
    monkeypatch.setenv("COMMONPLACE_CREATE", "false")
    Memory("plain", index="exact").close()
    program = (
        "import sys; from commonplace import Memory; Memory(':memory:').close(); "
        "print([name for name in sys.modules if name.startswith('pydantic')])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"


TOKEN = "hush-hush"  # noqa: S105 - of no server


def test_what_is_said_of_a_server_goes_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.pem").write_text("")
    file = write(
        tmp_path,
        'index = "https://chroma"\nindex_tenant = "t"\nindex_database = "d"\n'
        'index_ca = "ca.pem"\nindex_timeout = 2.5\n',
    )
    monkeypatch.setenv("COMMONPLACE_INDEX_TOKEN", TOKEN)
    found = load(config=file)
    ca = tmp_path / "ca.pem"
    assert found.options()["index"] == ChromaServer(
        "https://chroma", tenant="t", database="d", token=TOKEN, ca=ca, timeout=2.5
    )
    assert [one.value for one in found.shown() if one.name == "index_token"] == ["***"]
    assert "hush" not in repr(found) + repr(found.options()) + repr(found.shown())
    assert load(config=file, options={"index": "exact"}).options()["index"] == "exact"
    monkeypatch.setenv("COMMONPLACE_INDEX", "cloud")
    assert load(config=file).options()["index"] == ChromaCloud(
        api_key=TOKEN, tenant="t", database="d", ca=ca, timeout=2.5
    )


def test_what_is_said_of_no_server_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidInputError, match="a token does not belong into it"):
        load(config=write(tmp_path, 'index_token = "hush-hush"\n'))
    monkeypatch.setenv("COMMONPLACE_INDEX_TOKEN", TOKEN)
    with pytest.raises(InvalidInputError, match="COMMONPLACE_INDEX_TOKEN is about") as refused:
        load().options()
    assert "hush" not in str(refused.value)
    assert load(index="auto").options()["index"] == "auto"  # in place of the server it is about


def test_a_password_of_a_ledger_on_a_server_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    given = "postgresql://me:hush-hush@host/db?sslpassword=hush"
    monkeypatch.setenv("COMMONPLACE_MEMORY", given)
    found = load()
    assert found.path == given
    assert found.shown()[1].value == "postgresql://me@host/db?sslpassword=***"
    assert "hush" not in repr(found) + repr(found.shown())
