"""When old messages are compacted into the summary, which ones, and the summarizer's prompt. Imports: `cache`, `request`, `models`. Pure."""
