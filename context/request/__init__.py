"""What a request is made of: recipe, exact bytes, window, summary blocks, tools, prompts. Imports: `messages`, `policy`, `models`. Pure."""
