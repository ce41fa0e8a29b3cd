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
check "lint: values for teams" "$helm" lint --strict --kube-version "$kube_version" "$chart" -f "$chart/ci/tenancy-values.yaml"
check "lint: all values" "$helm" lint --strict --kube-version "$kube_version" "$chart" -f "$chart/ci/all-values.yaml"

# ---------------------------------------------------------------- default values: all namespaces
render cluster
rules_of() { # name: the generated rules as a Python expression
  to_json <(sed '1s/^/rules:\n/; s/{{[^}]*webhookSecret[^}]*}}/"locust-operator-webhook-certs"/; s/{{[^}]*}}/"locust-operator-webhook"/' "$chart/generated/$1.yaml") "$work/$1.json"
  echo "read_json('$work/$1.json')['items'][0]['rules']"
}
policy_rules=$(rules_of network-policy-rules)
rules="$(rules_of rules) + $policy_rules"
sharing_rules=$(rules_of sharing-rules)
cluster_rules="$rules + $sharing_rules"
conversion_rules=$(rules_of conversion-rules)
ca_rules=$(rules_of ca-rules)
validation_rules=$(rules_of validation-rules)
certificate_rules=$(rules_of certificate-rules)
lease_rules=$(rules_of lease-rules)
release_rules=$(rules_of release-rules)
own_role="named('ClusterRole', 'locust-operator')"
definition="named('CustomResourceDefinition', 'locusttests.locust.io')"
holds cluster "one ClusterRole and binding, besides those for tenants" "$own_role and one('ClusterRoleBinding') and len(all_of('ClusterRole')) == 4"
holds cluster "its rules are the generated ones" "${own_role}['rules'] == $cluster_rules + $conversion_rules + $ca_rules + $validation_rules and len($rules) > 3"
holds cluster "a Role for the Lease, in the release's namespace" "named('Role', 'locust-operator-leader-election')['rules'] == $lease_rules and named('Role', 'locust-operator-leader-election')['metadata']['namespace'] == 'load-tests'"
holds cluster "its binding joins it and the service account" "named('RoleBinding', 'locust-operator-leader-election')['roleRef'] == {'apiGroup': 'rbac.authorization.k8s.io', 'kind': 'Role', 'name': 'locust-operator-leader-election'} and named('RoleBinding', 'locust-operator-leader-election')['subjects'] == one('ClusterRoleBinding')['subjects'] and named('RoleBinding', 'locust-operator-leader-election')['metadata']['namespace'] == 'load-tests'"
holds cluster "a Role for the certificate's Secret, in the release's namespace" "named('Role', 'locust-operator-webhook')['rules'] == $certificate_rules and named('Role', 'locust-operator-webhook')['metadata']['namespace'] == 'load-tests'"
holds cluster "its binding joins it and the service account" "named('RoleBinding', 'locust-operator-webhook')['roleRef'] == {'apiGroup': 'rbac.authorization.k8s.io', 'kind': 'Role', 'name': 'locust-operator-webhook'} and named('RoleBinding', 'locust-operator-webhook')['subjects'] == one('ClusterRoleBinding')['subjects'] and named('RoleBinding', 'locust-operator-webhook')['metadata']['namespace'] == 'load-tests'"
holds cluster "no other Role" "len(all_of('Role')) == 2 and len(all_of('RoleBinding')) == 2"
holds cluster "its own objects are named, but where Kubernetes cannot" "[sorted({tuple(r.get('resourceNames', [])) for r in rules}) for rules in ($conversion_rules + $ca_rules, $validation_rules, $certificate_rules, $lease_rules)] == [[('locusttests.locust.io',)], [(one('ValidatingWebhookConfiguration')['metadata']['name'],)], [(), ('locust-operator-webhook-certs',)], [(), ('locust-k8s-operator.locust.io',)]] and [r['verbs'] for r in $certificate_rules + $lease_rules if 'resourceNames' not in r] == [['create'], ['create']]"
holds cluster "v1 is served and converted by the operator's Service" "${definition}['spec']['conversion'] == {'strategy': 'Webhook', 'webhook': {'clientConfig': {'service': {'name': one('Service')['metadata']['name'], 'namespace': 'load-tests', 'port': 443, 'path': '/convert'}}, 'conversionReviewVersions': ['v1']}} and {v['name']: v['served'] for v in ${definition}['spec']['versions']} == {'v1': True, 'v2': True}"
holds cluster "the API server asks about all kinds in v2 and what it makes v2 of, and waits for nobody" "one('ValidatingWebhookConfiguration')['webhooks'] == [{'name': 'validate.locusttests.locust.io', 'clientConfig': {'service': {'name': one('Service')['metadata']['name'], 'namespace': 'load-tests', 'port': 443, 'path': '/validate'}}, 'admissionReviewVersions': ['v1'], 'rules': [{'apiGroups': ['locust.io'], 'apiVersions': ['v2'], 'resources': ['locusttests', 'locusttestsuites', 'locustschedules', 'locusttemplates'], 'operations': ['CREATE', 'UPDATE'], 'scope': 'Namespaced'}], 'matchPolicy': 'Equivalent', 'failurePolicy': 'Ignore', 'timeoutSeconds': 5, 'sideEffects': 'None'}] and 'annotations' not in one('ValidatingWebhookConfiguration')['metadata'] and env['WEBHOOK_CONFIGURATION'] == one('ValidatingWebhookConfiguration')['metadata']['name']"
holds cluster "the Service reaches an operator that is not ready" "one('Service')['spec']['publishNotReadyAddresses'] is True and one('Service')['spec']['selector'] == deployment['spec']['selector']['matchLabels'] and one('Service')['spec']['ports'] == [{'name': 'webhook', 'port': 443, 'targetPort': 'webhook', 'protocol': 'TCP'}]"
holds cluster "the certificate is for the Service" "env['WEBHOOK_HOSTS'] == one('Service')['metadata']['name'] + '.load-tests.svc' and 'volumes' not in pod"
holds cluster "the binding joins role and service account" "one('ClusterRoleBinding')['roleRef']['name'] == ${own_role}['metadata']['name'] and one('ClusterRoleBinding')['subjects'] == [{'kind': 'ServiceAccount', 'name': one('ServiceAccount')['metadata']['name'], 'namespace': 'load-tests'}]"
hook="hook('Job')['spec']['template']['spec']"
holds cluster "before it is uninstalled a Job releases the definition, and goes with all that is made for it" "all(hook(kind)['metadata']['annotations']['helm.sh/hook'] == 'pre-delete' and hook(kind)['metadata']['annotations']['helm.sh/hook-delete-policy'] == 'before-hook-creation,hook-succeeded' for kind in ('Job', 'ServiceAccount', 'ClusterRole', 'ClusterRoleBinding')) and ${hook}['containers'][0]['args'] == ['release-definition'] and ${hook}['containers'][0]['env'] == [{'name': 'WEBHOOK_HOSTS', 'value': env['WEBHOOK_HOSTS']}]"
holds cluster "that Job may write the definition and nothing else" "hook('ClusterRole')['rules'] == $release_rules and [(r['resources'], r['resourceNames'], r['verbs']) for r in $release_rules] == [(['customresourcedefinitions'], ['locusttests.locust.io'], ['get', 'update'])] and hook('ClusterRoleBinding')['roleRef']['name'] == hook('ClusterRole')['metadata']['name'] and hook('ClusterRoleBinding')['subjects'][0]['name'] == hook('ServiceAccount')['metadata']['name'] == ${hook}['serviceAccountName']"
holds cluster "its pod is like the operator's, and none of its replicas" "all(${hook}[key] == pod[key] for key in ('securityContext', 'enableServiceLinks')) and all(${hook}['containers'][0][key] == container[key] for key in ('image', 'securityContext', 'resources')) and not deployment['spec']['selector']['matchLabels'].items() <= hook('Job')['spec']['template']['metadata']['labels'].items()"
holds cluster "watches every namespace" "'WATCH_NAMESPACE' not in env"
holds cluster "two replicas that are elected, new ones before old ones go" "deployment['spec']['replicas'] == 2 and env['LEADER_ELECT'] == 'true' and deployment['spec']['strategy'] == {'type': 'RollingUpdate', 'rollingUpdate': {'maxSurge': 1, 'maxUnavailable': 0}}"
holds cluster "replicas spread over nodes, and start where there is only one" "[(c['topologyKey'], c['whenUnsatisfiable'], c['labelSelector']['matchLabels']) for c in pod['topologySpreadConstraints']] == [('kubernetes.io/hostname', 'ScheduleAnyway', deployment['spec']['selector']['matchLabels'])]"
holds cluster "a drain ends one replica at a time" "one('PodDisruptionBudget')['spec'] == {'maxUnavailable': 1, 'selector': {'matchLabels': deployment['spec']['selector']['matchLabels']}}"
holds cluster "takes over the published Deployment: same name, same selector" "deployment['metadata']['name'] == 'locust-operator' and deployment['spec']['selector']['matchLabels'] == {'app.kubernetes.io/name': 'locust-k8s-operator', 'app.kubernetes.io/instance': 'demo'}"
holds cluster "the selector selects the pods" "deployment['spec']['selector']['matchLabels'].items() <= labels.items()"
holds cluster "only the operator's pod gets a token" "pod['automountServiceAccountToken'] is True and one('ServiceAccount')['automountServiceAccountToken'] is False and pod['serviceAccountName'] == one('ServiceAccount')['metadata']['name']"
holds cluster "pod passes the restricted level" "pod['securityContext'] == {'runAsNonRoot': True, 'runAsUser': 65532, 'runAsGroup': 65532, 'seccompProfile': {'type': 'RuntimeDefault'}}"
holds cluster "container passes the restricted level" "container['securityContext'] == {'allowPrivilegeEscalation': False, 'readOnlyRootFilesystem': True, 'capabilities': {'drop': ['ALL']}}"
holds cluster "probes use the http port" "container['ports'] == [{'name': 'http', 'containerPort': 8080, 'protocol': 'TCP'}, {'name': 'webhook', 'containerPort': 9443, 'protocol': 'TCP'}] and [container[p]['httpGet'] for p in ('livenessProbe', 'readinessProbe')] == [{'path': '/healthz', 'port': 'http'}, {'path': '/readyz', 'port': 'http'}]"
holds cluster "small resources" "container['resources'] == {'requests': {'cpu': '10m', 'memory': '32Mi'}, 'limits': {'memory': '128Mi'}}"
holds cluster "image is the repository at appVersion" "container['image'] == 'locust-operator/locust-operator:' + deployment['metadata']['labels']['app.kubernetes.io/version']"
holds cluster "settings reach the operator" "env == {'LOG_LEVEL': 'info', 'LEADER_ELECT': 'true', 'PROGRESS_INTERVAL': '30s', 'DEFAULT_IMAGE': 'locustio/locust:2.47.0', 'START_DEADLINE': '5m', 'SECURITY_PROFILE': 'Restricted', 'WEBHOOK_SECRET': 'load-tests/locust-operator-webhook-certs', 'WEBHOOK_HOSTS': 'locust-operator-webhook.load-tests.svc', 'WEBHOOK_CONFIGURATION': 'locust-operator-webhook', 'RUN_AS_USER': '1000', 'POD_CPU_REQUEST': '250m', 'POD_MEM_REQUEST': '128Mi', 'POD_EPHEMERAL_REQUEST': '30M', 'POD_CPU_LIMIT': '1000m', 'POD_MEM_LIMIT': '1024Mi', 'POD_EPHEMERAL_LIMIT': '50M', 'ENABLE_AFFINITY_CR_INJECTION': 'true', 'ENABLE_TAINT_TOLERATIONS_CR_INJECTION': 'true', 'NETWORK_POLICY': 'true'}"
holds cluster "no Service for metrics unless asked" "[s['metadata']['name'] for s in all_of('Service')] == ['locust-operator-webhook']"
plurals="('locusttests', 'locusttestsuites', 'locustschedules', 'locusttemplates')"
holds cluster "the definition of each kind is installed, and kept at uninstall" "{c['metadata']['name']: c['metadata']['annotations'].get('helm.sh/resource-policy') for c in all_of('CustomResourceDefinition')} == {plural + '.locust.io': 'keep' for plural in $plurals}"
holds cluster "only tests are converted, the other kinds have one version" "all(c['spec'].get('conversion', {}).get('strategy', 'None') == 'None' and [v['name'] for v in c['spec']['versions']] == ['v2'] for c in all_of('CustomResourceDefinition') if c != $definition)"
render no-crds --set crds.install=false
holds no-crds "crds.install=false leaves the definitions out" "not all_of('CustomResourceDefinition') and one('Deployment')"

# ---------------------------------------------------------------- Prometheus and Grafana
monitoring_kinds="('ServiceMonitor', 'PodMonitor', 'PrometheusRule', 'ConfigMap')"
holds cluster "no monitors, alerts and dashboard unless asked" "not [kind for kind in $monitoring_kinds if all_of(kind)]"
render monitoring --set metrics.serviceMonitor.enabled=true,locustPods.podMonitor.enabled=true,metrics.prometheusRule.enabled=true,metrics.dashboard.enabled=true
metrics_service="named('Service', 'locust-operator-metrics')"
holds monitoring "the ServiceMonitor finds the metrics' Service and no other" "[s['metadata']['name'] for s in all_of('Service') if one('ServiceMonitor')['spec']['selector']['matchLabels'].items() <= s['metadata']['labels'].items()] == ['locust-operator-metrics']"
holds monitoring "by the name of its port, and keeps the namespaces of tests" "one('ServiceMonitor')['spec']['endpoints'] == [{'port': ${metrics_service}['spec']['ports'][0]['name'], 'path': '/metrics', 'interval': '15s', 'honorLabels': True}]"
holds monitoring "the PodMonitor finds the masters of all namespaces, and names their tests" "one('PodMonitor')['spec'] == {'namespaceSelector': {'any': True}, 'selector': {'matchLabels': {'managed-by': 'locust-k8s-operator', 'locust.io/role': 'master'}}, 'podMetricsEndpoints': [{'portNumber': 9646, 'path': '/metrics', 'interval': '10s', 'relabelings': [{'sourceLabels': ['__meta_kubernetes_pod_label_performance_test_name'], 'targetLabel': 'test'}]}]}"
holds monitoring "alerts and dashboard name only metrics that exist" "len(queries) > 30 and unknown_metrics(queries, '$root/docs/reference/metrics.md') == set()"
holds monitoring "a metric that does not exist is noticed" "unknown_metrics(['rate(locust_operator_reconcile_seconds_bucket[1m]) / locust_operator_gone > locust_users'], '$root/docs/reference/metrics.md') == {'locust_operator_gone'}"
holds monitoring "every alert says what is wrong and how bad it is" "all(a['alert'] and a['labels']['severity'] in ('critical', 'warning', 'info') and all(a['annotations'][key] for key in ('summary', 'description')) for a in alerts) and len({a['alert'] for a in alerts}) == len(alerts) > 5"
holds monitoring "what Prometheus fills in is left to it" "'{{ \$labels.verdict }}' in alerts[0]['annotations']['summary']"
holds monitoring "the sidecar of Grafana finds the dashboard" "one('ConfigMap')['metadata']['labels']['grafana_dashboard'] == '1' and list(one('ConfigMap')['data']) == ['locust-operator.json'] and len({p['id'] for p in dashboard['panels']}) == len(dashboard['panels'])"
holds monitoring "no two panels overlap" "len({(x, y) for p in dashboard['panels'] for g in [p['gridPos']] for x in range(g['x'], g['x'] + g['w']) for y in range(g['y'], g['y'] + g['h'])}) == sum(p['gridPos']['w'] * p['gridPos']['h'] for p in dashboard['panels'])"
for object in serviceMonitor prometheusRule dashboard; do
  render "only-$object" --set "metrics.$object.enabled=true"
  holds "only-$object" "each comes alone" "len([kind for kind in $monitoring_kinds if all_of(kind)]) == 1 and len(all_of('Service')) == (2 if '$object' == 'serviceMonitor' else 1)"
done

# ---------------------------------------------------------------- teams that share the cluster
tenant_role() { # view, edit or admin
  echo "named('ClusterRole', 'locust-operator-$1')"
}
for role in view edit admin; do
  holds cluster "a role that Kubernetes' $role takes up, and no other" "$(tenant_role $role)['rules'] == $(rules_of tenant-$role-rules) and {k: v for k, v in $(tenant_role $role)['metadata']['labels'].items() if k.startswith('rbac')} == {'rbac.authorization.k8s.io/aggregate-to-$role': 'true'}"
  holds cluster "$role never writes a status" "not [r for r in $(tenant_role $role)['rules'] if any(name.endswith('/status') for name in r['resources']) and r['verbs'] != ['get']]"
  holds cluster "$role may do the same with every kind" "{name for r in $(tenant_role $role)['rules'] for name in r['resources'] if '/' not in name} == set($plurals) and all(set($plurals) <= set(r['resources']) for r in $(tenant_role $role)['rules'] if 'locusttests' in r['resources'])"
done
holds cluster "no ceilings unless asked" "not [i for i in items if i['kind'].startswith('ValidatingAdmissionPolicy')] and not all_of('ConfigMap')"
render no-tenant-roles --set tenancy.roles=false
holds no-tenant-roles "tenancy.roles=false leaves them out" "one('ClusterRole')['metadata']['name'] == 'locust-operator'"
render teams -f "$chart/ci/tenancy-values.yaml"
holds teams "four policies that fail closed, for v2 and what becomes v2 of it" "[(p['metadata']['name'], p['spec']['failurePolicy'], p['spec']['matchConstraints']['matchPolicy'], [(r['apiVersions'], r['resources']) for r in p['spec']['matchConstraints']['resourceRules']]) for p in all_of('ValidatingAdmissionPolicy')] == [('locust-operator-ceilings', 'Fail', 'Equivalent', [(['v2'], ['locusttests'])]), ('locust-operator-scaling', 'Fail', 'Equivalent', [(['v2'], ['locusttests/scale'])]), ('locust-operator-suites', 'Fail', 'Equivalent', [(['v2'], ['locusttestsuites'])]), ('locust-operator-schedules', 'Fail', 'Equivalent', [(['v2'], ['locustschedules'])])]"
holds teams "a binding for each entry, for the scale where there are most workers, for suites where no Jobs are allowed, and for schedules" "[(b['metadata']['name'], b['spec']['policyName'], b['spec']['paramRef']['name'], b['spec']['validationActions'], b['spec'].get('matchResources')) for b in all_of('ValidatingAdmissionPolicyBinding')] == [('locust-operator-ceilings-teams', 'locust-operator-ceilings', 'locust-operator-ceilings-teams', ['Deny'], {'namespaceSelector': {'matchLabels': {'load-tests': 'small'}}}), ('locust-operator-scaling-teams', 'locust-operator-scaling', 'locust-operator-ceilings-teams', ['Deny'], {'namespaceSelector': {'matchLabels': {'load-tests': 'small'}}}), ('locust-operator-suites-teams', 'locust-operator-suites', 'locust-operator-ceilings-teams', ['Deny'], {'namespaceSelector': {'matchLabels': {'load-tests': 'small'}}}), ('locust-operator-schedules-teams', 'locust-operator-schedules', 'locust-operator-ceilings-teams', ['Deny'], {'namespaceSelector': {'matchLabels': {'load-tests': 'small'}}}), ('locust-operator-ceilings-trial', 'locust-operator-ceilings', 'locust-operator-ceilings-trial', ['Warn'], None), ('locust-operator-schedules-trial', 'locust-operator-schedules', 'locust-operator-ceilings-trial', ['Warn'], None)]"
holds teams "without the limits nothing passes" "all(b['spec']['paramRef']['parameterNotFoundAction'] == 'Deny' and named('ConfigMap', b['spec']['paramRef']['name'])['metadata']['namespace'] == b['spec']['paramRef']['namespace'] == 'load-tests' for b in all_of('ValidatingAdmissionPolicyBinding'))"
holds teams "the limits are texts, lists a line each" "named('ConfigMap', 'locust-operator-ceilings-teams')['data'] == {'name': 'teams', 'contact': 'the platform team', 'maxUsers': '1000', 'maxWorkers': '20', 'maxRunTime': '2h', 'allowedImages': 'registry.example.com/load/*\nlocustio/locust:2.47.0', 'allowedHosts': 'shop.example.com\n*.staging.example.com'}"
holds teams "numbers stay plain, and whom to ask is always said" "named('ConfigMap', 'locust-operator-ceilings-trial')['data'] == {'name': 'trial', 'contact': 'who runs the release demo in the namespace load-tests', 'maxUsers': '1000000', 'allowJobs': 'true'}"
render no-jobs --set 'tenancy.ceilings[0].name=a,tenancy.ceilings[0].maxUsers=1,tenancy.ceilings[0].allowJobs=false'
holds no-jobs "allowJobs=false is as without it" "[b['metadata']['name'] for b in all_of('ValidatingAdmissionPolicyBinding')] == ['locust-operator-ceilings-a', 'locust-operator-suites-a', 'locust-operator-schedules-a']"

# ---------------------------------------------------------------- alone
render alone --set replicaCount=1,leaderElection.enabled=false,podDisruptionBudget.enabled=false
holds alone "one replica, never two at a time" "deployment['spec']['replicas'] == 1 and deployment['spec']['strategy'] == {'type': 'Recreate'} and env['LEADER_ELECT'] == 'false'"
holds alone "no Role for a Lease, no PodDisruptionBudget, nothing to spread" "[r['metadata']['name'] for kind in ('Role', 'RoleBinding') for r in all_of(kind)] == ['locust-operator-webhook'] * 2 and not all_of('PodDisruptionBudget') and 'topologySpreadConstraints' not in pod"
render none --set replicaCount=0
holds none "no replica at all, to stop it" "deployment['spec']['replicas'] == 0"

# ---------------------------------------------------------------- the webhook server's other certificates
not_converted="${definition}['spec']['conversion'] == {'strategy': 'None'} and {v['name']: v['served'] for v in ${definition}['spec']['versions']} == {'v1': False, 'v2': True}"
own_files="env['WEBHOOK_HOSTS'] == 'locust-operator-webhook.load-tests.svc' and hook('Job') and env['WEBHOOK_CERT_DIR'] == container['volumeMounts'][0]['mountPath'] and not {'WEBHOOK_SECRET', 'WEBHOOK_CONFIGURATION'} & set(env) and one('Role')['rules'] == $lease_rules and ${own_role}['rules'] == $cluster_rules + $conversion_rules"
render no-webhook --set webhook.enabled=false
holds no-webhook "webhook.enabled=false: v1 is not served, nothing is converted" "$not_converted and env['WEBHOOKS'] == 'false' and not all_of('Service') and one('Role')['rules'] == $lease_rules and ${own_role}['rules'] == $cluster_rules and not all_of('ValidatingWebhookConfiguration') and not [i for i in items if i['kind'] == 'Job']"
render no-validation --set webhook.validation.enabled=false
holds no-validation "webhook.validation.enabled=false: v1 is converted, and nobody is asked about tests" "not all_of('ValidatingWebhookConfiguration') and ${own_role}['rules'] == $cluster_rules + $conversion_rules + $ca_rules and 'WEBHOOK_CONFIGURATION' not in env and ${definition}['spec']['conversion']['strategy'] == 'Webhook'"
render one-namespace-with-definitions --set watch.scope=Namespace
holds one-namespace-with-definitions "watch.scope=Namespace: the same" "$not_converted and env['WEBHOOKS'] == 'false' and not all_of('Service') and not all_of('ValidatingWebhookConfiguration')"
render cert-manager --set webhook.certManager.enabled=true
holds cert-manager "certificate and CA by cert-manager" "one('Certificate')['spec']['dnsNames'] == ['locust-operator-webhook.load-tests.svc'] and one('Certificate')['spec']['issuerRef']['name'] == one('Issuer')['metadata']['name'] and ${definition}['metadata']['annotations'] == {'helm.sh/resource-policy': 'keep', 'cert-manager.io/inject-ca-from': 'load-tests/' + one('Certificate')['metadata']['name']} and one('ValidatingWebhookConfiguration')['metadata']['annotations'] == {'cert-manager.io/inject-ca-from': 'load-tests/' + one('Certificate')['metadata']['name']}"
holds cert-manager "the operator reads it from files and has no rights to it" "$own_files and pod['volumes'][0]['secret']['secretName'] == one('Certificate')['spec']['secretName']"
render own-certificate --set webhook.existingSecret=mine --set-literal webhook.caBundle='-----BEGIN CERTIFICATE-----'
holds own-certificate "Secret and CA by the user" "$own_files and pod['volumes'][0]['secret']['secretName'] == 'mine' and ${definition}['spec']['conversion']['webhook']['clientConfig']['caBundle'] == 'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t' and one('ValidatingWebhookConfiguration')['webhooks'][0]['clientConfig']['caBundle'] == 'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t'"
render webhook-port --set webhook.port=10443
holds webhook-port "another port in the pod, the same of the Service" "env['WEBHOOK_LISTEN_ADDRESS'] == '0.0.0.0:10443' and {'name': 'webhook', 'containerPort': 10443, 'protocol': 'TCP'} in container['ports'] and (one('Service')['spec']['ports'][0]['port'], one('Service')['spec']['ports'][0]['targetPort']) == (443, 'webhook')"

# ---------------------------------------------------------------- one namespace
render namespace -f "$chart/ci/namespace-values.yaml"
holds namespace "nothing is cluster-wide" "not [i for i in items if i['kind'].startswith('Cluster') or i['kind'] == 'CustomResourceDefinition'] and all(i['metadata']['namespace'] == 'load-tests' for i in items)"
holds namespace "Roles with the same rules, but for those about other namespaces" "[r['rules'] for r in all_of('Role')] == [$rules, $lease_rules] and $sharing_rules and not [r for r in $sharing_rules if r in $rules]"
holds namespace "and their bindings" "[b['roleRef'] for b in all_of('RoleBinding')] == [{'apiGroup': 'rbac.authorization.k8s.io', 'kind': 'Role', 'name': r['metadata']['name']} for r in all_of('Role')] and all(b['subjects'][0]['name'] == one('ServiceAccount')['metadata']['name'] for b in all_of('RoleBinding'))"
holds namespace "two replicas that are elected" "deployment['spec']['replicas'] == 2 and env['LEADER_ELECT'] == 'true'"
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
holds all "none and empty unset a limit" "env['POD_CPU_LIMIT'] == 'none' and env['POD_EPHEMERAL_LIMIT'] == 'none' and env['METRICS_EXPORTER_EPHEMERAL_LIMIT'] == 'none'"
holds all "published settings of all pods" "(env['ENABLE_AFFINITY_CR_INJECTION'], env['ENABLE_TAINT_TOLERATIONS_CR_INJECTION'], env['DEFAULT_RUNTIME_CLASS_NAME'], env['JOB_TTL_SECONDS_AFTER_FINISHED']) == ('false', 'false', 'gvisor', '3600')"
holds all "metrics exporter" "(env['METRICS_EXPORTER_ENABLED'], env['METRICS_EXPORTER_IMAGE'], env['METRICS_EXPORTER_PORT'], env['METRICS_EXPORTER_IMAGE_PULL_POLICY'], env['METRICS_EXPORTER_CPU_REQUEST']) == ('true', 'registry.example/exporter:1', '9100', 'Never', '10m')"
holds all "Kafka, by the name of a Secret" "{n: v for n, v in env.items() if n.startswith('KAFKA_')} == {'KAFKA_BOOTSTRAP_SERVERS': 'kafka.example:9092', 'KAFKA_SECURITY_ENABLED': 'true', 'KAFKA_SECURITY_PROTOCOL_CONFIG': 'SASL_SSL', 'KAFKA_SASL_MECHANISM': 'PLAIN', 'KAFKA_SECRET_NAME': 'kafka-login', 'KAFKA_SECRET_USERNAME_KEY': 'user', 'KAFKA_SECRET_PASSWORD_KEY': 'pass', 'KAFKA_SECRET_JAAS_KEY': 'jaas'}"
holds all "resources of both roles" "len([n for n in env if n.startswith('MASTER_POD_')]) == 6 and len([n for n in env if n.startswith('WORKER_POD_')]) == 6 and env['WORKER_POD_EPHEMERAL_REQUEST'] == '35M'"
holds all "extraEnv replaces, and no name comes twice" "env['START_DEADLINE'] == '9m' and len(env) == len(container['env']) and 'CLUSTER_NAME' in env"
holds all "other settings" "(env['DEFAULT_TIMEOUT'], env['SECURITY_PROFILE'], env['DEFAULT_IMAGE'], env['LOG_LEVEL'], env['PROGRESS_INTERVAL']) == ('2h', 'Published', 'registry.example/locust:2.20.0', 'info,locust_operator=debug', '1m30s')"
holds all "who may reach masters: the operator comes to those who read metrics" "json_of(env['NETWORK_POLICY_METRICS_FROM'])[1:] == [{'namespaceSelector': {'matchLabels': {'kubernetes.io/metadata.name': 'load-tests'}}, 'podSelector': {'matchLabels': deployment['spec']['selector']['matchLabels']}}] and [json_of(env[f'NETWORK_POLICY_{who}_FROM'])[0] for who in ('METRICS', 'WEB_UI')] == [given[0] for given in read_json('$work/all-values.json')['items'][0]['locustPods']['networkPolicy'].values() if given is not True]"
holds all "monitors, alerts and dashboard: intervals and labels" "one('ServiceMonitor')['spec']['endpoints'][0]['interval'] == '1m' and one('PodMonitor')['spec']['podMetricsEndpoints'][0]['interval'] == '5s' and [one(kind)['metadata']['labels'].get('release') for kind in $monitoring_kinds] == ['prometheus'] * 3 + [None] and one('ConfigMap')['metadata']['labels']['grafana_dashboard'] == '2'"
holds all "one namespace: masters of that one" "one('PodMonitor')['spec']['namespaceSelector'] == {'matchNames': ['load-tests']}"
holds all "replicas and their protection" "deployment['spec']['replicas'] == 3 and one('PodDisruptionBudget')['spec']['maxUnavailable'] == '50%'"
holds all "scheduling" "pod['nodeSelector'] and pod['tolerations'] and pod['affinity'] and pod['priorityClassName'] == 'system-cluster-critical' and pod['runtimeClassName'] == 'kata' and pod['terminationGracePeriodSeconds'] == 30"
render all-cluster -f "$chart/ci/all-values.yaml" --set watch.scope=Cluster,webhook.enabled=true,webhook.certManager.enabled=true,webhook.existingSecret=,webhook.caBundle=
holds all-cluster "the Job that releases the definition is pulled and scheduled like the operator" "all(${hook}[key] == pod[key] for key in ('imagePullSecrets', 'nodeSelector', 'tolerations', 'affinity', 'priorityClassName', 'runtimeClassName'))"

# ---------------------------------------------------------------- no policies
holds all "notifications: Secrets that may be read, by name, and who is believed" "[(r['verbs'], r['resourceNames']) for r in all_of('Role')[0]['rules'] if 'secrets' in r['resources']] == [(['get'], ['load-test-notify', 'slack'])] and env['NOTIFICATIONS_CA_BUNDLE'] == container['volumeMounts'][0]['mountPath'] + '/bundle.pem' and pod['volumes'] == [{'name': 'notifications-ca', 'configMap': {'name': 'authorities', 'optional': True}}] and 'NOTIFICATIONS' not in env"
render no-notifications --set 'notifications.enabled=false,notifications.secretNames={slack},notifications.caBundle.configMap=authorities'
holds no-notifications "notifications.enabled=false: no right to read a Secret, and nothing mounted" "env['NOTIFICATIONS'] == 'false' and 'NOTIFICATIONS_CA_BUNDLE' not in env and 'volumes' not in pod and not [r for r in ${own_role}['rules'] if 'secrets' in r['resources']]"
render both-volumes --set webhook.existingSecret=mine,notifications.caBundle.configMap=authorities --set-literal webhook.caBundle='-----BEGIN CERTIFICATE-----'
holds both-volumes "a certificate and authorities are both mounted" "[(m['name'], v['name']) for m, v in zip(container['volumeMounts'], pod['volumes'])] == [('webhook-certs', 'webhook-certs'), ('notifications-ca', 'notifications-ca')]"
render no-policies -f "$chart/ci/all-values.yaml" --set watch.scope=Cluster,locustPods.networkPolicy.enabled=false,notifications.enabled=false
holds no-policies "locustPods.networkPolicy.enabled=false: none are made, and there is no right to" "env['NETWORK_POLICY'] == 'false' and not [n for n in env if n.startswith('NETWORK_POLICY_')] and not [r for r in one('ClusterRole')['rules'] if 'networkpolicies' in r['resources']] and all(r in $cluster_rules for r in one('ClusterRole')['rules'])"

# ---------------------------------------------------------------- limits can be unset
render unset --set locustPods.resources.limits.cpu= --set locustPods.resources.limits.memory=null --set locustPods.workerResources.limits.cpu=
holds unset "empty and null unset a limit" "env['POD_CPU_LIMIT'] == 'none' and env['POD_MEM_LIMIT'] == 'none' and env['POD_EPHEMERAL_LIMIT'] == '50M'"
holds unset "a role's empty value is that of all pods" "'WORKER_POD_CPU_LIMIT' not in env"
render unset-all --set locustPods.resources=null
holds unset-all "null unsets all resources" "all(env[f'POD_{r}_{s}'] == 'none' for r in ('CPU', 'MEM', 'EPHEMERAL') for s in ('REQUEST', 'LIMIT'))"

# ---------------------------------------------------------------- values of the published charts
render published -f "$chart/ci/published-values.yaml"
holds published "k8s.clusterRole.enabled=false is one namespace" "all_of('Role') and not all_of('ClusterRole') and env['WATCH_NAMESPACE'] == 'load-tests'"
holds published "metrics.enabled makes the Service" "one('Service')['metadata']['name'] == 'locust-operator-metrics'"
holds published "as many replicas as before" "deployment['spec']['replicas'] == 2 and one('PodDisruptionBudget')"
holds published "old resources are used, and empty ones unset" "[env['POD_' + n] for n in ('CPU_REQUEST', 'MEM_REQUEST', 'EPHEMERAL_REQUEST', 'CPU_LIMIT', 'MEM_LIMIT', 'EPHEMERAL_LIMIT')] == ['111m', '112Mi', '113M', 'none', '115Mi', '116M']"
holds published "old switches and retention are used" "(env['ENABLE_AFFINITY_CR_INJECTION'], env['ENABLE_TAINT_TOLERATIONS_CR_INJECTION'], env['JOB_TTL_SECONDS_AFTER_FINISHED']) == ('false', 'false', '3600')"
holds published "the exporter stays off" "not [n for n in env if n.startswith('METRICS_EXPORTER_')]"
holds published "old Kafka values are used, but for the clear text" "{n: v for n, v in env.items() if n.startswith('KAFKA_')} == {'KAFKA_BOOTSTRAP_SERVERS': 'kafka.example:9092', 'KAFKA_SECURITY_ENABLED': 'true', 'KAFKA_SECURITY_PROTOCOL_CONFIG': 'SASL_SSL', 'KAFKA_SASL_MECHANISM': 'PLAIN', 'KAFKA_SECRET_NAME': 'kafka-login', 'KAFKA_SECRET_USERNAME_KEY': 'user', 'KAFKA_SECRET_PASSWORD_KEY': 'pass'}"
holds published "webhook.enabled=false keeps v1 unserved" "{v['name']: v['served'] for v in ${definition}['spec']['versions']} == {'v1': False, 'v2': True} and not all_of('Certificate')"
render published-webhook -f "$chart/ci/published-values.yaml" --set webhook.enabled=true
holds published-webhook "k8s.clusterRole.enabled=false is one namespace for webhooks, too" "env['WEBHOOKS'] == 'false' and ${definition}['spec']['conversion'] == {'strategy': 'None'} and not all_of('Certificate')"
render published-cert-manager -f "$chart/ci/published-values.yaml" --set webhook.enabled=true,k8s.clusterRole.enabled=true
holds published-cert-manager "webhook.enabled=true serves v1, with cert-manager's certificate" "{v['name']: v['served'] for v in ${definition}['spec']['versions']} == {'v1': True, 'v2': True} and env['WEBHOOK_CERT_DIR'] and one('Certificate') and sorted(x['metadata']['name'] for x in all_of('Service')) == ['locust-operator-metrics', 'locust-operator-webhook']"
render old-exporter -f "$chart/ci/published-values.yaml" --set locustPods.metricsExporter.enabled=true
holds old-exporter "with the old image and resources, on a port of its own" "env['METRICS_EXPORTER_IMAGE'] == 'registry.example/exporter:1' and env['METRICS_EXPORTER_MEM_LIMIT'] == '5Mi' and 'METRICS_EXPORTER_PORT' not in env"
render no-old-crds --set k8s.customResourceDefinition.deploy=false
holds no-old-crds "k8s.customResourceDefinition.deploy=false leaves the definitions out" "not all_of('CustomResourceDefinition')"

# ---------------------------------------------------------------- what is refused, and in which words
refused "unknown value" "additional properties 'replicas' not allowed" --set replicas=2
refused "a collector" "this chart brings no collector" --set otelCollector.enabled=true
refused "credentials in clear text" "kafka.credentials.jaasKey" --set kafka.enabled=true,kafka.security.jaasConfig=secret
refused "misspelt old value" "additional properties 'cpuReqest' not allowed" --set config.loadGenerationPods.resource.cpuReqest=1
refused "two replicas that would both act" "replicaCount is 2 and leaderElection.enabled is false" --set leaderElection.enabled=false
refused "less than no replicas" "at '/replicaCount': minimum: got -1, want 0" --set replicaCount=-1
refused "budget in words" "at '/podDisruptionBudget/maxUnavailable': 'one' does not match" --set podDisruptionBudget.maxUnavailable=one
refused "name of a Secret that is none" "at '/notifications/secretNames/0'" --set 'notifications.secretNames={Slack*}'
refused "peer of a policy that is none" "additional properties 'podselector' not allowed" --set-json 'locustPods.networkPolicy.metricsFrom=[{"podselector": {}}]'
refused "peer of a policy without anything" "at '/locustPods/networkPolicy/webUIFrom/0': minProperties: got 0, want 1" --set-json 'locustPods.networkPolicy.webUIFrom=[{}]'
refused "peer of a policy with too much" "at '/locustPods/networkPolicy/webUIFrom/0': 'not' failed" --set-json 'locustPods.networkPolicy.webUIFrom=[{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}]'
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
refused "metrics and webhook on one port" "at '/webhook/port': 'not' failed" --set webhook.port=8080
refused "own certificate without its CA" "webhook.existingSecret needs webhook.caBundle" --set webhook.existingSecret=mine
refused "CA that is no PEM" "at '/webhook/caBundle': 'MIIB' does not match" --set webhook.caBundle=MIIB
ceiling="tenancy.ceilings[0].name=a"
refused "ceilings in one namespace" "tenancy.ceilings needs watch.scope: Cluster" --set "$ceiling,tenancy.ceilings[0].maxUsers=1,watch.scope=Namespace"
refused "a ceiling without a limit" "the entry a limits nothing" --set "$ceiling"
refused "a ceiling that only allows" "the entry a limits nothing" --set "$ceiling,tenancy.ceilings[0].allowJobs=true"
refused "Jobs allowed in words" "at '/tenancy/ceilings/0/allowJobs': got string, want boolean" --set-string "$ceiling,tenancy.ceilings[0].allowJobs=yes"
refused "two ceilings of one name" "two entries have the name a" --set "$ceiling,tenancy.ceilings[0].maxUsers=1,tenancy.ceilings[1].name=a,tenancy.ceilings[1].maxUsers=2"
refused "misspelt ceiling" "additional properties 'maxUser' not allowed" --set "$ceiling,tenancy.ceilings[0].maxUser=1"
refused "an image with a * that could be another registry" "at '/tenancy/ceilings/0/allowedImages/0'" --set "$ceiling,tenancy.ceilings[0].allowedImages={registry.example*}"
refused "a host with a scheme" "at '/tenancy/ceilings/0/allowedHosts/0'" --set "$ceiling,tenancy.ceilings[0].allowedHosts={http://a}"
refused "a run time without a unit" "at '/tenancy/ceilings/0/maxRunTime'" --set-string "$ceiling,tenancy.ceilings[0].maxRunTime=7200"
refused "old Kubernetes" "chart requires kubeVersion: >=1.33.0-0" --kube-version 1.32.9
cp -r "$chart" "$work/no-rules" && rm "$work/no-rules/generated/rules.yaml"
chart=$work/no-rules refused "chart packaged without its rules" "generated/rules.yaml is missing"
cp -r "$chart" "$work/no-lease-rules" && rm "$work/no-lease-rules/generated/lease-rules.yaml"
cp -r "$chart" "$work/no-policies" && rm -r "$work/no-policies/policies"
chart=$work/no-policies refused "chart packaged without its policies" "policies/ceilings.yaml is missing" --set "$ceiling,tenancy.ceilings[0].maxUsers=1"
chart=$work/no-lease-rules refused "chart packaged without those for the Lease" "generated/lease-rules.yaml is missing"

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

check "notes: no word of old names without one" sh -c "! '$helm' install demo '$chart' --dry-run=client | grep -F 'published chart, under names'"
for words in "config.loadGenerationPods.resource is used; its name is now locustPods.resources" "k8s.clusterRole is used; its name is now watch.scope" \
  "micronaut has no effect" "appPort has no effect" "otelCollector has no effect"; do
  check "notes: $words" says "$words" -f "$chart/ci/published-values.yaml"
done
check "notes: the exporter's port" says "the exporter takes 9647" -f "$chart/ci/published-values.yaml" --set locustPods.metricsExporter.enabled=true

workspace_version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$root/Cargo.toml")
check "package: appVersion is the workspace's version ($workspace_version)" grep -qx "appVersion: \"$workspace_version\"" "$chart/Chart.yaml"
check "package: is made" "$helm" package "$chart" --destination "$work"
check "package: holds the rules, not the test values" sh -c "tar -tzf '$work'/locust-operator-*.tgz >'$work/list' && grep -q generated/rules.yaml '$work/list' && ! grep -q /ci/ '$work/list'"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
