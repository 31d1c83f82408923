{{- define "outcomes.fullname" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}
{{- .Values.fullnameOverride | default $name | trunc 52 | trimSuffix "-" -}}
{{- end }}

{{- define "outcomes.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "outcomes.fullname" .) -}}
{{- else -}}
{{- required "serviceAccount.name is required when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{- define "outcomes.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: outcomes
{{- end }}

{{- define "outcomes.labels" -}}
{{ include "outcomes.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "outcomes.image" -}}
{{- $repository := required "image.repository is required: the service's image, for example --set image.repository=registry.example/modelrollout-outcomes" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end }}

{{- /* Fails where one SQLite file would have to serve several pods. */ -}}
{{- define "outcomes.checkReplicas" -}}
{{- if and (gt (int .Values.replicas) 1) (not .Values.database.secret) -}}
{{- fail "database.secret is required for more than one replica: a Secret with the URL of a PostgreSQL database, for example --set database.secret=outcomes-database" -}}
{{- end -}}
{{- end }}
