"""The CustomResourceDefinition of ModelRollout, generated from the models: `python -m modelrollout.api.crd --help`."""

import sys
from typing import Any

import yaml

from modelrollout.api.generated import main
from modelrollout.api.rollout import KIND, VERSION, ModelRollout
from modelrollout.api.schema import Schema, structural_schema, without_defaults
from modelrollout.api.status import Status
from modelrollout_contract.objects import GROUP

PLURAL = "modelrollouts"

_HEADER = "# Generated from operator/modelrollout/api by `python -m modelrollout.api.crd`. Do not edit.\n"

_READY = '.status.conditions[?(@.type=="Ready")]'
_COLUMNS = (
    {"name": "Ready", "type": "string", "jsonPath": f"{_READY}.status"},
    {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
    {"name": "Champion", "type": "string", "jsonPath": ".status.champion.bento"},
    {"name": "Challenger", "type": "string", "jsonPath": ".status.challenger.bento"},
    {"name": "Weight", "type": "integer", "jsonPath": ".status.weight"},
    {"name": "Reason", "type": "string", "jsonPath": f"{_READY}.reason"},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    # Sentences are for `-o wide`: a table in 120 columns has room for words.
    {"name": "Verdict", "type": "string", "priority": 1, "jsonPath": ".status.verdict"},
)


_SCALE = {
    "specReplicasPath": ".spec.serving.replicas",
    "statusReplicasPath": ".status.replicas",
    "labelSelectorPath": ".status.selector",
}


def custom_resource_definition() -> dict[str, Any]:
    """The CRD as a manifest."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["mr"],
                "categories": ["all"],
            },
            "scope": "Namespaced",
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}, "scale": _SCALE},
                    "additionalPrinterColumns": list(_COLUMNS),
                    "schema": {"openAPIV3Schema": _schema()},
                }
            ],
        },
    }


def _schema() -> Schema:
    schema = structural_schema(ModelRollout)
    # The API server has its own rules for these.
    schema["properties"] |= {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 63}}},
        "status": without_defaults(structural_schema(Status)),
    }
    schema["required"] = ["spec"]
    return schema


def render() -> str:
    """The CRD as the text of a YAML file."""
    return _HEADER + yaml.dump(custom_resource_definition(), Dumper=_Dumper, sort_keys=False, width=120)


class _Dumper(yaml.SafeDumper):
    """Writes repeated values out: aliases are hard to read, and not every YAML tool follows them."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_multi_representer(str, lambda dumper, text: dumper.represent_str(str(text)))

if __name__ == "__main__":
    sys.exit(main("crds/modelrollout.io_modelrollouts.yaml", render, __doc__))
