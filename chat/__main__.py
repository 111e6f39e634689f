"""`python -m chat` is `palaver`."""

from chat.cli.main import main

main()
