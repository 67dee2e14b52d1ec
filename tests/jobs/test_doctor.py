"""The doctor survives what it examines."""

import subprocess

import pytest

from taichi_dr.errors import InputError
from taichi_dr.jobs import doctor
from taichi_dr.jobs.settings.doctor import DoctorSettings


def test_the_cpu_is_found_to_work(capsys):
    assert doctor.examine(DoctorSettings(backend="cpu"))
    text = capsys.readouterr().out
    assert "taichi" in text
    assert "cpu:        works" in text


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (subprocess.CompletedProcess([], -11, "", "Segmentation fault"), "exit code -11: Segmentation fault"),
        (
            subprocess.CompletedProcess([], 0, '{"error": 0.5, "allowed": 1e-5, "passed": false}', ""),
            "FAILED: gradients",
        ),
    ],
)
def test_a_crash_or_a_wrong_gradient_is_a_verdict(answer, said, monkeypatch, capsys):
    monkeypatch.setattr(doctor.subprocess, "run", lambda *arguments, **options: answer)
    assert not doctor.examine(DoctorSettings(backend="cpu"))
    text = capsys.readouterr().out
    assert said in text
    assert "does not work" in text


def test_a_check_that_hangs_is_a_verdict(monkeypatch, capsys):
    def hang(*arguments, timeout, **options):
        raise subprocess.TimeoutExpired("check", timeout)

    monkeypatch.setattr(doctor.subprocess, "run", hang)
    assert not doctor.examine(DoctorSettings(backend="cpu", timeout=1))
    assert "no answer within 1 s" in capsys.readouterr().out


@pytest.mark.parametrize("timeout", [-1.0, 0.0, float("nan")])
def test_a_senseless_timeout_is_refused(timeout):
    with pytest.raises(InputError, match="--timeout: expected a number > 0, got"):
        doctor.examine(DoctorSettings(timeout=timeout))


def test_a_backend_that_is_not_there_fails_only_if_asked_for(monkeypatch, capsys):
    monkeypatch.setattr(doctor.runtime, "available_backends", list)
    assert doctor.examine(DoctorSettings())
    assert not doctor.examine(DoctorSettings(backend="cuda"))
    assert "not available" in capsys.readouterr().out
