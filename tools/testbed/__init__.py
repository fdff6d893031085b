"""Real components for tests: find or build the binaries, run a control plane and what belongs around it.

* `binaries`             where a binary or a CRD file is: `find("kube-apiserver")`, `crds()`
* `controlplane`         etcd, kube-apiserver and, on request, kube-controller-manager as child processes
* `prometheus_operator`  the real prometheus-operator against such a control plane
* `processes`            one child process with a log file, and ports that nobody else can take
"""
