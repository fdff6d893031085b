"""Values that are refused, each with the path of what is wrong."""

import pytest

from support.charts import CHART, NAMESPACE, RELEASE, helm, render

WRONG: dict[str, tuple[str, str]] = {
    "a key that does not exist": ("replicaCount=2", "replicaCount"),
    "a key that does not exist, deeper": ("image.pullpolicy=Always", "pullpolicy"),
    "a misspelt setting": ("settings.resync=5", "resync"),
    "a text for a number": ("replicas=two", "replicas"),
    "no shard at all": ("shards=0", "shards"),
    "more shards than the operator knows": ("shards=65", "shards"),
    "a negative number of replicas": ("replicas=-1", "replicas"),
    "too many workers": ("settings.workers=65", "workers"),
    "no time between two looks": ("settings.pollSeconds=0", "pollSeconds"),
    "an unknown level": ("settings.logLevel=TRACE", "logLevel"),
    "a prober with a scheme": ("settings.prober=http://blackbox:9115", "prober"),
    "runbooks that are no address": ("settings.runbookBaseUrl=runbooks", "runbookBaseUrl"),
    "a digest that is none": ("image.digest=sha256:12", "digest"),
    "a registry with a scheme": ("image.registry=https://registry.example.com", "registry"),
    "an unknown pull policy": ("image.pullPolicy=Sometimes", "pullPolicy"),
    "a namespace that cannot exist": ("watch.namespaces={CRM}", "namespaces"),
    "a namespace twice": ("watch.namespaces={crm,crm}", "namespaces"),
    "root": ("runAsUser=0", "runAsUser"),
    "a port that does not exist": ("service.port=70000", "port"),
    "a duration without a unit": ("serviceMonitor.interval=30", "interval"),
    "a truth value as text": ("crds.keep=maybe", "keep"),
    "a number as the value of a label": ("podLabels.a=1", "podLabels"),
}


@pytest.mark.parametrize("what", WRONG)
def test_the_schema_refuses(what: str, helm_version: str) -> None:
    value, path = WRONG[what]
    done = helm("template", RELEASE, CHART, "--set", value, binary=helm_version, check=False)

    assert done.returncode
    assert "values don't meet the specifications of the schema" in done.stderr
    assert path in done.stderr


IMPOSSIBLE: dict[str, tuple[str, str]] = {
    "several replicas that all write": ("leaderElection.enabled=false", "replicas: more than one needs leaderElection"),
    "an account that has no name": ("serviceAccount.create=false", "serviceAccount.name is needed"),
    "alerts without series": ("prometheusRule.enabled=true", "prometheusRule.enabled needs serviceMonitor.enabled"),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_a_sentence_refuses(what: str, helm_version: str) -> None:
    value, sentence = IMPOSSIBLE[what]
    kinds = ("--api-versions", "monitoring.coreos.com/v1")
    done = helm("template", RELEASE, CHART, *kinds, "--set", value, binary=helm_version, check=False)

    assert done.returncode
    assert sentence in done.stderr


@pytest.mark.parametrize("value", ["serviceMonitor.enabled", "prometheusRule.enabled"])
def test_kinds_that_the_cluster_does_not_serve_are_named_with_what_helps(value: str, helm_version: str) -> None:
    done = helm("template", RELEASE, CHART, "--set", f"{value}=true", binary=helm_version, check=False)

    assert done.returncode
    assert f"{value} needs prometheus-operator's kinds" in done.stderr
    assert "--api-versions monitoring.coreos.com/v1" in done.stderr


def test_an_older_kubernetes_is_refused(helm_version: str) -> None:
    done = helm("template", RELEASE, CHART, "--kube-version", "1.29.5", binary=helm_version, check=False)

    assert done.returncode
    assert ">=1.30.0-0" in done.stderr
    helm("template", RELEASE, CHART, "--kube-version", "1.31.2-gke.1", binary=helm_version)


def test_values_of_other_charts_of_an_umbrella_do_no_harm() -> None:
    assert render("--set", "global.storageClass=fast")


NOTES: dict[str, tuple[tuple[str, ...], str]] = {
    "how to see whether it is ready": ((), "kubectl get crmmon --all-namespaces"),
    "that an image without a registry must be loaded": ((), "kind load docker-image crm-monitoring-operator:"),
    "that prometheus-operator is missing": ((), "DependencyMissing"),
    "what happens without the policy": (("--set", "admissionPolicy.enabled=false"), "uses the operator's rights"),
    "what happens without leader election": (
        ("--set", "leaderElection.enabled=false", "--set", "replicas=1"),
        "nothing keeps two operators from writing",
    ),
    "that resources go with the definition": (("--set", "crds.keep=false"), "deletes the CustomResourceDefinition"),
    "how to move to another release": ((), "--take-ownership"),
}


@pytest.mark.parametrize("what", NOTES)
def test_the_notes_say(what: str) -> None:
    flags, text = NOTES[what]

    assert text in notes(*flags)


def test_the_notes_do_not_warn_of_what_is_in_order() -> None:
    assert "names no registry" not in notes("--set", "image.registry=registry.example.com")


def notes(*flags: str) -> str:
    """Return what Helm says after an installation; Helm 3 would ask the cluster even for a dry run."""
    done = helm("install", RELEASE, CHART, "--namespace", NAMESPACE, "--dry-run=client", *flags)
    return done.stdout.partition("NOTES:")[2]
