"""`models.config` and the choice of versions."""

import re

import pytest

from tfspine.errors import ModelError, ServerError
from tfspine.server.config_file import AllVersions, LatestVersions, ModelConfig, SpecificVersions, read_models_config
from tfspine.server.lifecycle import Lifecycle
from tfspine.server.version_folders import choose_versions

ONE = 'model_config_list {{ config {{ name: "m" base_path: "/models/m" model_platform: "tensorflow" {} }} }}'


def read(tmp_path, text, **options):
    path = tmp_path / "models.config"
    path.write_text(text)
    return read_models_config(path, **options)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("", LatestVersions(1)),
        ("model_version_policy { latest { } }", LatestVersions(1)),
        ("model_version_policy { latest { num_versions: 3 } }", LatestVersions(3)),
        ("model_version_policy { all { } }", AllVersions()),
        ("model_version_policy { specific { versions: 4 versions: 2 } }", SpecificVersions((2, 4))),
    ],
)
def test_policies(tmp_path, policy, expected):
    (model,) = read(tmp_path, ONE.format(policy))
    assert model.policy == expected


def test_labels(tmp_path):
    (model,) = read(tmp_path, ONE.format('version_labels { key: "stable" value: 2 }'))
    assert model.labels == {"stable": 2}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model_config_lst {}", r"line 1:\d+ : .*model_config_lst"),
        ("", "names no model"),
        (ONE.format("").replace('name: "m"', ""), "a model has no name"),
        (ONE.format("").replace("/models/m", "models/m"), 'model "m": base_path "models/m"; expected an absolute path'),
        (ONE.format("").replace("tensorflow", "torch"), 'model_platform "torch"; expected "tensorflow"'),
        (ONE.format("model_version_policy { specific { } }"), "specific lists no version"),
        (re.sub("(config {.*}) }", r"\1 \1 }", ONE.format("")), 'model "m" is listed twice'),
    ],
)
def test_what_cannot_be_served_names_file_and_model(tmp_path, text, message):
    with pytest.raises(ServerError, match=message) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "models.config"))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ServerError, match=re.escape(str(tmp_path / "none.config"))):
        read_models_config(tmp_path / "none.config")


def test_model_root_refuses_paths_that_it_cannot_replace(tmp_path):
    text = ONE.format("").replace("/models/m", "/modelsand/m")
    with pytest.raises(ServerError, match="with --model-root it must lie under /models"):
        read(tmp_path, text, model_root=tmp_path)


@pytest.fixture
def versions(tmp_path):
    for name in ("1", "2", "10", "11.partial", "old", str(2**63), "9" * 40):
        (tmp_path / "m" / name).mkdir(parents=True)
    (tmp_path / "m" / "12").write_text("a file, no version")
    return tmp_path / "m"


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (LatestVersions(), {10}),
        (LatestVersions(2), {2, 10}),
        (LatestVersions(9), {1, 2, 10}),
        (AllVersions(), {1, 2, 10}),
        (SpecificVersions((2,)), {2}),
    ],
)
def test_versions_are_numbers_not_text(versions, policy, expected):
    chosen = choose_versions(ModelConfig("m", versions, policy, {}))
    assert chosen == {number: versions / str(number) for number in expected}


def test_missing_paths_and_versions_say_what_to_do(versions, tmp_path):
    with pytest.raises(ServerError, match=f'model "m": {tmp_path / "none"}: no such folder; run tfspine export'):
        choose_versions(ModelConfig("m", tmp_path / "none", LatestVersions(), {}))
    with pytest.raises(ServerError, match="no version 3; expected one of"):
        choose_versions(ModelConfig("m", versions, SpecificVersions((2, 3)), {}))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ServerError, match="no version in it"):
        choose_versions(ModelConfig("m", tmp_path / "empty", LatestVersions(), {}))


def test_a_label_needs_a_served_version(versions):
    with pytest.raises(ServerError, match='label "stable" points at version 1; expected one that is served: 10'):
        Lifecycle().start([ModelConfig("m", versions, LatestVersions(), {"stable": 1})])


def test_a_folder_without_a_savedmodel_is_named(versions):
    with pytest.raises(ModelError, match=f"{versions / '10'}: not a SavedModel"):
        Lifecycle().start([ModelConfig("m", versions, LatestVersions(), {})])
