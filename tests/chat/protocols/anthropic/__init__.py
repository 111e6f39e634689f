"""The Messages API passed through, with the real clients: `anthropic` from PyPI, and `@anthropic-ai/sdk` from npm.

Each of these breaks was tried (2026-12-02), and some test here fails for it: breakpoints although the caller has set some · none at the
end of a conversation · a single question is cached · the last event before the ledger entry · no error event when the provider breaks
off · leaving cancels nothing · no ledger entry · budgets of turns are not asked · thinking does not hold the model · results of tools
decide · any name is a model · errors of the provider as ours · `x-api-key` on every path, or on none · no `request-id` · a name that
stands twice is taken · the name of a tier is sent · OpenAI's list of models for Anthropic's clients.
"""
