"""store remembers: every table, every query, every migration. Rows never leave this folder; frozen values do.

Reading order: tables/ · database (connections, transactions, group commit) · sqlite (the driver) · migrate · one query module per noun:
users, threads, messages, branches (the message tree), turns, events, summaries, cache_states, learned_stats, prompts, instructions (of threads) · ledger/ · search/.

Every query that can reach an object of a user has the owner in its WHERE clause. Times are integers: milliseconds since
1970 UTC. Order comes from `pk` and `seq`, never from a clock. README.md has the map of the tables and the rules.
May import: context. Is imported by: chat.
"""
