"""Makes context/routing/weights.json.gz, the weights behind the router, and measures them on data they have not seen.

    python -m tests.bench.routing.train --data <folder with turns.jsonl.gz and quality.jsonl.gz> [--validate]

Standard library only, deterministic, about a minute of processor time. What is shipped is one number per signal, word or pair of words; no text.
Rows under a non-commercial licence (AlpacaEval) train nothing: they are dropped when read, and kept for measuring.

Sources (as in the evaluation data's README):
    turns: CLINC150 (CC BY 3.0), MultiDoGO (CDLA-Permissive 1.0), Schema-Guided Dialogue (CC BY-SA 4.0), BANKING77 (CC BY 4.0),
        Natural Questions, TriviaQA, MATH, GPQA and AgentVerse logic grids via LLMRouter (MIT), Arena-Hard (Apache 2.0),
        MT-Bench (Apache 2.0), BEAM (CC BY-SA 4.0); and `written_turns.tsv`, written for this project in two dozen languages
    quality: MMLU, GSM8K and MT-Bench via RouteLLM (Apache 2.0; questions MIT), LLMRouter (MIT)

Method. Two logistic heads (more than simple; complex) over the signals of `context.routing`, held to what the signals mean by
themselves (`prior`), solved exactly. Words and pairs of words then explain what the signals left over; where few of them are known, and in
another language, the signals decide. The gain is a ridge regression within each form of text, on the measured gain, centred per set.
No randomness. `--validate` leaves out a fifth of the rows, then topics, then whole sources; about twenty minutes.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from pathlib import Path

from tests.bench.kit import load
from tests.bench.routing.fit import train
from tests.bench.routing.rows import read_quality, read_turns, written_turns
from tests.bench.routing.validate import validate, validate_gain

OUTPUT = Path(__file__).parents[3] / "context" / "routing" / "weights.json.gz"


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--validate", action="store_true", help="only measure, write nothing")
    parser.add_argument("--kit", type=Path, help="folder with the kit's routing.py: validate the gain too")
    args = parser.parse_args()
    turns, quality, written = read_turns(args.data), read_quality(args.data), written_turns()
    if args.validate:
        validate(turns, written)
        if args.kit is not None:
            validate_gain(args.data, load(args.kit / "routing.py"), [*turns, *written])
        return
    weights = train([*turns, *written], quality)
    packed = {
        "version": weights.version,
        "bias": weights.bias,
        "signals": dict(sorted(weights.signals.items())),
        "words": dict(sorted(weights.words.items())),
        "gain": weights.gain,
    }
    text = json.dumps(packed, ensure_ascii=False, separators=(",", ":"))
    OUTPUT.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
    print(f"{OUTPUT.name}: {OUTPUT.stat().st_size:,} bytes, {len(weights.words)} words", file=sys.stderr)


if __name__ == "__main__":
    main()
