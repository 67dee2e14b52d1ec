"""``taichi-dr compare``: several kinds of reconstruction from the same images, and one page about them.

Door: ``run.compare``.

``measure`` has what is measured of each, ``pictures`` what is drawn of them, ``advice`` the sentences that follow from
the numbers, ``page`` the page, ``sheet`` its short form as one picture.
"""
