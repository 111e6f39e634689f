"""store remembers: every table, every query, every migration. Rows never leave this folder; frozen values do.

Reading order: tables · database (connections, group commit) · sqlite (the driver) · migrate · one query module per noun:
users, threads, messages, branches (their tree), turns, events, summaries, cache states, learned, prompts · usage (the ledger), calls,
reports (sums, percentiles), budgets, alerts · search and recall, with stems and outlines.

Every query that can reach an object of a user carries the owner in its WHERE clause. Times are integers: milliseconds since
1970 UTC. Order comes from `pk` and `seq`, never from a clock.
May import: context. Is imported by: chat.
"""
