{{/* Numbers in values files arrive as floats: 1073741824 must not become 1.073741824e+09. */}}
{{- define "locust-operator.quantity" -}}
{{- if kindIs "invalid" . }}
{{- else if and (kindIs "float64" .) (eq (floor .) .) }}
{{- int64 . }}
{{- else }}
{{- toString . }}
{{- end }}
{{- end }}

{{/*
Resources as the variables <prefix>CPU_REQUEST and so on, in YAML. Helm drops a value that is null, so where the chart has
a default, one that is missing was unset on purpose.
*/}}
{{- define "locust-operator.resourceSettings" -}}
{{- $prefix := index . 0 }}
{{- $resources := index . 1 | default dict }}
{{- $missing := index . 2 }}
{{- $settings := list }}
{{- range $side, $suffix := dict "requests" "REQUEST" "limits" "LIMIT" }}
{{- $quantities := index $resources $side | default dict }}
{{- range $resource, $short := dict "cpu" "CPU" "memory" "MEM" "ephemeralStorage" "EPHEMERAL" }}
{{- $settings = append $settings (dict
      "name" (printf "%s%s_%s" $prefix $short $suffix)
      "value" (include "locust-operator.quantity" (index $quantities $resource) | default $missing)) }}
{{- end }}
{{- end }}
{{- dict "settings" $settings | toYaml }}
{{- end }}

{{/* The operator's settings as environment variables: those with a value, less those that extraEnv replaces. */}}
{{- define "locust-operator.env" -}}
{{- $values := include "locust-operator.effective" . | fromYaml }}
{{- $pods := $values.locustPods }}
{{- $settings := list
      (dict "name" "LOG_LEVEL" "value" $values.logLevel)
      (dict "name" "WATCH_NAMESPACE" "value" (ternary .Release.Namespace "" (eq $values.watch.scope "Namespace")))
      (dict "name" "LEADER_ELECT" "value" (toString $values.leaderElection.enabled))
      (dict "name" "PROGRESS_INTERVAL" "value" $values.progressInterval)
      (dict "name" "MAX_RUNNING_PER_NAMESPACE" "value" (include "locust-operator.quantity" $values.maxRunningPerNamespace))
      (dict "name" "SUSPEND_NEW" "value" (ternary "true" "" $values.suspendNew))
      (dict "name" "DEFAULT_IMAGE" "value" $pods.image)
      (dict "name" "START_DEADLINE" "value" $pods.startDeadline)
      (dict "name" "DEFAULT_TIMEOUT" "value" $pods.defaultTimeout)
      (dict "name" "SECURITY_PROFILE" "value" $pods.securityProfile)
      (dict "name" "ENABLE_AFFINITY_CR_INJECTION" "value" (toString $pods.affinityInjection))
      (dict "name" "ENABLE_TAINT_TOLERATIONS_CR_INJECTION" "value" (toString $pods.tolerationsInjection))
      (dict "name" "DEFAULT_RUNTIME_CLASS_NAME" "value" $pods.runtimeClassName)
      (dict "name" "JOB_TTL_SECONDS_AFTER_FINISHED" "value" (include "locust-operator.quantity" $pods.ttlSecondsAfterFinished))
      (dict "name" "NETWORK_POLICY" "value" (toString $pods.networkPolicy.enabled))
}}
{{- with $values.notifications }}
{{- if not .enabled }}
{{- $settings = append $settings (dict "name" "NOTIFICATIONS" "value" "false") }}
{{- else if .caBundle.configMap }}
{{- $settings = append $settings (dict "name" "NOTIFICATIONS_CA_BUNDLE" "value" (printf "/etc/locust-operator/notifications/%s" .caBundle.key)) }}
{{- end }}
{{- end }}
{{- with $pods.networkPolicy }}
{{- if and .enabled .metricsFrom }}
{{- $operator := include "locust-operator.networkPolicyPeer" $ | fromYaml }}
{{- $settings = append $settings (dict "name" "NETWORK_POLICY_METRICS_FROM" "value" (append .metricsFrom $operator | toJson)) }}
{{- end }}
{{- if and .enabled .webUIFrom }}
{{- $settings = append $settings (dict "name" "NETWORK_POLICY_WEB_UI_FROM" "value" (toJson .webUIFrom)) }}
{{- end }}
{{- end }}
{{- if ne (include "locust-operator.webhook" .) "true" }}
{{- $settings = append $settings (dict "name" "WEBHOOKS" "value" "false") }}
{{- else }}
{{- if ne (int .Values.webhook.port) 9443 }}
{{- $settings = append $settings (dict "name" "WEBHOOK_LISTEN_ADDRESS" "value" (printf "0.0.0.0:%d" (int .Values.webhook.port))) }}
{{- end }}
{{- $settings = append $settings (dict "name" "WEBHOOK_HOSTS" "value" (include "locust-operator.webhookHosts" .)) }}
{{- if eq (include "locust-operator.webhookSelfManaged" .) "true" }}
{{- $settings = concat $settings (list
      (dict "name" "WEBHOOK_SECRET" "value" (printf "%s/%s" .Release.Namespace (include "locust-operator.webhookSecret" .)))
      (dict "name" "WEBHOOK_CONFIGURATION" "value" (ternary (include "locust-operator.webhookConfiguration" .) "" (eq (include "locust-operator.validation" .) "true")))) }}
{{- else }}
{{- $settings = append $settings (dict "name" "WEBHOOK_CERT_DIR" "value" "/etc/locust-operator/webhook") }}
{{- end }}
{{- end }}
{{- range list (list "POD_" $pods.resources "none") (list "MASTER_POD_" $pods.masterResources "") (list "WORKER_POD_" $pods.workerResources "") }}
{{- $settings = concat $settings (include "locust-operator.resourceSettings" . | fromYaml).settings }}
{{- end }}
{{- with $pods.metricsExporter }}
{{- if .enabled }}
{{- $settings = concat $settings (list
      (dict "name" "METRICS_EXPORTER_ENABLED" "value" "true")
      (dict "name" "METRICS_EXPORTER_IMAGE" "value" .image)
      (dict "name" "METRICS_EXPORTER_IMAGE_PULL_POLICY" "value" .pullPolicy)
      (dict "name" "METRICS_EXPORTER_PORT" "value" (ternary "" (toString (int .port)) (eq (int .port) 9646)))
      ) (include "locust-operator.resourceSettings" (list "METRICS_EXPORTER_" .resources "none") | fromYaml).settings }}
{{- end }}
{{- end }}
{{- with $values.kafka }}
{{- if .enabled }}
{{- $settings = append $settings (dict "name" "KAFKA_BOOTSTRAP_SERVERS" "value" .bootstrapServers) }}
{{- if .security.enabled }}
{{- $settings = concat $settings (list
      (dict "name" "KAFKA_SECURITY_ENABLED" "value" "true")
      (dict "name" "KAFKA_SECURITY_PROTOCOL_CONFIG" "value" .security.protocol)
      (dict "name" "KAFKA_SASL_MECHANISM" "value" .security.saslMechanism)
      (dict "name" "KAFKA_SECRET_NAME" "value" .credentials.secretName)
      (dict "name" "KAFKA_SECRET_USERNAME_KEY" "value" .credentials.usernameKey)
      (dict "name" "KAFKA_SECRET_PASSWORD_KEY" "value" .credentials.passwordKey)
      (dict "name" "KAFKA_SECRET_JAAS_KEY" "value" .credentials.jaasKey)) }}
{{- end }}
{{- end }}
{{- end }}
{{- $replaced := list }}
{{- range $values.extraEnv }}
{{- $replaced = append $replaced .name }}
{{- end }}
{{- $env := list }}
{{- range $settings }}
{{- if and .value (not (has .name $replaced)) }}
{{- $env = append $env . }}
{{- end }}
{{- end }}
{{- /* Empty is a setting of its own here: "set no user id". Leaving the variable out would mean 1000. */}}
{{- if not (has "RUN_AS_USER" $replaced) }}
{{- $env = append $env (dict "name" "RUN_AS_USER" "value" (include "locust-operator.quantity" $pods.runAsUser)) }}
{{- end }}
{{- concat $env .Values.extraEnv | toYaml }}
{{- end }}
