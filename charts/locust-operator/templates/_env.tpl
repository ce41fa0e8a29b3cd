{{/* Numbers in values files arrive as floats: 1073741824 must not become 1.073741824e+09. */}}
{{- define "locust-operator.quantity" -}}
{{- if kindIs "invalid" . }}
{{- else if and (kindIs "float64" .) (eq (floor .) .) }}
{{- int64 . }}
{{- else }}
{{- toString . }}
{{- end }}
{{- end }}

{{/* The operator's settings as environment variables: those with a value, less those that extraEnv replaces. */}}
{{- define "locust-operator.env" -}}
{{- $pods := .Values.locustPods }}
{{- $settings := list
      (dict "name" "LOG_LEVEL" "value" .Values.logLevel)
      (dict "name" "WATCH_NAMESPACE" "value" (ternary .Release.Namespace "" (eq .Values.watch.scope "Namespace")))
      (dict "name" "PROGRESS_INTERVAL" "value" .Values.progressInterval)
      (dict "name" "DEFAULT_IMAGE" "value" $pods.image)
      (dict "name" "START_DEADLINE" "value" $pods.startDeadline)
      (dict "name" "DEFAULT_TIMEOUT" "value" $pods.defaultTimeout)
      (dict "name" "SECURITY_PROFILE" "value" $pods.securityProfile)
}}
{{- range $prefix, $resources := dict "" $pods.resources "MASTER_" $pods.masterResources "WORKER_" $pods.workerResources }}
{{- range $side, $suffix := dict "requests" "REQUEST" "limits" "LIMIT" }}
{{- $quantities := index ($resources | default dict) $side | default dict }}
{{- range $resource, $short := dict "cpu" "CPU" "memory" "MEM" "ephemeralStorage" "EPHEMERAL" }}
{{- $settings = append $settings (dict
      "name" (printf "%sPOD_%s_%s" $prefix $short $suffix)
      "value" (include "locust-operator.quantity" (index $quantities $resource))) }}
{{- end }}
{{- end }}
{{- end }}
{{- $replaced := list }}
{{- range .Values.extraEnv }}
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
