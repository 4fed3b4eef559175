"""The Hub on this machine, tried with the real clients, each in a process of its own."""

import hashlib
import json
import urllib.request
from urllib.error import HTTPError

import pytest

from tests.hub_double import Fault, HubDouble


CREATE = """
import json, sys
from huggingface_hub import HfApi
api = HfApi()
api.create_repo("user/a", repo_type="dataset", private=False)
"""
UPLOAD = (
    CREATE
    + """
api.upload_file(repo_id="user/a", repo_type="dataset", path_in_repo="data/x.bin", path_or_fileobj=b"x" * 100_000)
"""
)


@pytest.fixture
def hub(tmp_path):
    with HubDouble(tmp_path) as double:
        yield double


def test_files_come_back_as_they_were_uploaded_at_every_revision(hub):
    found = hub.run(
        UPLOAD
        + """
first = api.repo_info("user/a", repo_type="dataset").sha
api.upload_file(repo_id="user/a", repo_type="dataset", path_in_repo="data/x.bin", path_or_fileobj=b"y" * 50)
api.upload_file(repo_id="user/a", repo_type="dataset", path_in_repo="notes/n.txt", path_or_fileobj=b"plain")
api.create_branch("user/a", branch="next/one", repo_type="dataset")
api.create_tag("user/a", tag="v1", revision=first, repo_type="dataset")
api.delete_file("notes/n.txt", repo_id="user/a", repo_type="dataset", revision="next/one")
def read(path, revision):
    return open(api.hf_hub_download("user/a", path, repo_type="dataset", revision=revision)).read()
refs = api.list_repo_refs("user/a", repo_type="dataset")
print(json.dumps({
    "contents": [read("data/x.bin", first)[:3], read("data/x.bin", "main")[:3], read("data/x.bin", "v1")[:3],
                 read("notes/n.txt", "main")],
    "main": sorted(api.list_repo_files("user/a", repo_type="dataset")),
    "branch": sorted(api.list_repo_files("user/a", repo_type="dataset", revision="next/one")),
    "branches": sorted(ref.name for ref in refs.branches),
    "titles": [commit.title for commit in api.list_repo_commits("user/a", repo_type="dataset")][-1],
    "size": api.get_paths_info("user/a", ["data/x.bin"], repo_type="dataset")[0].lfs.size,
    "whoami": api.whoami()["name"],
}))
"""
    )
    assert found == {
        "contents": ["xxx", "yyy", "xxx", "plain"],
        "main": [".gitattributes", "data/x.bin", "notes/n.txt"],
        "branch": [".gitattributes", "data/x.bin"],
        "branches": ["main", "next/one"],
        "titles": "initial commit",
        "size": 50,
        "whoami": "user",
    }


def test_a_commit_id_depends_on_everything_before_it(hub):
    hub.run(UPLOAD)
    history = hub.repository("user/a").history("main")
    assert [commit.message for _, commit in history][-1] == "initial commit"
    assert all(sha == commit.sha and len(sha) == 40 for sha, commit in history)
    assert [commit.parent for _, commit in history] == [history[1][0], None]


def test_identical_content_travels_once_and_makes_no_commit(hub):
    hub.run(UPLOAD)
    head = hub.repository("user/a").branches["main"]
    hub.run(UPLOAD.replace("private=False", "exist_ok=True"))
    assert len(hub.requests("PUT", "^/lfs/")) == 1
    assert hub.repository("user/a").branches["main"] == head


def test_a_private_repository_is_hidden_from_others(hub):
    hub.run(CREATE.replace("private=False", "private=True"))
    look = """
import json
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError
try:
    HfApi().repo_info("user/a", repo_type="dataset")
except HfHubHTTPError as error:
    print(json.dumps([type(error).__name__, error.response.status_code, str(error)]))
"""
    assert hub.run(look) is None
    assert hub.run(look, token=None)[:2] == ["RepositoryNotFoundError", 401]
    assert hub.run(look, token="hf_stranger")[:2] == ["RepositoryNotFoundError", 404]
    name, status, message = hub.run(look, token="hf_revoked")
    assert (status, name) == (401, "HfHubHTTPError")
    assert "Invalid credentials" in message


def test_only_the_owner_writes(hub):
    hub.run(CREATE)
    with pytest.raises(RuntimeError, match="403 Forbidden"):
        hub.run(
            UPLOAD.replace('api.create_repo("user/a", repo_type="dataset", private=False)', ""), token="hf_stranger"
        )
    with pytest.raises(RuntimeError, match="rights to create"):
        hub.run(CREATE.replace("user/a", "user/b"), token="hf_stranger")


@pytest.mark.parametrize(
    "fault",
    [
        Fault("^/lfs/", status=500),
        Fault("^/lfs/", status=503),
        Fault("/objects/batch$", method="POST", status=429),
        Fault("^/lfs/", cut_after=1000),
        Fault("^/lfs/", delay=0.2),
    ],
    ids=lambda fault: f"{fault.status or 'cut' * (fault.cut_after is not None) or 'slow'}",
)
def test_clients_survive_a_passing_fault_of_an_upload(hub, fault):
    hub.faults.append(fault)
    hub.run(UPLOAD)
    assert fault.count == 0
    assert hub.read("user/a", "data/x.bin") == b"x" * 100_000


def test_an_upload_that_arrives_damaged_is_refused_and_not_stored(hub):
    hub.faults.append(Fault("^/lfs/", corrupt=True))
    with pytest.raises(RuntimeError, match="are not the object"):
        hub.run(UPLOAD)
    assert not hub.storage.has_blob(hashlib.sha256(b"x" * 100_000).hexdigest())
    assert "data/x.bin" not in hub.repository("user/a").commits[hub.repository("user/a").branches["main"]].files


def test_a_download_that_is_cut_resumes_where_it_stopped(hub):
    hub.run(UPLOAD)
    hub.faults.append(Fault("/resolve/.*x.bin", method="GET", cut_after=30_000))
    size = hub.run(
        """
import os
from huggingface_hub import constants, hf_hub_download
constants.DOWNLOAD_CHUNK_SIZE = 1000
print(os.path.getsize(hf_hub_download("user/a", "data/x.bin", repo_type="dataset")))
"""
    )
    assert size == 100_000
    assert len(hub.requests("GET", "/resolve/.*x.bin", status=0)) == 1
    assert len(hub.requests("GET", "/resolve/.*x.bin", status=206)) == 1  # the rest only


def test_ranges_are_served(hub):
    hub.run(UPLOAD)
    url = f"{hub.url}/datasets/user/a/resolve/main/data/x.bin"
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Range": "bytes=10-19"})) as answer:
        assert (answer.status, answer.read()) == (206, b"x" * 10)
        assert answer.headers["Content-Range"] == "bytes 10-19/100000"
        assert answer.headers["ETag"] == f'"{hashlib.sha256(b"x" * 100_000).hexdigest()}"'
    with pytest.raises(HTTPError, match="416"):
        urllib.request.urlopen(urllib.request.Request(url, headers={"Range": "bytes=100000-"}))


def test_an_outdated_parent_commit_is_refused(hub):
    with pytest.raises(RuntimeError, match="412"):
        hub.run(
            UPLOAD
            + """
first = api.list_repo_commits("user/a", repo_type="dataset")[-1].commit_id
api.upload_file(
    repo_id="user/a", repo_type="dataset", path_in_repo="y", path_or_fileobj=b"y", parent_commit=first
)
"""
        )


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [("license: research-only", '"license"'), ("language: [english]", '"language"'), ("a: [", "not YAML")],
)
def test_a_card_with_wrong_metadata_is_refused(hub, metadata, problem):
    with pytest.raises(RuntimeError, match="Invalid metadata in README.md") as error:
        hub.run(
            CREATE
            + "api.upload_file(repo_id='user/a', repo_type='dataset', path_in_repo='README.md',"
            + "path_or_fileobj=sys.argv[1].encode())",
            f"---\n{metadata}\n---\n",
        )
    assert problem in str(error.value)


def test_what_the_hub_holds_survives_a_restart(tmp_path):
    with HubDouble(tmp_path) as hub:
        hub.run(UPLOAD)
        head = hub.repository("user/a").branches["main"]
    with HubDouble(tmp_path) as hub:
        assert hub.repository("user/a").history("main")[0][0] == head
        assert hub.read("user/a", "data/x.bin") == b"x" * 100_000


def test_a_model_of_transformers_goes_up_and_comes_back(hub):
    same = hub.run(
        """
import json
import torch
from transformers import Wav2Vec2Config, Wav2Vec2Model
tiny = dict(hidden_size=16, num_attention_heads=2, num_hidden_layers=1, intermediate_size=24, conv_dim=(8,),
            conv_kernel=(10,), conv_stride=(5,), num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2)
model = Wav2Vec2Model(Wav2Vec2Config(**tiny))
model.push_to_hub("user/tiny", private=True)
again = Wav2Vec2Model.from_pretrained("user/tiny")
theirs = again.state_dict()
print(json.dumps(all(torch.equal(value, theirs[name]) for name, value in model.state_dict().items())))
"""
    )
    assert same is True
    assert hub.repository("user/tiny", "models").private
    config = json.loads(hub.read("user/tiny", "config.json", "models"))
    assert config["model_type"] == "wav2vec2"
