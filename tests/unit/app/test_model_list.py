"""The model list of a home: what it may say, and what is wrong with it."""

import json
from pathlib import Path
from typing import Any

import pytest

from flowmatik.app.model_list import Surroundings, listed_in, read_model_list
from flowmatik.app.model_list.form import model_list_json_schema
from flowmatik.app.models import open_gateway
from flowmatik.app.settings import load_settings
from flowmatik.app.texts import Texts
from flowmatik.integrations.provider import ProviderSettings
from flowmatik.integrations.routing.table import Fallbacks, Limits, RouteTable
from flowmatik.kernel.clock import SystemClock
from flowmatik.kernel.errors import ConfigurationError

WHOLE = """\
model_list:
  - model_name: fast
    model: openai/gpt-6-luna
    tags: [us]
    max_output_tokens: 4096
  - model_name: fast
    model: box/llama
    base_url: https://box.example/v1
    api_key: env:BOX_KEY
    weight: 3
    tags: [eu]
    max_parallel: 8
    requests_per_minute: 60
    tokens_per_minute: 90000
    context_tokens: 8000
    prices: {input: 0.2, output: 0.6}
    timeout: 20
  - model_name: long
    model: openai/gpt-4.1
aliases: {cheap: quick, quick: fast}
fallbacks:
  fast: [long, local/extractive]
  long:
    content: [openai/o3]
    paid_attempts: 2
default: cheap
breaker: {open_seconds: 1}
"""
OPENAI = ProviderSettings(base_url="https://api.openai.com/v1", api_key="sk-own", prices={"o3": (1.0, 2.0)})


def keys(reference: str) -> str:
    return {"env:BOX_KEY": "sk-box"}[reference]


def read(folder: Path, text: str) -> RouteTable:
    path = folder / "models.yaml"
    path.write_text(text, encoding="utf-8")
    there = Surroundings(
        providers={"openai": OPENAI}, plugins=("openai", "openai_compatible", "ai302", "local"), value_of=keys
    )
    found = read_model_list(path, there)
    assert found is not None
    return found


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read(folder, text)
    assert caught.value.code == "config.models"
    for language in ("en", "es"):
        said = Texts(language).error(caught.value)
        assert "{" not in said
        assert "models.yaml:" in said
    return caught.value.message.splitlines()[1:]


def entry(**fields: Any) -> str:
    given = {"model_name": "m", "model": "openai/x", **fields}
    return json.dumps({"model_list": [given]})


def test_a_list_says_what_there_is(tmp_path: Path) -> None:
    table = read(tmp_path, WHOLE)
    first, box, long = table.deployments
    assert (first.id, first.settings, first.max_output_tokens) == ("fast:openai/gpt-6-luna", None, 4096)
    assert box.settings == ProviderSettings(
        base_url="https://box.example/v1",
        api_key="sk-box",
        plugin="openai_compatible",
        prices={"llama": (0.2, 0.6)},
    )
    assert box.limits == Limits(max_parallel=8, requests_per_minute=60, tokens_per_minute=90_000)
    assert (box.weight, box.tags, box.context_tokens, box.timeout) == (3.0, frozenset({"eu"}), 8000, 20.0)
    assert long.name == "long"
    assert table.aliases == {"cheap": "fast", "quick": "fast"}
    assert table.fallbacks == {
        "fast": Fallbacks(unavailable=("long", "local/extractive")),
        "long": Fallbacks(content=("openai/o3",), paid_attempts=2),
    }
    assert (table.default, table.paid_attempts, table.breaker.open_seconds) == ("cheap", 1, 1.0)
    assert "sk-box" not in repr(table)


def test_deployments_that_are_alike_have_different_names_and_prices_go_on_top_of_the_others(
    tmp_path: Path,
) -> None:
    text = """\
model_list:
  - {model_name: m, model: openai/x}
  - {model_name: m, model: openai/x, prices: {input: 1, output: 2}}
"""
    one, two = read(tmp_path, text).deployments
    assert (one.id, two.id) == ("m:openai/x", "m:openai/x#2")
    assert two.settings is not None
    assert two.settings.prices == {"o3": (1.0, 2.0), "x": (1.0, 2.0)}
    assert two.settings.api_key == "sk-own"


def test_a_key_of_the_settings_is_not_sent_to_another_address(tmp_path: Path) -> None:
    (one,) = read(tmp_path, entry(base_url="https://elsewhere.example/v1")).deployments
    assert one.settings is not None
    assert (one.settings.api_key, one.settings.prices) == ("", {})


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- a", "models.yaml:1:1: such a file is a table with model_list"),
        ("model_list: [", "models.yaml:1:14: not YAML"),
        (entry(wieght=2), "model_list.0.wieght: is not a field (2); did you mean weight?"),
        ("modle_list: []", "models.yaml:1:1: modle_list: is not a field ([]); did you mean model_list?"),
        ("model_list: [{model: openai/x}]", "models.yaml:1:14: model_list.0.model_name: is missing; add it"),
        (entry(weight=0), "model_list.0.weight: "),
        (entry(model="gpt"), "model_list.0.model: 'gpt' must be <provider>/<name>"),
        (entry(model="ai302/x"), "the provider 'ai302' is not configured"),
        (entry(model="box/x", api_key="env:BOX_KEY"), "no provider 'box' here; give its base_url"),
        (entry(api_key="sk-clear"), "model_list.0.api_key: must say where the key is, env:NAME or file:PATH"),
        (entry(base_url="https://me:pw@h/v1"), "model_list.0.base_url: must look like https://host/v1"),
        (entry(model_name="openai"), "'openai' is the name of a provider, or reserved"),
        (entry(model_name="default"), "'default' is the name of a provider, or reserved"),
        (entry(model_name="a/b"), "'a/b' cannot be a name"),
        (entry(tags=["E U"]), "model_list.0.tags.0: 'E U' cannot be a tag"),
        ("aliases: {a: b, b: c, c: a}", "aliases.a: leads back to itself (a → b → c → a)"),
        ("aliases: {local: openai/x}", "'local' is the name of a provider"),
        ("model_list: [{model_name: m, model: openai/x}]\naliases: {m: openai/y}", "2:11: aliases.m: 'm'"),
        ("model_list: [{model_name: fast, model: openai/x}]\naliases: {a: fats}", "did you mean 'fast'?"),
        ("aliases: {a: nowhere/x}", "the provider of 'nowhere/x' is not configured; there is local, openai"),
        ("default: nobody", "models.yaml:1:1: default: there is no model 'nobody' in the list; there is –"),
        ("fallbacks: {openai/x: [openai/x]}", "leads back to itself (openai/x → openai/x)"),
        ("fallbacks: {openai/x: [openai/y], openai/y: {context: [openai/x]}}", "x → openai/y → openai/x"),
        ("aliases: {a: openai/x}\nfallbacks: {a: [openai/y]}", "'a' is an alias; say who stands in"),
        ("fallbacks: {openai/x: {unavailble: []}}", "is not a field ([]); did you mean unavailable?"),
        ("fallbacks: {openai/x: {context: [gone]}}", "openai/x.context.0: there is no model 'gone'"),
        (entry(context_policy="summarise"), "context_policy summarise and summariser go together"),
        (entry(context_policy="summarise", summariser="gone"), "summariser: there is no model 'gone'"),
        (entry(cache_seconds=0), "model_list.0.cache_seconds: "),
        ("paid_attempts: 0", "paid_attempts: "),
        ("rounds: 2\nrounds: 3", "rounds: stands twice"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, fault: str) -> None:
    said = faults(tmp_path, text)
    assert any(fault in line for line in said), said
    assert all(line.startswith("models.yaml:") for line in said)


def test_a_key_in_clear_is_never_repeated(tmp_path: Path) -> None:
    assert "sk-clear" not in "".join(faults(tmp_path, entry(api_key="sk-clear")))


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    assert len(faults(tmp_path, entry(model="gpt", api_key="k", model_name="local", tags=["-"]))) == 4


def test_no_file_is_no_list_and_a_broken_one_gives_no_names(tmp_path: Path) -> None:
    there = Surroundings(providers={}, plugins=(), value_of=keys)
    assert read_model_list(tmp_path / "models.yaml", there) is None
    assert listed_in(tmp_path / "models.yaml").names == frozenset()
    for text in ("[", "a", "model_list: 3", "model_list: [3]", "aliases: 3"):
        (tmp_path / "models.yaml").write_text(text)
        assert listed_in(tmp_path / "models.yaml").names == frozenset()
    (tmp_path / "models.yaml").write_text(WHOLE)
    listed = listed_in(tmp_path / "models.yaml")
    assert listed.names == {"fast", "long", "cheap", "quick"}
    assert listed.tags == {"eu", "us"}


def test_the_published_schema_is_the_one_that_is_checked() -> None:
    published = Path(__file__).parents[3] / "schemas" / "model-list.schema.json"
    assert json.loads(published.read_text(encoding="utf-8")) == model_list_json_schema()


async def test_a_home_with_a_list_asks_by_its_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOX_KEY", "sk-box")
    (tmp_path / "flowmatik.toml").write_text("")
    (tmp_path / "models.yaml").write_text(WHOLE)
    environment = {"FLOWMATIK_OPENAI_API_KEY": "sk-own"}
    models = open_gateway(load_settings(tmp_path, environment), SystemClock())
    assert models.default_model() == "cheap"
    assert models.providers_of("cheap") == ("openai", "box", "local")
    assert [one.id for one in models.deployments()[:2]] == ["fast:openai/gpt-6-luna", "fast:box/llama"]
    await models.close()
    named = load_settings(tmp_path, environment, {"model.default": "long"})
    assert open_gateway(named, SystemClock()).default_model() == "long"


def test_a_named_list_must_be_there_and_a_key_where_it_says(tmp_path: Path) -> None:
    (tmp_path / "flowmatik.toml").write_text('[models]\nfile = "other.yaml"\n')
    settings = load_settings(tmp_path, {"FLOWMATIK_OPENAI_API_KEY": "sk-own"})
    with pytest.raises(ConfigurationError, match=r"other\.yaml"):
        open_gateway(settings, SystemClock())
    (tmp_path / "other.yaml").write_text(WHOLE.replace("env:BOX_KEY", "file:no-such-key"))
    with pytest.raises(ConfigurationError, match="'file:no-such-key' stands for nothing"):
        open_gateway(settings, SystemClock())
