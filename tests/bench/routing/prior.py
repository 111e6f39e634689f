"""What the signals mean before any data: the weights that training starts from and is held to.

A signal that a source never shows, or shows only by its own habits, keeps about the weight written here, so that what is learned from these
sources holds elsewhere too. In log-odds; positive speaks for more thinking. Set by sense, and their size by whole sources left out.
"""

from typing import Final

# Odds of a turn without any signal: about even for more than simple, one in four for complex.
BIAS: Final = (0.3, -1.0)

MORE_THAN_SIMPLE: Final = {
    "the assistant in person": -4.0,
    "a short command": -2.0,
    "asks for a short command": -2.0,
    "agrees or declines": -3.5,
    "speaks of the assistant": -1.5,
    "begins control": -0.7,
    "control": -0.5,
    "asks for nothing": -0.7,
    "only an answer": -2.0,
    "only answers a question": -1.0,
    "small talk share": -2.0,
    "gives details": -2.0,
    "asks who": 0.7,
    "asks how": 1.0,
    "asks reason": 1.0,
    "asks write": 1.0,
    "asks demand": 2.0,
    "demand": 1.0,
    "question": 0.5,
    "about one's own": 1.0,
    "asks a fact": 0.5,
    "request": 0.7,
    "the last turn was complex": 2.0,
    "the last answer has code or formulae": 1.0,
    "a problem in numbers": 2.0,
    "several words of a problem": 1.0,
    "reasons about quantities": 1.0,
    "a bare formula": 1.0,
    "a short translation": 1.0,
    "goes on from the last turn": 1.0,
    "identifier": -1.0,
}

COMPLEX: Final = {
    "asks demand": 3.0,
    "demand": 2.0,
    "systems": 1.2,
    "asks work of code or mathematics": 2.5,
    "asks how of code or mathematics": 2.0,
    "asks write": 1.5,
    "asks code": 1.5,
    "much code": 0.7,
    "much maths": 0.7,
    "kinds of work": 0.6,
    "code marks": 1.2,
    "formula": 1.2,
    "technical names": 0.4,
    "acronyms": 0.4,
    "code": 0.5,
    "maths": 0.3,
    "no kind of work": -1.2,
    "asks a fact": -1.5,
    "about one's own": -1.0,
    "a short command": -1.0,
    "agrees or declines": -1.0,
    "speaks of the assistant": -1.0,
    "the last turn was complex": 2.0,
    "the last answer has code or formulae": 1.0,
    "problem": 0.5,
    "a problem in numbers": 3.0,
    "several words of a problem": 1.5,
    "reasons about quantities": 1.5,
    "a bare formula": 1.5,
    "a short translation": -2.0,
    "identifier": -1.0,
}
