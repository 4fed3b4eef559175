"""Folders of this machine do not get out; addresses and relative paths stay as they are."""

import pytest

from hf_emotion.publishing.local_paths import without_local_paths


@pytest.mark.parametrize(
    ("text", "published"),
    [
        ("data_dir: /home/me/corpora/emodb\n", "data_dir: path/to/emodb\n"),
        ('{"path": "/tmp/run/a.json"}', '{"path": "path/to/a.json"}'),
        ("hf-emotion train --output_dir=/tmp/outputs/x --seed 1", "hf-emotion train --output_dir=path/to/x --seed 1"),
        ("~/corpora/emodb and `/root/models/best`", "path/to/emodb and `path/to/best`"),
        (r"C:\Users\me\models\best", "path/to/best"),
        ("/tmp/a/b, /tmp/c/d.", "path/to/b, path/to/d."),
        ("https://example.org/tmp/a/b", "https://example.org/tmp/a/b"),
        ("outputs/tmp/a and ../tmp/a", "outputs/tmp/a and ../tmp/a"),
        ("1/2/3, and/or, 16 kHz/mono, km/h", "1/2/3, and/or, 16 kHz/mono, km/h"),
        ("owner/name/resolve/main/x.py", "owner/name/resolve/main/x.py"),
        ("/no_such_folder_here/a/b", "/no_such_folder_here/a/b"),
    ],
)
def test_paths(text, published):
    assert without_local_paths(text) == published
