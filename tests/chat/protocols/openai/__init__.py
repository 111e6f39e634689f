"""The OpenAI adapter, driven by the real `openai` for Python and for JavaScript.

Each of these breaks of the adapter was tried (2026-12-02), and some test here fails for it: each delta twice · no `[DONE]` · an `id:` line ·
usage that nobody asked for · a failure only ends the stream · an early end is clean · reasoning as content · who leaves cancels nothing,
streamed or not · a side request goes into the thread · a placeholder is a value · no idempotency key · a key without the conversation ·
known history is stored again · new history is not stored · the last message again is a new one · a broken answer must be equal · line
ends count · the newest part alone is unknown · always at the visible end · the client's instructions left out · a breakpoint in a first
message · requests are not counted · budgets are not fitted · no ledger row · no repeat · no fallback · draining is not seen · 413 for what
is too long · the client repeats failed answers.
"""
