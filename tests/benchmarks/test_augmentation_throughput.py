"""The benchmark of augmentation runs on few clips: every transform is an arm, and the ratios belong to its rows."""

import os
import re
import subprocess
import sys

from hf_emotion.data.augmentation import TRANSFORMS


def test_every_transform_and_a_chain_are_compared_with_no_augmentation(repo_dir):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(repo_dir)}
    command = [sys.executable, "benchmarks/augmentation_throughput.py", "--num_clips", "16", "--rounds", "1"]
    result = subprocess.run(command, cwd=repo_dir, env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    rows = re.findall(r"^\| (\w+) \| (\d+) \| \*\*([\d.]+) x\*\*", result.stdout, flags=re.MULTILINE)
    assert [arm for arm, _, _ in rows] == ["without", *TRANSFORMS, "chain"]
    speeds = {arm: int(clips) for arm, clips, _ in rows}
    ratios = {arm: float(ratio) for arm, _, ratio in rows}
    assert ratios["without"] == 1
    assert speeds["room"] < speeds["without"]
    assert ratios["room"] > 1
