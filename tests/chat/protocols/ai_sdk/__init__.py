"""The AI SDK adapter, driven by the real `@ai-sdk/react`.

Each of these breaks of the adapter was tried (2026-12-02), and some test here fails for it: each delta twice · `start` without our id ·
resume from the tail · stop cancels nothing · the connection owns the turn · a failure only ends the stream · an early end is clean ·
an interrupted answer finishes as a whole one · no `[DONE]` · line ends of Unicode as they are · another answer as a new message · an
edit at the end of the branch · a key without the text · a known message is not looked for · always below the newest answer · a copied
message keeps its id · an answer of another thread is written again · an empty 200 when idle · an ended turn is not replayed, or for
ever · discarded parts stay · no step behind tools · tools of the server are the page's · errors as JSON · ids of chats as they are ·
`model` ignored.
"""
