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

{{/* A Deployment's selector cannot be changed: one that is there keeps its own, whoever chose it. */}}
{{- define "locust-operator.selectorLabels" -}}
{{- $deployed := lookup "apps/v1" "Deployment" .Release.Namespace (include "locust-operator.fullname" .) | default dict }}
{{- with dig "spec" "selector" "matchLabels" dict $deployed }}
{{- toYaml . }}
{{- else }}
{{- include "locust-operator.ownLabels" . }}
{{- end }}
{{- end }}

{{- define "locust-operator.ownLabels" -}}
app.kubernetes.io/name: {{ include "locust-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* The operator's pods, as a NetworkPolicy in another namespace knows them. */}}
{{- define "locust-operator.networkPolicyPeer" -}}
namespaceSelector:
  matchLabels:
    kubernetes.io/metadata.name: {{ .Release.Namespace }}
podSelector:
  matchLabels:
    {{- include "locust-operator.selectorLabels" . | nindent 4 }}
{{- end }}

{{- define "locust-operator.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "locust-operator.ownLabels" . }}
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

{{/* "true" where the release has the webhook server: it needs cluster-wide rights, and v1 nobody converts would lose data. */}}
{{- define "locust-operator.webhook" -}}
{{- and .Values.webhook.enabled (ne (include "locust-operator.effective" . | fromYaml).watch.scope "Namespace") }}
{{- end }}

{{- define "locust-operator.webhookService" -}}
{{- include "locust-operator.fullname" . | trunc 55 | trimSuffix "-" }}-webhook
{{- end }}

{{/* The name by which the API server calls the webhook server. */}}
{{- define "locust-operator.webhookHosts" -}}
{{- include "locust-operator.webhookService" . }}.{{ .Release.Namespace }}.svc
{{- end }}

{{/* "true" where the API server asks the webhook server about tests that somebody writes. */}}
{{- define "locust-operator.validation" -}}
{{- and (eq (include "locust-operator.webhook" .) "true") .Values.webhook.validation.enabled }}
{{- end }}

{{/* The configuration that makes it ask. */}}
{{- define "locust-operator.webhookConfiguration" -}}
{{- include "locust-operator.webhookService" . }}
{{- end }}

{{/* Secret with the webhook server's certificate. */}}
{{- define "locust-operator.webhookSecret" -}}
{{- .Values.webhook.existingSecret | default (printf "%s-webhook-certs" (include "locust-operator.fullname" . | trunc 49 | trimSuffix "-")) }}
{{- end }}

{{/* "true" where the operator makes its certificate itself. */}}
{{- define "locust-operator.webhookSelfManaged" -}}
{{- and (eq (include "locust-operator.webhook" .) "true") (not .Values.webhook.certManager.enabled) (not .Values.webhook.existingSecret) }}
{{- end }}

{{/* How the API server calls the webhook server. Without a CA here, whoever makes the certificate puts it in. */}}
{{- define "locust-operator.webhookClient" -}}
{{- $path := index . 1 }}
{{- $bundle := index . 2 }}
{{- with index . 0 }}
service:
  name: {{ include "locust-operator.webhookService" . }}
  namespace: {{ .Release.Namespace }}
  port: 443
  path: {{ $path }}
{{- with $bundle }}
caBundle: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{/*
The CA in the definition, in base64. The one that the operator put there is Helm's from then on, so that a roll-back to a
release without conversion takes it away with the rest; and what is Helm's, Helm must go on applying.
*/}}
{{- define "locust-operator.caBundle" -}}
{{- if .Values.webhook.caBundle }}
{{- .Values.webhook.caBundle | b64enc }}
{{- else if eq (include "locust-operator.webhookSelfManaged" .) "true" }}
{{- $definition := lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" "locusttests.locust.io" | default dict }}
{{- $config := dig "spec" "conversion" "webhook" "clientConfig" dict $definition }}
{{- $service := dig "service" dict $config }}
{{- if and (eq (dig "name" "" $service) (include "locust-operator.webhookService" .)) (eq (dig "namespace" "" $service) .Release.Namespace) }}
{{- dig "caBundle" "" $config }}
{{- end }}
{{- end }}
{{- end }}

{{/* spec.conversion of the definition. */}}
{{- define "locust-operator.conversion" -}}
conversion:
{{- if eq (include "locust-operator.webhook" .) "true" }}
  strategy: Webhook
  webhook:
    clientConfig:
      {{- include "locust-operator.webhookClient" (list . "/convert" (include "locust-operator.caBundle" .)) | nindent 6 }}
    conversionReviewVersions: [v1]
{{- else }}
  strategy: None
{{- end }}
{{- end }}

{{- define "locust-operator.injectCa" -}}
{{- if and (eq (include "locust-operator.webhook" .) "true") .Values.webhook.certManager.enabled }}
cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/{{ include "locust-operator.webhookService" . }}
{{- end }}
{{- end }}

{{- define "locust-operator.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion }}
{{- printf "%s%s%s" .Values.image.repository (ternary "@" ":" (hasPrefix "sha256:" $tag)) $tag }}
{{- end }}

{{/* What all pods of the release have in common. */}}
{{- define "locust-operator.podSettings" -}}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The rules are the same in both scopes; a chart packaged without them must not install an operator without rights. */}}
{{- define "locust-operator.generated" -}}
{{- $file := printf "generated/%s.yaml" (index . 1) }}
{{- with index . 0 }}
{{- tpl (required (printf "%s is missing from the chart: run make generate" $file) (.Files.Get $file)) . | trim }}
{{- end }}
{{- end }}

{{/* Two operators must never act at the same time, so without the election there is at most one. */}}
{{- define "locust-operator.replicas" -}}
{{- $replicas := .Values.replicaCount | int64 }}
{{- if and (gt $replicas 1) (not .Values.leaderElection.enabled) }}
{{- fail (printf "replicaCount is %d and leaderElection.enabled is false: without the election all replicas would act at the same time; set replicaCount=1 or leaderElection.enabled=true" $replicas) }}
{{- end }}
{{- $replicas }}
{{- end }}

{{/*
With the election new replicas stand by before old ones are ended, and the one that acts hands over when it is ended.

Without it Recreate, but for one upgrade. A Deployment of the published chart holds defaults (maxSurge 25%) that nobody
owns; server-side apply cannot remove them and the API server refuses them next to Recreate. A rolling update that also
stops the old pods first takes ownership of both fields, so that the next upgrade can drop them.
*/}}
{{- define "locust-operator.strategy" -}}
{{- $deployed := lookup "apps/v1" "Deployment" .Release.Namespace (include "locust-operator.fullname" .) | default dict }}
{{- $surge := dig "spec" "strategy" "rollingUpdate" "maxSurge" 0 $deployed }}
{{- if .Values.leaderElection.enabled }}
type: RollingUpdate
rollingUpdate:
  maxSurge: 1
  maxUnavailable: 0
{{- else if has (toString $surge) (list "0" "1") }}
type: Recreate
{{- else }}
type: RollingUpdate
rollingUpdate:
  maxSurge: 0
  maxUnavailable: 1
{{- end }}
{{- end }}

{{/* "true" where there is a Service for metrics: a ServiceMonitor finds the operator by it. */}}
{{- define "locust-operator.metricsService" -}}
{{- $metrics := (include "locust-operator.effective" . | fromYaml).metrics }}
{{- or $metrics.service.enabled $metrics.serviceMonitor.enabled }}
{{- end }}

{{/* The labels of an object that something selects by labels of the user's. */}}
{{- define "locust-operator.selectedLabels" -}}
{{- mergeOverwrite (deepCopy (index . 1)) (include "locust-operator.labels" (index . 0) | fromYaml) | toYaml }}
{{- end }}

{{/* A file of the chart as it is: what looks like a template in it is for Prometheus or Grafana. */}}
{{- define "locust-operator.monitoring" -}}
{{- $file := printf "monitoring/%s" (index . 1) }}
{{- required (printf "%s is missing from the chart" $file) ((index . 0).Files.Get $file) | trim }}
{{- end }}
