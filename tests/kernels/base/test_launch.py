"""Which way kernels run: small work on one thread of a CPU, unless a program wants one variant of each kernel."""

import taichi_dr as dr
from taichi_dr.kernels.base.launch import is_serial, stay_on_all_threads


def test_small_work_runs_on_one_thread_until_that_is_given_up_for_this_runtime(own_runtime):
    dr.init("cpu")
    assert is_serial(9, 10)
    assert not is_serial(10, 10)
    stay_on_all_threads()
    assert not is_serial(9, 10)
    dr.init("cpu")
    assert is_serial(9, 10)
