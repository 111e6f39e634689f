"""Small tokenizers of the kinds that public models have."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

TEXTS = (
    "Could you look into my booking from last Tuesday? The hotel says it never arrived.",
    "def total(rows):\n    return sum(row.price * row.count for row in rows)\n",
    "Où est la bibliothèque ? Привет, мир. 你好，世界。 สวัสดีครับ",
    "| item | count |\n|---|---|\n| apples | 12 |\n| pears | 1,204 |\n",
)
SPLIT = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
KINDS = ("byte-level", "expression", "sentencepiece", "unigram", "wordpiece")


@cache
def file(kind: str, **changes: Any) -> bytes:
    """The contents of a `tokenizer.json` of this kind, with other values for some of its keys."""
    return json.dumps(json.loads(_trained(kind).to_str()) | changes).encode()


def _trained(kind: str) -> Tokenizer:
    trainer: Any
    match kind:
        case "byte-level" | "expression":
            tokenizer = Tokenizer(models.BPE())
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            if kind == "expression":
                split = pre_tokenizers.Split(Regex(SPLIT), "isolated")
                plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
                tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, plain])
            trainer = trainers.BpeTrainer(
                vocab_size=400,
                show_progress=False,
                special_tokens=["<|end|>"],
                initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            )
        case "sentencepiece":  # merges over the whole text, bytes for what it does not know
            tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
            tokenizer.normalizer = normalizers.Replace(" ", "▁")
            known = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256))]
            trainer = trainers.BpeTrainer(vocab_size=500, show_progress=False, special_tokens=known)
        case "unigram":
            tokenizer = Tokenizer(models.Unigram())
            tokenizer.normalizer = normalizers.NFKC()
            tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
            trainer = trainers.UnigramTrainer(
                vocab_size=200, show_progress=False, unk_token="<unk>", special_tokens=["<unk>"]
            )
        case _:
            tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
            tokenizer.normalizer = normalizers.BertNormalizer()
            tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
            trainer = trainers.WordPieceTrainer(vocab_size=400, show_progress=False, special_tokens=["[UNK]"])
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer
