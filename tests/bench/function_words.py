"""English words that say nothing of their own: the benches' list, so that what they count does not change with recall's."""

FUNCTION_WORDS = frozenset(
    """
    a an the and or but if then than so as of at by for with about against into through during before after to from in out on off over
    under again all any both each few more most other some such only own same too very can will just should now i me my we our us you
    your he him his she her it its they them their what which who whom this that these those am is are was were be been being have has
    had having do does did doing would could may might must where when why how
    """.split()  # noqa: SIM905 - a list of words is read more easily so
)
