"""`python -m chat` is the same as `palaver`."""

from chat.cli.main import main

main()
