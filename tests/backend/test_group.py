"""Processes that meet."""

import os
import signal

import numpy as np
import pytest

from kerasnp.backend.group import SLOT, Group, Lost, count, member

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork processes")


def group_of(size, work, nbytes=1 << 12):
    """A group whose others do `work(group)`."""
    group = Group(size, nbytes)
    group.fork(work)
    return group


@pytest.mark.parametrize("size", [2, 3, 5])
def test_everyone_gathers_the_same_in_order(size):
    def exchange(group):
        found = [group.gather(np.array([group.rank, turn], np.float32)).copy() for turn in range(200)]
        return np.array(found)

    def work(group):
        group.memory.view(np.float32)[group.rank] = exchange(group).sum()
        group.post(0)

    group = group_of(size, work)
    try:
        found = exchange(group)
        expected = [[[rank, turn] for rank in range(size)] for turn in range(200)]
        assert np.array_equal(found, expected)
        for peer in range(1, size):
            group.wait(peer)
            assert group.memory.view(np.float32)[peer] == found.sum()
    finally:
        group.close()


def test_moments_and_totals_are_those_of_all_samples():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((7, 4)).astype(np.float32) * 3 + 1
    parts = x[:3], x[3:]

    def statistics(group):
        own = parts[group.rank]
        with group.joined():
            assert member() is group
            n = count(len(own))
        assert member() is None
        mean, variance = group.moments(own.mean(axis=0), own.var(axis=0), len(own))
        total, _ = group.total(own.sum(axis=0), np.zeros((2, 2), np.float32))
        return [n], mean, variance, total

    def work(group):
        flat = np.concatenate(statistics(group)).astype(np.float32)
        group.memory[: flat.nbytes].view(np.float32)[:] = flat
        group.post(0)

    group = group_of(2, work)
    try:
        (n,), mean, variance, total = found = statistics(group)
        group.wait(1)
        flat = np.concatenate(found).astype(np.float32)
        assert np.array_equal(group.memory[: flat.nbytes].view(np.float32), flat)
    finally:
        group.close()
    assert n == 7
    np.testing.assert_allclose(mean, x.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(variance, x.var(axis=0), rtol=1e-6)
    np.testing.assert_allclose(total, x.sum(axis=0), rtol=1e-6)


def test_who_waits_for_one_that_has_ended_hears_of_it():
    group = group_of(2, lambda group: None)
    try:
        with pytest.raises(Lost, match="process 1 of 2 has ended"):
            group.wait(1)
        os.waitpid(group.children[0], 0)  # until all its ends of pipes are closed
        with pytest.raises(Lost, match="process 1 of 2 has ended"):
            group.post(1)
    finally:
        group.close()


def test_ctrl_c_is_for_the_first_process_alone():
    def work(group):
        group.wait(0)
        group.post(0)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        group = group_of(2, work)
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        for _ in range(3):
            os.kill(group.children[0], signal.SIGINT)
        group.post(1)
        group.wait(1)
    finally:
        group.close()


def test_what_is_too_long_for_an_exchange_is_refused():
    group = Group(1)
    with pytest.raises(ValueError, match="at most"):
        group.gather(np.zeros(SLOT + 1, np.uint8))
    group.close()
