{{/*
Not the chart's name: a Deployment's selector is immutable, and a release of the published chart
(locust-k8s-operator) must be upgradable in place.
*/}}
{{- define "locust-operator.name" -}}
{{- default "locust-k8s-operator" .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "locust-operator.fullname" -}}
{{- $name := include "locust-operator.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "locust-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "locust-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "locust-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "locust-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "locust-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "locust-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "locust-operator.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion }}
{{- printf "%s%s%s" .Values.image.repository (ternary "@" ":" (hasPrefix "sha256:" $tag)) $tag }}
{{- end }}

{{/* The rules are the same in both scopes; a chart packaged without them must not install an operator without rights. */}}
{{- define "locust-operator.rules" -}}
{{- required "generated/rules.yaml is missing from the chart: run make generate" (.Files.Get "generated/rules.yaml") | trim }}
{{- end }}

{{/*
Recreate, but for one upgrade. A Deployment of the published chart holds defaults (maxSurge 25%) that nobody owns;
server-side apply cannot remove them and the API server refuses them next to Recreate. A rolling update that also
stops the old pods first takes ownership of both fields, so that the next upgrade can drop them.
*/}}
{{- define "locust-operator.strategy" -}}
{{- $deployed := lookup "apps/v1" "Deployment" .Release.Namespace (include "locust-operator.fullname" .) | default dict }}
{{- $surge := dig "spec" "strategy" "rollingUpdate" "maxSurge" 0 $deployed }}
{{- if eq (toString $surge) "0" }}
type: Recreate
{{- else }}
type: RollingUpdate
rollingUpdate:
  maxSurge: 0
  maxUnavailable: 1
{{- end }}
{{- end }}
