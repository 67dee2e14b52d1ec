"""The loss of a step as a sum of named terms."""

STEPS_BETWEEN_RECORDS = 5


def add_terms(loss, terms, record=None):
    """Adds every one of ``terms``, ``{name: function that adds to the field loss}``, in order, inside a tape.

    ``record``, a dict, takes what each has added; reading that waits for the device, so a step now and then will do.
    """
    before = 0.0
    for name, add in terms.items():
        add()
        if record is not None:
            after = loss[None]
            record[name] = after - before
            before = after
