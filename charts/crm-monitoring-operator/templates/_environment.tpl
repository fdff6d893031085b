{{/* The settings of the operator as variables. Numbers go through int: Helm would write large ones as 1e+06. */}}
{{- define "operator.environment" -}}
- name: CRM_OPERATOR_PORT
  value: "8080"
{{- with .Values.watch.namespaces }}
- name: CRM_OPERATOR_NAMESPACES
  value: {{ join " " . | quote }}
{{- end }}
- name: CRM_OPERATOR_LEADER_ELECTION
  value: {{ .Values.leaderElection.enabled | quote }}
- name: CRM_OPERATOR_LEASE_NAME
  value: {{ include "operator.fullname" . }}
- name: CRM_OPERATOR_LEASE_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: CRM_OPERATOR_LEASE_DURATION_SECONDS
  value: {{ int .Values.leaderElection.leaseDurationSeconds | quote }}
- name: CRM_OPERATOR_LEASE_RENEW_DEADLINE_SECONDS
  value: {{ int .Values.leaderElection.renewDeadlineSeconds | quote }}
- name: CRM_OPERATOR_LEASE_RETRY_SECONDS
  value: {{ int .Values.leaderElection.retrySeconds | quote }}
- name: CRM_OPERATOR_WORKERS
  value: {{ int .Values.settings.workers | quote }}
- name: CRM_OPERATOR_MAX_REQUESTS_PER_SECOND
  value: {{ int .Values.settings.maxRequestsPerSecond | quote }}
- name: CRM_OPERATOR_RESYNC_SECONDS
  value: {{ int .Values.settings.resyncSeconds | quote }}
- name: CRM_OPERATOR_POLL_SECONDS
  value: {{ int .Values.settings.pollSeconds | quote }}
- name: CRM_OPERATOR_LOG_LEVEL
  value: {{ .Values.settings.logLevel }}
- name: CRM_OPERATOR_LOG_FORMAT
  value: {{ .Values.settings.logFormat }}
{{- with .Values.settings.cluster }}
- name: CRM_OPERATOR_CLUSTER
  value: {{ . | quote }}
{{- end }}
{{- with .Values.settings.prober }}
- name: CRM_OPERATOR_PROBER
  value: {{ . | quote }}
{{- end }}
{{- with .Values.settings.runbookBaseUrl }}
- name: CRM_OPERATOR_RUNBOOK_BASE_URL
  value: {{ . | quote }}
{{- end }}
{{- end -}}
