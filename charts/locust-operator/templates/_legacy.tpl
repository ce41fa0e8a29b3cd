{{/*
The values as they hold: what the published chart calls otherwise replaces what it is called here. An old name that is
set wins, because a default cannot be told from a value that somebody wrote.
*/}}
{{- define "locust-operator.effective" -}}
{{- $values := .Values | toYaml | fromYaml }}
{{- $old := $values.config | default dict }}
{{- $pods := dig "loadGenerationPods" dict $old }}
{{- $k8s := $values.k8s | default dict }}
{{- $new := $values.locustPods }}
{{- if not (dig "clusterRole" "enabled" true $k8s) }}
{{- $_ := set $values.watch "scope" "Namespace" }}
{{- end }}
{{- if not (dig "customResourceDefinition" "deploy" true $k8s) }}
{{- $_ := set $values.crds "install" false }}
{{- end }}
{{- if dig "enabled" false $values.metrics }}
{{- $_ := set $values.metrics.service "enabled" true }}
{{- end }}
{{- $ttl := dig "loadGenerationJobs" "ttlSecondsAfterFinished" "" $old }}
{{- if ne (toString $ttl) "" }}
{{- $_ := set $new "ttlSecondsAfterFinished" $ttl }}
{{- end }}
{{- if hasKey (dig "affinity" dict $pods) "enableCrInjection" }}
{{- $_ := set $new "affinityInjection" $pods.affinity.enableCrInjection }}
{{- end }}
{{- if hasKey (dig "taintTolerations" dict $pods) "enableCrInjection" }}
{{- $_ := set $new "tolerationsInjection" $pods.taintTolerations.enableCrInjection }}
{{- end }}
{{- $_ := set $new "resources" (include "locust-operator.oldResources" (list (dig "resource" dict $pods) $new.resources) | fromYaml) }}
{{- $exporter := dig "metricsExporter" dict $pods }}
{{- range $name := list "image" "port" "pullPolicy" }}
{{- if hasKey $exporter $name }}
{{- $_ := set $new.metricsExporter $name (index $exporter $name) }}
{{- end }}
{{- end }}
{{- $_ := set $new.metricsExporter "resources" (include "locust-operator.oldResources" (list (dig "resource" dict $exporter) $new.metricsExporter.resources) | fromYaml) }}
{{- $kafka := dig "kafka" dict $pods }}
{{- if hasKey $kafka "bootstrapServers" }}
{{- $_ := set $values.kafka "bootstrapServers" $kafka.bootstrapServers }}
{{- end }}
{{- if hasKey (dig "acl" dict $kafka) "enabled" }}
{{- $_ := set $values.kafka.security "enabled" $kafka.acl.enabled }}
{{- end }}
{{- with dig "acl" "protocol" "" $kafka }}
{{- $_ := set $values.kafka.security "protocol" . }}
{{- end }}
{{- with dig "sasl" "mechanism" "" $kafka }}
{{- $_ := set $values.kafka.security "saslMechanism" . }}
{{- end }}
{{- with dig "locustK8sKafkaUser" "userName" "" $kafka }}
{{- $_ := set $values.kafka.credentials "secretName" . }}
{{- end }}
{{- with dig "acl" "secret" "userKey" "" $kafka }}
{{- $_ := set $values.kafka.credentials "usernameKey" . }}
{{- end }}
{{- with dig "acl" "secret" "passwordKey" "" $kafka }}
{{- $_ := set $values.kafka.credentials "passwordKey" . }}
{{- end }}
{{- toYaml $values }}
{{- end }}

{{/* Resources in the new shape, with what is set in the old one (cpuRequest, memLimit, …). */}}
{{- define "locust-operator.oldResources" -}}
{{- $old := first . }}
{{- $new := last . | default dict | deepCopy }}
{{- range $side, $suffix := dict "requests" "Request" "limits" "Limit" }}
{{- range $resource, $short := dict "cpu" "cpu" "memory" "mem" "ephemeralStorage" "ephemeral" }}
{{- $name := printf "%s%s" $short $suffix }}
{{- if hasKey $old $name }}
{{- $_ := set $new $side (set (index $new $side | default dict) $resource (index $old $name)) }}
{{- end }}
{{- end }}
{{- end }}
{{- toYaml $new }}
{{- end }}

{{/* What cannot be done must not look as if it were. */}}
{{- define "locust-operator.refuse" -}}
{{- $kafka := (include "locust-operator.effective" . | fromYaml).kafka }}
{{- include "locust-operator.refuseBesideAnother" . }}
{{- if dig "enabled" false (.Values.otelCollector | default dict) }}
{{- fail "otelCollector.enabled: this chart brings no collector, because the published one only printed metrics to its own log. Run the collector you send to (for example the opentelemetry-collector chart) and name it in a test's observability.openTelemetry.endpoint. Remove the value" }}
{{- end }}
{{- if and $kafka.enabled $kafka.security.jaasConfig }}
{{- fail "kafka.security.jaasConfig: not taken, because everybody who may read pods could read it there. Put it into the Secret that kafka.credentials.secretName names, and the name of its entry into kafka.credentials.jaasKey" }}
{{- end }}
{{- end }}

{{/*
Two operators must not work on the same tests. The definition tells of the release that brought it, and that of its
operator. Only for an operator of all namespaces: who installs one of a single namespace may not read elsewhere.
*/}}
{{- define "locust-operator.refuseBesideAnother" -}}
{{- if ne (include "locust-operator.effective" . | fromYaml).watch.scope "Namespace" }}
{{- $definition := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" "locusttests.locust.io" | default dict }}
{{- $release := dig "metadata" "annotations" "meta.helm.sh/release-name" "" $definition }}
{{- $namespace := dig "metadata" "annotations" "meta.helm.sh/release-namespace" "" $definition }}
{{- if and $release $namespace (ne (printf "%s/%s" $namespace $release) (printf "%s/%s" .Release.Namespace .Release.Name)) }}
{{- range (lookup "apps/v1" "Deployment" $namespace "" | default dict).items }}
{{- $labels := .metadata.labels | default dict }}
{{- if and (eq (dig "app.kubernetes.io/name" "" $labels) "locust-k8s-operator") (eq (dig "app.kubernetes.io/instance" "" $labels) $release) (gt (int .spec.replicas) 0) }}
{{- fail (printf "release %s in namespace %s brought the definition of LocustTest, and its operator runs (Deployment %s): two operators must not work on the same tests. Upgrade that release instead (helm upgrade %s --namespace %s), or scale its Deployment to 0 first, or set watch.scope=Namespace and leave this namespace to this release alone" $release $namespace .metadata.name $release $namespace) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* One line for each old name that is set. */}}
{{- define "locust-operator.deprecations" -}}
{{- $renamed := list
      (list "config.loadGenerationJobs.ttlSecondsAfterFinished" "locustPods.ttlSecondsAfterFinished")
      (list "config.loadGenerationPods.resource" "locustPods.resources")
      (list "config.loadGenerationPods.affinity" "locustPods.affinityInjection")
      (list "config.loadGenerationPods.taintTolerations" "locustPods.tolerationsInjection")
      (list "config.loadGenerationPods.metricsExporter" "locustPods.metricsExporter, which enabled: true switches on")
      (list "config.loadGenerationPods.kafka" "kafka")
      (list "k8s.clusterRole" "watch.scope")
      (list "k8s.customResourceDefinition" "crds.install")
      (list "metrics.enabled" "metrics.service.enabled")
}}
{{- $useless := list "appPort" "livenessProbe" "readinessProbe" "micronaut" "environmentVariables" "metrics.port" "metrics.secure" "otelCollector" }}
{{- $values := .Values | toYaml | fromYaml }}
{{- range $renamed }}
{{- if include "locust-operator.has" (list $values (splitList "." (first .))) }}
  {{ first . }} is used; its name is now {{ last . }}
{{- end }}
{{- end }}
{{- range $useless }}
{{- if include "locust-operator.has" (list $values (splitList "." .)) }}
  {{ . }} has no effect
{{- end }}
{{- end }}
{{- if and $values.locustPods.metricsExporter.enabled (eq (int (include "locust-operator.effective" . | fromYaml).locustPods.metricsExporter.port) 9646) }}
  locustPods.metricsExporter.port is 9646, where the master serves its own metrics; the exporter takes 9647
{{- end }}
{{- end }}

{{/* "yes" when a value is set at a path, however deep. */}}
{{- define "locust-operator.has" -}}
{{- $values := first . }}
{{- $path := last . }}
{{- if and (kindIs "map" $values) (hasKey $values (first $path)) }}
{{- $rest := rest $path }}
{{- if $rest }}
{{- include "locust-operator.has" (list (index $values (first $path)) $rest) }}
{{- else if not (kindIs "invalid" (index $values (first $path))) -}}
yes
{{- end }}
{{- end }}
{{- end }}
