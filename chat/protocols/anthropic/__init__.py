"""The Messages API of Anthropic, passed through: messages (handlers), asked (what a request says), routing, breakpoints (what is changed
of its bytes), size, relay (the call), models, errors. Imports: as `chat.protocols`. Written against `anthropic` 2.10 and
`@anthropic-ai/sdk` 1.10.
"""
