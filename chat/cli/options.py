"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[Path | None, typer.Option(help="Folder of the database.")]
Config = Annotated[
    Path | None, typer.Option(help="Settings file. Default: palaver.toml in the working folder.")
]
