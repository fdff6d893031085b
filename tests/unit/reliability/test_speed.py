"""Speed beside bad resources: what the machine does to everybody is told apart from what they do."""

from support.reliability.speed import Speed, slower

QUIET = [0.1] * 98 + [0.2] * 2


def test_equal_speed_is_no_difference() -> None:
    assert slower(QUIET, QUIET, QUIET) == []


def test_a_median_that_is_half_as_long_again_is_slower() -> None:
    assert slower([0.1] * 49 + [0.15 + 0.051] * 51, QUIET, QUIET)[0].startswith("p50 ")


def test_two_long_edits_of_a_hundred_are_slower_on_a_quiet_machine() -> None:
    (said,) = slower([0.1] * 98 + [0.36] * 2, QUIET, QUIET)
    assert said.startswith("p99 ")


def test_what_comes_and_goes_without_the_bad_ones_is_noise() -> None:
    noisy = [0.1] * 98 + [0.5] * 2
    assert slower([0.1] * 98 + [0.6] * 2, QUIET, noisy) == []


def test_noise_of_the_slowest_widens_no_median() -> None:
    noisy = [0.1] * 98 + [5.0] * 2
    assert slower([0.3] * 100, QUIET, noisy)[0].startswith("p50 ")


def test_medians_that_differ_without_a_cause_widen_the_median() -> None:
    assert slower([0.5] * 100, [0.4] * 100, [0.2] * 100) == []
    assert slower([0.5] * 100, [0.2] * 100, [0.2] * 100)[0].startswith("p50 ")


def test_a_dozen_edits_are_not_judged() -> None:
    assert slower([9.0] * 12, [0.1] * 12, [0.1] * 12) == []


def test_a_speed_names_both_in_milliseconds() -> None:
    assert str(Speed.of(QUIET)) == "p50 100 ms, p99 200 ms"
