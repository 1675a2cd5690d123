"""reframe.yaml: every fault at once, with its place; never anything but data."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from reframed import config, recipe
from reframed.errors import ConfigError
from reframed.paths import shipped
from reframed.schema import config_schema, recipe_schema


def faults(tmp_path: Path, text: str) -> list[str]:
    """What is wrong with a configuration, without the file's name."""
    path = tmp_path / "reframe.yaml"
    path.write_text(text)
    try:
        recipe.load_all(config.read(path))
    except ConfigError as error:
        return [str(fault).removeprefix(f"{path}:") for fault in error.faults]
    return []


def test_every_fault_is_named_with_its_place(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        "slotz: 3\nslots: {cpu: lots}\ninboxes:\n  - path: in\n    recipe: captions\n"
        "    settle: 5 parsecs\n    after: trahs\n",
    )
    assert len(found) == 4
    assert found[0].startswith('1:1: unknown option "slotz" (did you mean "slots"?)')
    assert found[1].startswith('2:14: "cpu" must be a whole number from 1 to 64, not "lots"')
    assert "6:13" in found[2]
    assert "5 parsecs" in found[2]
    assert 'did you mean "trash"' in found[3]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("inboxes: [{path: in, recipe: caption}]", 'no recipe "caption" (did you mean "captions"?)'),
        ("inboxes: [{path: in, recipe: captions, outbox: in}]", "the outbox is the inbox itself"),
        ("inboxes: [{path: in, recipe: captions, outbox: in/out}]", "the outbox lies inside the inbox itself"),
        (
            "inboxes: [{path: in, recipe: captions, outbox: a}, {path: in, recipe: captions, outbox: b}]",
            "is watched twice",
        ),
        ("inboxes: [{path: in, recipe: captions}, {path: in/sub, recipe: captions, outbox: o}]", "overlap"),
        ("state: in/state\ninboxes: [{path: in, recipe: captions}]", "state folder lies inside"),
        ("state: !!python/object/apply:os.system ['true']", "is not allowed"),
        ("a: 1\na: 2", '"a" is given twice'),
        ("state: [1", "not valid YAML"),
        ("- 1\n- 2", "must be a mapping"),
        ("inboxes: [{recipe: captions}]", '"path" is missing'),
        ("operators: [nobody-of-this-name]", "no user"),
    ],
)
def test_wrong_configurations(tmp_path: Path, text: str, words: str) -> None:
    assert words in "\n".join(faults(tmp_path, text))


def test_a_link_to_the_inbox_is_the_same_inbox(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "alias").symlink_to("in")
    text = "inboxes: [{path: in, recipe: captions, outbox: o}, {path: alias, recipe: captions, outbox: p}]"
    assert "is watched twice" in "\n".join(faults(tmp_path, text))


def test_yaml_bombs_are_refused(tmp_path: Path) -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n"
    for name, before in zip("bcdefghi", "abcdefgh", strict=True):
        bomb += f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n"
    assert "aliases" in faults(tmp_path, bomb)[0]
    assert "nests deeper" in faults(tmp_path, "a: " + "[" * 5000)[0]
    assert "is larger than" in faults(tmp_path, "# " + "x" * 2_000_000)[0]
    doubling = "inboxes:\n- &x {path: in, recipe: &r [" + "captions," * 900 + "]}\n" + "- *x\n" * 49
    assert "unfolds to over" in "\n".join(faults(tmp_path, doubling))
    (tmp_path / "bytes.yaml").write_bytes(b"state: \xff\xfe")
    with pytest.raises(ConfigError, match="UTF-8"):
        config.load(tmp_path / "bytes.yaml")


def test_paths_are_relative_to_the_file_and_no_language_becomes_a_boolean(tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "norwegian.yaml").write_text("steps: [transcribe: {language: no, model: base}, captions]\n")
    (tmp_path / "reframe.yaml").write_text("recipes: recipes\ninboxes: [{path: inbox/x, recipe: norwegian}]\n")
    file = config.read(tmp_path / "reframe.yaml")
    loaded = recipe.load_all(file)
    assert file.config.inboxes[0].path == str(tmp_path / "inbox" / "x")
    assert file.config.inboxes[0].outbox == str(tmp_path / "outbox" / "x")
    assert loaded["norwegian"].steps[0].options["language"] == "no"


def test_the_shipped_example_runs_as_it_is_and_fits_the_schema() -> None:
    example = shipped("reframe.yaml")
    recipe.load_all(config.read(example))
    jsonschema.validate(yaml.safe_load(example.read_text()), config_schema())
    for path in shipped("recipes").glob("*.yaml"):
        jsonschema.validate(yaml.safe_load(path.read_text()), recipe_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"limits": {"stall": "5 parsecs"}}, config_schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"steps": [{"captions": {"formatz": []}}]}, recipe_schema())


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "reframe.yaml").write_text("# nothing\n")
    assert config.load(tmp_path / "reframe.yaml").inboxes[0].recipe == "captions"
