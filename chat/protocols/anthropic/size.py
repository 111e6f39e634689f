"""How large a request is, in tokens: what admission and budgets reserve for it until the provider has counted.

Text is counted part by part, so that a message that was counted in an earlier request is not counted again. Files stand for what the
provider makes of them (documentation, pages "Vision" and "PDF support").
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from chat.calls.record import Size
from chat.protocols.anthropic.parsed_request import ParsedRequest
from chat.runtime.runtime import Runtime

FRAME = 8  # tokens a message has besides its text, at most
IMAGE, LARGEST_IMAGE = 1_600, 4_784  # tokens of an image: a usual one, the largest
PDF_BYTES, DENSE_PDF_BYTES = 16, 4  # of base64 per token of a document: a usual one, one of text alone
EXPECTED_ANSWER = 500  # tokens, where the request does not say less

_SOURCE = re.compile(rb'"source"\s*+:\s*+\{[^{}]*+\}')


@dataclass(frozen=True, slots=True)
class PartsToCount:
    """A request as it is counted: its texts, and the tokens of its files, expected and at most."""

    texts: tuple[str, ...]
    files: int
    most_files: int


def parts_to_count(parsed: ParsedRequest) -> PartsToCount:
    """The texts of a request, with its files taken out. Pure; long requests take a while."""
    spans = [*(parsed.parts[name] for name in ("system", "tools") if name in parsed.parts), *parsed.messages]
    texts, files, most = [], 0, 0
    for start, end in spans:
        part = parsed.data[start:end]
        sources = [source for source in _SOURCE.findall(part) if b'"base64"' in source]
        for source in sources:
            is_image = b"image/" in source[:200] or b"image/" in source[-200:]
            files += IMAGE if is_image else len(source) // PDF_BYTES
            most += LARGEST_IMAGE if is_image else len(source) // DENSE_PDF_BYTES
        if sources:
            part = _SOURCE.sub(lambda found: b"" if b'"base64"' in found[0] else found[0], part)
        texts.append(part.decode("utf-8", "replace"))
    return PartsToCount(tuple(texts), files, most)


async def size_of(
    runtime: Runtime, parsed: ParsedRequest, counted: PartsToCount, models: Sequence[str]
) -> dict[str, Size]:
    """The size of a request for each of these models."""
    await runtime.sizes.prepare(counted.texts, models)
    frames = FRAME * len(counted.texts)
    sizes = {}
    for model in models:
        prompt = sum(runtime.sizes.count(text, model) for text in counted.texts) + frames + counted.files
        bound = sum(runtime.sizes.bound(text, model) for text in counted.texts) + frames + counted.most_files
        sizes[model] = Size(
            prompt=prompt,
            bound=bound,
            output=parsed.max_tokens,
            fresh=prompt,
            answer=min(parsed.max_tokens, EXPECTED_ANSWER),
        )
    return sizes
