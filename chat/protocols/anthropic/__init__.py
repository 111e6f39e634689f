"""The Messages API of Anthropic, passed through: messages (handlers), parsed_request (what a request says), json_parts,
routing, breakpoints (what is changed of its bytes), size, relay (the call), models, errors. Imports: as `chat.protocols`. Written
against `anthropic` 2.16 and `@anthropic-ai/sdk` 1.16.
"""
