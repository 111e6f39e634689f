"""What ships, on real texts: bills, recall, summaries and routing of the application with default settings, beside their aims.

Reading order: rows (a line of the table) · measured (a thread played, its bill, the least possible bill) · bills · evidence · summaries ·
other_benches · __main__.
"""
