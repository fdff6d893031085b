{{- define "operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* Names of namespaced objects. 50 characters leave room for the suffixes within the 63 of a Service. */}}
{{- define "operator.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "operator.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Names of cluster-wide objects: releases in several namespaces do not meet. */}}
{{- define "operator.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "operator.fullname" .) -}}
{{- end -}}

{{- define "operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "operator.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed with serviceAccount.create: false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{/* Which shard of how many, such as 2-of-3; empty when there is one. The argument is a dict of context and number. */}}
{{- define "operator.shard" -}}
{{- if gt (int .context.Values.shards) 1 -}}
{{- printf "%d-of-%d" (int .number) (int .context.Values.shards) -}}
{{- end -}}
{{- end -}}

{{- define "operator.shardName" -}}
{{- include "operator.fullname" .context -}}
{{- with include "operator.shard" . }}-{{ . }}{{ end -}}
{{- end -}}

{{- define "operator.shardSelectorLabels" -}}
{{ include "operator.selectorLabels" .context }}
{{- with include "operator.shard" . }}
monitoring.crm.io/shard: {{ . }}
{{- end -}}
{{- end -}}

{{- define "operator.shardLabels" -}}
{{ include "operator.shardSelectorLabels" . }}
{{ include "operator.commonLabels" .context }}
{{- end -}}

{{- define "operator.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: crm-monitoring
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "operator.labels" -}}
{{ include "operator.selectorLabels" . }}
{{ include "operator.commonLabels" . }}
{{- end -}}

{{- define "operator.image" -}}
{{- $registry := .Values.global.imageRegistry | default .Values.image.registry -}}
{{- $tag := .Values.image.tag | default (ternary "" .Chart.AppVersion (ne .Values.image.digest "")) -}}
{{- with $registry }}{{ trimSuffix "/" . }}/{{ end }}{{ .Values.image.repository }}
{{- with $tag }}:{{ . }}{{ end }}
{{- with .Values.image.digest }}@{{ . }}{{ end }}
{{- end -}}

{{- define "operator.imagePullSecrets" -}}
{{- range concat .Values.global.imagePullSecrets .Values.imagePullSecrets | uniq }}
- name: {{ . }}
{{- end }}
{{- end -}}

{{- define "operator.podSecurityContext" -}}
runAsNonRoot: true
{{- with .Values.runAsUser }}
runAsUser: {{ int . }}
{{- end }}
{{- with .Values.runAsGroup }}
runAsGroup: {{ int . }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "operator.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Ends with a sentence when a kind of prometheus-operator is asked for that the cluster does not know. */}}
{{- define "operator.needsPrometheusOperator" -}}
{{- if not (.context.Capabilities.APIVersions.Has "monitoring.coreos.com/v1") -}}
{{- fail (printf "%s needs prometheus-operator's kinds, and the cluster does not serve monitoring.coreos.com/v1. Install them first, or set %s to false. With `helm template`, add `--api-versions monitoring.coreos.com/v1`." .value .value) -}}
{{- end -}}
{{- end -}}

{{/* Not the selector's labels: the Service must not send anything to the test pod. */}}
{{- define "operator.testLabels" -}}
app.kubernetes.io/name: {{ include "operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: test
{{ include "operator.commonLabels" . }}
{{- end -}}

{{/* The argument is the hook's weight: the account exists before the pod. */}}
{{- define "operator.testAnnotations" -}}
helm.sh/hook: test
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}
