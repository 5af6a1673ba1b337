"""Shared by all tests: fresh names and seeds, and the data that only CI and developers have."""

import os
import signal
from pathlib import Path

import pytest

# Several test processes side by side must not fight for cores; results never depend on the thread count.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("KERASNP_NUM_THREADS", "1")

# A program started in the background is born deaf to Ctrl-C, and so are its children; the tests that press it need to hear.
signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(os.environ.get("KERASNP_TEST_DATA", Path(__file__).resolve().parents[2] / "shared"))


@pytest.fixture(autouse=True)
def fresh_session():
    """Automatic names start anew and the global seed is fixed."""
    import kerasnp

    kerasnp.backend.clear_session()
    kerasnp.backend.random.set_global_seed(1234)
    kerasnp.backend.set_floatx("float32")
    yield
    kerasnp.backend.set_floatx("float32")
    kerasnp.backend.set_image_data_format("channels_last")


@pytest.fixture
def fixtures_dir():
    """Files written by real Keras, present in CI and on developers' machines only."""
    if not (SHARED / "fixtures" / "manifest.json").exists():
        pytest.skip("the Keras fixture files (../shared/fixtures) are not on this machine")
    return SHARED / "fixtures"


@pytest.fixture
def mnist_home(monkeypatch):
    """The real MNIST, where load_data looks first."""
    if not (SHARED / "data" / "mnist.npz").exists():
        pytest.skip("the MNIST file (../shared/data/mnist.npz) is not on this machine")
    monkeypatch.setenv("KERASNP_HOME", str(SHARED / "data"))
    return SHARED / "data"
