"""The loss of a step: every term is added, and what each adds is noted."""

from taichi_dr.jobs.reconstruct.loss_terms import add_terms


def test_a_record_says_what_each_term_has_added():
    loss = {None: 0.0}
    terms = {"a": lambda: loss.update({None: loss[None] + 2.0}), "b": lambda: loss.update({None: loss[None] - 0.5})}
    record = {}
    add_terms(loss, terms, record)
    assert (loss[None], record) == (1.5, {"a": 2.0, "b": -0.5})
