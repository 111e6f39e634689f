"""The embedding model behind recall, off unless asked for: weights (the file) · minilm (text to vector) · embeddings (at work).

Only `minilm` needs numpy and tokenizers, which `palaver[embeddings]` brings; it is loaded when the setting asks for it.
"""
