"""The benchmark of inference times all arms on few clips; their logits are those of the stock pipeline."""

import os
import re
import subprocess
import sys

import numpy as np
import soundfile


def test_every_arm_and_every_length_has_a_row(repo_dir, tmp_path):
    generator = np.random.default_rng(0)
    for number, seconds in enumerate((0.4, 1.0, 0.7, 0.6)):
        soundfile.write(tmp_path / f"{number}.wav", 0.1 * generator.standard_normal(int(16_000 * seconds)), 16_000)
    sizes = [
        "--num_clips",
        "4",
        "--model_size",
        "tiny",
        "--batch_size",
        "2",
        "--rounds",
        "2",
        "--minutes",
        "0.2",
        "0.7",
    ]
    command = [sys.executable, "benchmarks/inference_speed.py", "--data_dir", str(tmp_path), *sizes]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(repo_dir)}
    result = subprocess.run(command, cwd=repo_dir, env=environment, capture_output=True, text=True, timeout=500)
    assert result.returncode == 0, result.stderr
    rows = dict(re.findall(r"^\| ([\w ,]+) \| [\d.]+ \| \*\*([\d.]+) x\*\*", result.stdout, flags=re.MULTILINE))
    rows.pop("stock, files", None)  # only where there is an ffmpeg
    assert set(rows) == {"stock, arrays", "ours, arrays", "ours, files", "ONNX, arrays", "ONNX int8, arrays"}
    assert float(rows["stock, arrays"]) == 1
    assert result.stdout.count("logits equal to stock within 1e-04") == 2
    assert re.findall(r"^\| ([\d.]+) min \| 0\.\d+ \|", result.stdout, flags=re.MULTILINE) == ["0.2", "0.7"]
