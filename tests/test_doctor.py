"""python -m kerasnp doctor: complete, quick, and right about what slows a machine down."""

import json
import os
import subprocess
import sys
import time

import pytest

import kerasnp
from kerasnp import doctor
from kerasnp.__main__ import main

BLAS = {"name": "scipy-openblas 0.3", "core": "SkylakeX", "adjustable": True}
FEATURES = {"SSE2", "AVX2", "AVX512F"}


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    """No variable of the machine at hand, and rates in a moment."""
    for name in (*doctor.LIMITS, *doctor.SLOWING):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(doctor, "SECONDS", 0.01)


def advice(blas=BLAS, features=FEATURES, cores=None, one=50.0, all_=100.0):
    cores = kerasnp.backend.threads.get_num_threads() if cores is None else cores
    return doctor.advice(blas, features, {"in all": 64, "for this process": cores, "granted": None}, one, all_)


def test_the_report_is_complete(capsys):
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    for title in ("versions", "processor", "arithmetic", "environment", "data", "extras", "advice"):
        assert f"\n{title}\n" in f"\n{out}"
    for text in (kerasnp.__version__, "numpy", "BLAS kernels", "threads", "GFLOP/s", "kernel set", "mnist", "pillow"):
        assert text in out
    assert all(len(line) < 200 and line == line.rstrip() for line in out.splitlines())


def test_as_json(capsys):
    main(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["versions"]["kerasnp"] == kerasnp.__version__ and isinstance(report["advice"], list)


def test_it_takes_less_than_three_seconds_of_work():
    begun = time.process_time()
    doctor.examine()
    assert time.process_time() - begun < 2


def test_a_sound_machine_gets_no_advice(tmp_path, monkeypatch):
    monkeypatch.setenv("KERASNP_HOME", str(tmp_path))
    assert advice() == []
    assert doctor.describe({"versions": {"a": "1"}, "advice": []})[-1] == "  - Nothing to improve was found."


def test_what_slows_down_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("KERASNP_HOME", str(tmp_path))
    (text,) = advice(blas={**BLAS, "core": "Nehalem"})
    assert "Nehalem" in text and "wider vectors" in text
    (text,) = advice(blas={**BLAS, "core": "Haswell"})
    assert "Haswell" in text
    assert advice(blas={**BLAS, "core": "Haswell"}, features={"AVX2"}) == []
    (text,) = advice(blas={"name": "accelerate", "core": None, "adjustable": False})
    assert "accelerate, whose threads kerasnp cannot set" in text
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    (text,) = advice()
    assert text.startswith("Unset OPENBLAS_CORETYPE (Prescott)")
    monkeypatch.delenv("OPENBLAS_CORETYPE")
    monkeypatch.setenv("NPY_DISABLE_CPU_FEATURES", "AVX2")
    (text,) = advice()
    assert "takes vector instructions away from NumPy" in text
    monkeypatch.delenv("NPY_DISABLE_CPU_FEATURES")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (text,) = advice(cores=64)
    assert "of 64 cores are used, because of OMP_NUM_THREADS" in text


def test_a_container_that_grants_fewer_cores(monkeypatch, tmp_path):
    monkeypatch.setenv("KERASNP_HOME", str(tmp_path))
    monkeypatch.setattr(doctor.threads, "get_num_threads", lambda: 8)
    (text,) = advice(cores=2)
    assert "set KERASNP_NUM_THREADS=2" in text
    (text,) = advice(cores=8, one=50.0, all_=40.0)
    assert "8 threads multiply no faster than one" in text


def test_a_folder_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KERASNP_HOME", str(tmp_path / "file" / "below"))
    (text,) = advice()
    assert "cannot be written" in text and "set KERASNP_HOME" in text


def test_the_kernels_that_the_environment_forces_are_shown():
    blas = doctor.blas_in_use()
    if not blas["adjustable"] or not {"AVX2"} <= doctor._cpu_features():
        pytest.skip("this NumPy has no OpenBLAS that tells its kernels")
    env = {**os.environ, "OPENBLAS_CORETYPE": "Haswell", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-m", "kerasnp", "doctor", "--json"], capture_output=True, text=True, env=env)
    report = json.loads(done.stdout)
    assert report["arithmetic"]["BLAS kernels"] == "Haswell"
    assert report["environment"]["OPENBLAS_CORETYPE"] == "Haswell"
    assert any("OPENBLAS_CORETYPE" in text for text in report["advice"])


def test_the_rate_leaves_the_threads_as_they_were():
    before = kerasnp.backend.threads.get_num_threads()
    assert doctor.sgemm_rate(1, n=64) > 0
    assert kerasnp.backend.threads.get_num_threads() == before
