"""The shapes of requests and answers, one file per noun, as the handlers have them; `fields` is what all are made of."""
