"""`python -m chat` is `palaver`."""

from chat.cli import main

main()
