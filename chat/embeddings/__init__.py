"""The embedding model behind recall, off by default: weights (the file) · minilm (text to vector) · embeddings (in use).

Only `minilm` needs numpy and tokenizers (`pip install 'palaver-chat[embeddings]'`); it is loaded when the setting asks for it.
"""
