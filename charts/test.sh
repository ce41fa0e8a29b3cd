#!/usr/bin/env bash
# Tests the Helm chart without a cluster. Needs helm ($HELM, default .node/bin/helm) and python3.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
helm=${HELM:-$root/.node/bin/helm}
chart=$root/charts/locust-operator
kube_version=1.36.3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export HELM_CONFIG_HOME=$work/helm HELM_CACHE_HOME=$work/helm HELM_DATA_HOME=$work/helm

if ! command -v "$helm" >/dev/null; then
  echo "no helm at $helm: set HELM, or build it with 'make node-up'" >&2
  exit 2
fi

passed=0
failed=0

report() { # name, 0 or 1, output
  if [ "$2" -eq 0 ]; then
    passed=$((passed + 1))
    echo "ok    $1"
  else
    failed=$((failed + 1))
    echo "FAIL  $1"
    printf '%s\n' "$3" | sed 's/^/      /'
  fi
}

check() { # name, command...
  local name=$1 output status=0
  shift
  output=$("$@" 2>&1) || status=1
  report "$name" "$status" "$output"
}

# A chart whose only work is to turn YAML into JSON, so that no YAML parser is needed besides Helm's own.
make_converter() {
  mkdir -p "$work/to-json/templates"
  printf 'apiVersion: v2\nname: to-json\nversion: 0.1.0\n' >"$work/to-json/Chart.yaml"
  cat >"$work/to-json/templates/out.yaml" <<'TEMPLATE'
{{- $items := list }}
{{- range regexSplit "(?m)^---$" (.Files.Get "in.yaml") -1 }}
{{- with fromYaml . }}
{{- $items = append $items . }}
{{- end }}
{{- end }}
{{ dict "items" $items | toJson }}
TEMPLATE
}

to_json() { # YAML file, JSON file
  cp "$1" "$work/to-json/in.yaml"
  "$helm" template x "$work/to-json" | grep '^{' >"$2"
}

template() { # helm template flags...
  "$helm" template demo "$chart" --namespace load-tests --kube-version "$kube_version" "$@"
}

render() { # name, helm template flags...
  local name=$1
  shift
  if template "$@" >"$work/$name.yaml" 2>"$work/$name.err" && to_json "$work/$name.yaml" "$work/$name.json"; then
    report "$name: renders" 0 ""
  else
    echo '{"items": []}' >"$work/$name.json"
    report "$name: renders" 1 "$(cat "$work/$name.err")"
  fi
}

holds() { # rendered name, what it shows, Python expression (see rendered.py)
  check "$1: $2" python3 "$root/charts/rendered.py" "$work/$1.json" "$3"
}

refused() { # what, the words the message must hold, helm flags...
  local what=$1 words=$2 output
  shift 2
  if output=$(template "$@" 2>&1); then
    report "refused: $what" 1 "it was accepted"
  elif grep -qF -- "$words" <<<"$output"; then
    report "refused: $what" 0 ""
  else
    report "refused: $what" 1 "the message does not say '$words': $output"
  fi
}

make_converter

# ---------------------------------------------------------------- lint
check "lint: default values" "$helm" lint --strict --kube-version "$kube_version" "$chart"
check "lint: namespaced values" "$helm" lint --strict --kube-version "$kube_version" "$chart" -f "$chart/ci/namespace-values.yaml"
check "lint: all values" "$helm" lint --strict --kube-version "$kube_version" "$chart" -f "$chart/ci/all-values.yaml"

# ---------------------------------------------------------------- default values: all namespaces
render cluster
to_json <(sed '1s/^/rules:\n/' "$chart/generated/rules.yaml") "$work/rules.json"
rules="read_json('$work/rules.json')['items'][0]['rules']"
holds cluster "one ClusterRole and binding, no Role" "one('ClusterRole') and one('ClusterRoleBinding') and not all_of('Role') and not all_of('RoleBinding')"
holds cluster "its rules are the generated ones" "one('ClusterRole')['rules'] == $rules and len($rules) > 3"
holds cluster "the binding joins role and service account" "one('ClusterRoleBinding')['roleRef']['name'] == one('ClusterRole')['metadata']['name'] and one('ClusterRoleBinding')['subjects'] == [{'kind': 'ServiceAccount', 'name': one('ServiceAccount')['metadata']['name'], 'namespace': 'load-tests'}]"
holds cluster "watches every namespace" "'WATCH_NAMESPACE' not in env"
holds cluster "one replica, never two at a time" "deployment['spec']['replicas'] == 1 and deployment['spec']['strategy'] == {'type': 'Recreate'}"
holds cluster "takes over the published Deployment: same name, same selector" "deployment['metadata']['name'] == 'locust-operator' and deployment['spec']['selector']['matchLabels'] == {'app.kubernetes.io/name': 'locust-k8s-operator', 'app.kubernetes.io/instance': 'demo'}"
holds cluster "the selector selects the pods" "deployment['spec']['selector']['matchLabels'].items() <= labels.items()"
holds cluster "only the operator's pod gets a token" "pod['automountServiceAccountToken'] is True and one('ServiceAccount')['automountServiceAccountToken'] is False and pod['serviceAccountName'] == one('ServiceAccount')['metadata']['name']"
holds cluster "pod passes the restricted level" "pod['securityContext'] == {'runAsNonRoot': True, 'runAsUser': 65532, 'runAsGroup': 65532, 'seccompProfile': {'type': 'RuntimeDefault'}}"
holds cluster "container passes the restricted level" "container['securityContext'] == {'allowPrivilegeEscalation': False, 'readOnlyRootFilesystem': True, 'capabilities': {'drop': ['ALL']}}"
holds cluster "probes use the http port" "container['ports'] == [{'name': 'http', 'containerPort': 8080, 'protocol': 'TCP'}] and [container[p]['httpGet'] for p in ('livenessProbe', 'readinessProbe')] == [{'path': '/healthz', 'port': 'http'}, {'path': '/readyz', 'port': 'http'}]"
holds cluster "small resources" "container['resources'] == {'requests': {'cpu': '10m', 'memory': '32Mi'}, 'limits': {'memory': '128Mi'}}"
holds cluster "image is the repository at appVersion" "container['image'] == 'locust-operator/locust-operator:' + deployment['metadata']['labels']['app.kubernetes.io/version']"
holds cluster "settings reach the operator" "env == {'LOG_LEVEL': 'info', 'PROGRESS_INTERVAL': '30s', 'DEFAULT_IMAGE': 'locustio/locust:2.47.0', 'START_DEADLINE': '5m', 'SECURITY_PROFILE': 'Restricted', 'RUN_AS_USER': '1000', 'POD_CPU_REQUEST': '250m', 'POD_MEM_REQUEST': '128Mi', 'POD_EPHEMERAL_REQUEST': '30M', 'POD_CPU_LIMIT': '1000m', 'POD_MEM_LIMIT': '1024Mi', 'POD_EPHEMERAL_LIMIT': '50M'}"
holds cluster "no Service unless asked" "not all_of('Service')"
if [ -f "$chart/templates/crds.yaml" ]; then
  holds cluster "definitions are installed, and kept at uninstall" "all_of('CustomResourceDefinition') and all(c['metadata']['annotations']['helm.sh/resource-policy'] == 'keep' for c in all_of('CustomResourceDefinition'))"
  render no-crds --set crds.install=false
  holds no-crds "crds.install=false leaves the definitions out" "not all_of('CustomResourceDefinition') and one('Deployment')"
fi

# ---------------------------------------------------------------- one namespace
render namespace -f "$chart/ci/namespace-values.yaml"
holds namespace "nothing is cluster-wide" "not [i for i in items if i['kind'].startswith('Cluster') or i['kind'] == 'CustomResourceDefinition'] and all(i['metadata']['namespace'] == 'load-tests' for i in items)"
holds namespace "Role with the same rules, and its binding" "one('Role')['rules'] == $rules and one('RoleBinding')['roleRef'] == {'apiGroup': 'rbac.authorization.k8s.io', 'kind': 'Role', 'name': one('Role')['metadata']['name']}"
holds namespace "watches the release's namespace" "env['WATCH_NAMESPACE'] == 'load-tests'"
holds namespace "runAsUser: null sets no user id" "env['RUN_AS_USER'] == ''"

# ---------------------------------------------------------------- every value set
render all -f "$chart/ci/all-values.yaml"
cp "$chart/ci/all-values.yaml" "$work/all-values.yaml" && to_json "$work/all-values.yaml" "$work/all-values.json"
cp "$chart/values.yaml" "$work/default-values.yaml" && to_json "$work/default-values.yaml" "$work/default-values.json"
schema="schema_paths(read_json('$chart/values.schema.json'))"
check "all: ci/all-values.yaml sets every value of the schema" python3 "$root/charts/rendered.py" "$work/all-values.json" \
  "not print('missing:', sorted($schema - value_paths(items[0]))) and not $schema - value_paths(items[0])"
check "all: values.yaml shows every value of the schema's first level" python3 "$root/charts/rendered.py" "$work/default-values.json" \
  "{p for p in $schema if '.' not in p} == {p for p in value_paths(items[0]) if '.' not in p}"
holds all "image by digest, pull policy and secrets" "container['image'].startswith('registry.example/team/operator@sha256:') and container['imagePullPolicy'] == 'Always' and pod['imagePullSecrets'] == [{'name': 'registry-login'}]"
holds all "names" "deployment['metadata']['name'] == 'load-operator' and pod['serviceAccountName'] == 'load-runner' and labels['app.kubernetes.io/name'] == 'load'"
holds all "own labels and annotations on the pod" "labels['example.org/team'] == 'perf' and deployment['spec']['template']['metadata']['annotations'] == {'example.org/note': 'yes'}"
holds all "metrics Service reaches the pod's http port" "one('Service')['spec']['selector'] == deployment['spec']['selector']['matchLabels'] and one('Service')['spec']['ports'][0]['targetPort'] == 'http'"
holds all "numbers stay plain" "env['RUN_AS_USER'] == '1000680000' and env['POD_MEM_REQUEST'] == '134217728' and env['POD_CPU_REQUEST'] == '0.25' and env['MASTER_POD_CPU_LIMIT'] == '2'"
holds all "none is passed on, empty is left out" "env['POD_CPU_LIMIT'] == 'none' and 'POD_EPHEMERAL_LIMIT' not in env"
holds all "resources of both roles" "len([n for n in env if n.startswith('MASTER_POD_')]) == 6 and len([n for n in env if n.startswith('WORKER_POD_')]) == 6 and env['WORKER_POD_EPHEMERAL_REQUEST'] == '35M'"
holds all "extraEnv replaces, and no name comes twice" "env['START_DEADLINE'] == '9m' and len(env) == len(container['env']) and 'CLUSTER_NAME' in env"
holds all "other settings" "(env['DEFAULT_TIMEOUT'], env['SECURITY_PROFILE'], env['DEFAULT_IMAGE'], env['LOG_LEVEL'], env['PROGRESS_INTERVAL']) == ('2h', 'Published', 'registry.example/locust:2.20.0', 'info,locust_operator=debug', '1m30s')"
holds all "scheduling" "pod['nodeSelector'] and pod['tolerations'] and pod['affinity'] and pod['priorityClassName'] == 'system-cluster-critical' and pod['terminationGracePeriodSeconds'] == 30"

# ---------------------------------------------------------------- what is refused, and in which words
refused "unknown value (two replicas)" "additional properties 'replicaCount' not allowed" --set replicaCount=2
refused "misspelt value" "at '/locustPods': additional properties 'startDeadLine' not allowed" --set locustPods.startDeadLine=5m
refused "unknown scope" "at '/watch/scope': value must be one of 'Cluster', 'Namespace'" --set watch.scope=All
refused "unknown security profile" "at '/locustPods/securityProfile': value must be one of" --set locustPods.securityProfile=baseline
refused "duration in words" "at '/progressInterval': '10 minutes' does not match" --set progressInterval="10 minutes"
refused "duration without a unit" "at '/locustPods/startDeadline': got number, want string" --set locustPods.startDeadline=300
refused "quantity" "at '/locustPods/resources/limits/cpu': 'lots' does not match" --set locustPods.resources.limits.cpu=lots
refused "Kubernetes' spelling of a resource" "additional properties 'ephemeral-storage' not allowed" --set locustPods.resources.limits.ephemeral-storage=1G
refused "root" "at '/locustPods/runAsUser': minimum: got 0, want 1" --set locustPods.runAsUser=0
refused "text for a switch" "at '/metrics/service/enabled': got string, want boolean" --set-string metrics.service.enabled=yes
refused "log level" "at '/logLevel': 'verbose' does not match" --set logLevel=verbose
refused "tag with a slash" "at '/image/tag': 'a/b' does not match" --set image.tag=a/b
refused "environment variable without a name" "at '/extraEnv/0': missing property 'name'" --set 'extraEnv[0].value=x'
refused "number as an environment variable" "at '/extraEnv/0/value': got number, want string" --set 'extraEnv[0].name=A,extraEnv[0].value=1'
refused "old Kubernetes" "chart requires kubeVersion: >=1.33.0-0" --kube-version 1.32.9
cp -r "$chart" "$work/no-rules" && rm "$work/no-rules/generated/rules.yaml"
chart=$work/no-rules refused "chart packaged without its rules" "generated/rules.yaml is missing"

# ---------------------------------------------------------------- notes and package
notes() { # helm flags...
  "$helm" install demo "$chart" --namespace load-tests --dry-run=client "$@" | sed -n '/^NOTES:/,$p'
}
says() { # words, helm flags...
  local words=$1
  shift
  notes "$@" | grep -F -- "$words"
}
check "notes: a test to paste, and how to watch it" says "kubectl -n default get lotest -w"
# What the shell would hand to kubectl: from the line after <<'EOF' to a line that is EOF and nothing else.
notes | sed -n "/<<'EOF'\$/,/^EOF\$/p" >"$work/paste.txt"
check "notes: the paste ends where the shell looks for it" sh -c "tail -n 1 '$work/paste.txt' | grep -qx EOF"
sed '1d;$d' "$work/paste.txt" >"$work/paste.yaml" && to_json "$work/paste.yaml" "$work/paste.json"
check "notes: the paste is a LocustTest" python3 "$root/charts/rendered.py" "$work/paste.json" \
  "one('LocustTest')['apiVersion'] == 'locust.io/v2' and 'locustfile.py' in one('LocustTest')['spec']['testFiles']['inline']"
check "notes: namespaced scope is said" says "in the namespace load-tests only" --set watch.scope=Namespace
check "notes: namespaced test goes to that namespace" says "kubectl -n load-tests apply -f -" --set watch.scope=Namespace

workspace_version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$root/Cargo.toml")
check "package: appVersion is the workspace's version ($workspace_version)" grep -qx "appVersion: \"$workspace_version\"" "$chart/Chart.yaml"
check "package: is made" "$helm" package "$chart" --destination "$work"
check "package: holds the rules, not the test values" sh -c "tar -tzf '$work'/locust-operator-*.tgz >'$work/list' && grep -q generated/rules.yaml '$work/list' && ! grep -q /ci/ '$work/list'"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
