"""Ask one question about a rendered chart: rendered.py FILE EXPRESSION.

FILE holds {"items": [objects]}. EXPRESSION is Python, written by charts/test.sh, and must be true. It may use:
all_of(kind), one(kind), named(kind, name) (none of them finds a hook, hook(kind) does), labels, deployment, pod, container, env (name -> value), schema_paths(schema), value_paths(values),
read_json(path), json_of(text), alerts, dashboard, queries (of both), unknown_metrics(queries, page).
Exit code 1 and the values in question when it is not.
"""

import json
import re
import sys


def main(path: str, expression: str) -> int:
    with open(path, encoding="utf-8") as file:
        items = json.load(file)["items"]

    def is_hook(item: dict) -> bool:
        return "helm.sh/hook" in (item["metadata"].get("annotations") or {})

    def all_of(kind: str) -> list:
        return [item for item in items if item.get("kind") == kind and not is_hook(item)]

    def hook(kind: str) -> dict:
        (found,) = [item for item in items if item.get("kind") == kind and is_hook(item)]
        return found

    def one(kind: str) -> dict:
        found = all_of(kind)
        if len(found) != 1:
            raise LookupError(f"{len(found)} objects of kind {kind}, not 1")
        return found[0]

    def named(kind: str, name: str) -> dict:
        return next(item for item in all_of(kind) if item["metadata"]["name"] == name)

    names = {
        "items": items,
        "all_of": all_of,
        "one": one,
        "named": named,
        "hook": hook,
        "schema_paths": schema_paths,
        "value_paths": value_paths,
        "read_json": read_json,
        "json_of": json.loads,
        "unknown_metrics": unknown_metrics,
    }
    if all_of("PrometheusRule") and all_of("ConfigMap"):
        alerts = [rule for group in one("PrometheusRule")["spec"]["groups"] for rule in group["rules"]]
        (text,) = one("ConfigMap")["data"].values()
        dashboard = json.loads(text)
        queries = [alert["expr"] for alert in alerts]
        queries += [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
        queries += [variable.get("definition", "") for variable in dashboard["templating"]["list"]]
        names |= {"alerts": alerts, "dashboard": dashboard, "queries": queries}
    if all_of("Deployment"):
        deployment = one("Deployment")
        pod = deployment["spec"]["template"]["spec"]
        container = pod["containers"][0]
        names |= {
            "deployment": deployment,
            "labels": deployment["spec"]["template"]["metadata"]["labels"],
            "pod": pod,
            "container": container,
            "env": {entry["name"]: entry.get("value") for entry in container["env"]},
        }
    try:
        result = eval(expression, names)  # our own test script is the only author
    except (LookupError, StopIteration, TypeError, ValueError) as error:
        print(f"{expression}: {error!r}")
        return 1
    if not result:
        print(f"not true: {expression}")
        for name in ("env", "pod", "labels"):
            if name in expression:
                print(f"  {name} = {json.dumps(names.get(name), indent=1)}")
    return 0 if result else 1


def read_json(path: str):
    """Read a JSON file."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def unknown_metrics(queries: list[str], page: str) -> set[str]:
    """Metrics that queries name and the page with all metrics does not."""
    with open(page, encoding="utf-8") as file:
        known = set(re.findall(r"^\| `([a-z0-9_]+)` \|", file.read(), re.MULTILINE))
    named = {name for query in queries for name in re.findall(r"\blocust_[a-z0-9_]+", query)}
    # of histograms the page has the name alone
    return {name for name in named if not {name, re.sub("_(bucket|count|sum)$", "", name)} & known}


def schema_paths(schema: dict) -> set[str]:
    """Dotted paths of every value that the schema names, looking through its definitions."""

    def walk(node: dict, prefix: str):
        while "$ref" in node:
            node = schema["definitions"][node["$ref"].rsplit("/", 1)[1]]
        for name, child in node.get("properties", {}).items():
            if child.get("deprecated"):  # old names, which ci/published-values.yaml sets
                continue
            yield prefix + name
            yield from walk(child, f"{prefix}{name}.")

    return {path for path in walk(schema, "") if not path.startswith("global")}


def value_paths(values: dict, prefix: str = "") -> set[str]:
    """Dotted paths of every value that is set."""
    paths = set()
    for name, child in values.items():
        paths.add(prefix + name)
        if isinstance(child, dict):
            paths |= value_paths(child, f"{prefix}{name}.")
    return paths


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
