{{/* Name of a policy: "ceilings" for tests, "scaling" for their scale, "suites" for Jobs in suites, "schedules" for what
schedules could never make. */}}
{{- define "locust-operator.ceilingPolicy" -}}
{{- printf "%s-%s" (include "locust-operator.fullname" (index . 0) | trunc 50 | trimSuffix "-") (index . 1) }}
{{- end }}

{{/* Name of the binding of a policy for one entry of tenancy.ceilings; that of "ceilings" is the entry's ConfigMap's, too. */}}
{{- define "locust-operator.ceilingName" -}}
{{- printf "%s-%s" (include "locust-operator.ceilingPolicy" .) (index . 2).name }}
{{- end }}

{{/* What a policy says: its variables and validations. */}}
{{- define "locust-operator.policy" -}}
{{- $file := printf "policies/%s.yaml" (index . 1) }}
{{- required (printf "%s is missing from the chart" $file) ((index . 0).Files.Get $file) | trim }}
{{- end }}

{{/* What must not look as if it held. */}}
{{- define "locust-operator.refuseCeilings" -}}
{{- if eq (include "locust-operator.effective" . | fromYaml).watch.scope "Namespace" }}
{{- fail "tenancy.ceilings needs watch.scope: Cluster, because the policies that hold them are objects of the whole cluster. Remove the value, or limit the namespace by a ResourceQuota (docs/tenancy.md)" }}
{{- end }}
{{- $names := list }}
{{- range .Values.tenancy.ceilings }}
{{- if has .name $names }}
{{- fail (printf "tenancy.ceilings: two entries have the name %s; name each differently" .name) }}
{{- end }}
{{- $names = append $names .name }}
{{- if not (omit . "name" "namespaceSelector" "allowJobs" "contact" "action") }}
{{- fail (printf "tenancy.ceilings: the entry %s limits nothing; set maxUsers, maxWorkers, maxRunTime, allowedImages or allowedHosts, or remove it" .name) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The entry's limits, as the policies read them: texts, lists with one item a line. */}}
{{- define "locust-operator.ceilingData" -}}
{{- $ceiling := index . 1 }}
{{- $data := dict "name" $ceiling.name "contact" ($ceiling.contact | default (printf "who runs the release %s in the namespace %s" (index . 0).Release.Name (index . 0).Release.Namespace)) }}
{{- range $name := list "maxUsers" "maxWorkers" }}
{{- if hasKey $ceiling $name }}
{{- $_ := set $data $name (index $ceiling $name | int64 | toString) }}
{{- end }}
{{- end }}
{{- if $ceiling.allowJobs }}
{{- $_ := set $data "allowJobs" "true" }}
{{- end }}
{{- if hasKey $ceiling "maxRunTime" }}
{{- $_ := set $data "maxRunTime" $ceiling.maxRunTime }}
{{- end }}
{{- range $name := list "allowedImages" "allowedHosts" }}
{{- if hasKey $ceiling $name }}
{{- $_ := set $data $name (index $ceiling $name | join "\n") }}
{{- end }}
{{- end }}
{{- toYaml $data }}
{{- end }}
