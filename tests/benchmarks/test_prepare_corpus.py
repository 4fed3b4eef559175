"""The benchmark of preparing runs on fewer files: all arms see all of them, and a killed process is resumed."""

import os
import re
import subprocess
import sys

import soundfile


def test_all_arms_see_all_files_and_the_killed_process_is_resumed(repo_dir):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(repo_dir)}
    command = [sys.executable, "benchmarks/prepare_corpus.py", "--num_files", "2000"]
    result = subprocess.run(command, cwd=repo_dir, env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    rows = dict(re.findall(r"^\| ([a-z][\w., ]+?) \| ([\d,]+) \|", result.stdout, flags=re.MULTILINE))
    assert set(rows) - {"arm"} == {"ours", "ours, killed and resumed", "ours, again", "audiofolder", "soundfile.info"}
    assert set(rows.values()) == {"2,000"}
    kept, read = re.search(r"when ([\d,]+) of 2,000 headers .* second process read ([\d,]+)", result.stdout).groups()
    assert 1000 <= int(kept.replace(",", "")) < 2000
    assert int(kept.replace(",", "")) + int(read.replace(",", "")) == 2000


def test_files_are_distinct_and_one_second_long(repo_dir, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(repo_dir / "benchmarks"))
    import prepare_corpus

    prepare_corpus.write_files(tmp_path, 300)
    paths = sorted(tmp_path.rglob("*.wav"))
    assert len({path.read_bytes() for path in paths}) == len(paths) == 300
    assert {soundfile.info(path).duration for path in paths} == {1.0}
