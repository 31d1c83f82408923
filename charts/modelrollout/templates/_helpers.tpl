{{- define "modelrollout.fullname" -}}
{{- $name := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (contains .Chart.Name .Release.Name) -}}
{{- .Values.fullnameOverride | default $name | trunc 52 | trimSuffix "-" -}}
{{- end }}

{{- define "modelrollout.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "modelrollout.fullname" .) -}}
{{- else -}}
{{- required "serviceAccount.name is required when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{- define "modelrollout.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "modelrollout.labels" -}}
{{ include "modelrollout.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "modelrollout.image" -}}
{{- $repository := required "image.repository is required: the operator's image, for example --set image.repository=registry.example/modelrollout" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end }}

{{- define "modelrollout.prometheusUrl" -}}
{{- required "prometheus.url is required: where the models' metrics are, for example --set prometheus.url=http://prometheus.monitoring:9090" .Values.prometheus.url -}}
{{- end }}

{{- /* Fails unless the release is told where to look after ModelRollouts. */ -}}
{{- define "modelrollout.checkNamespaces" -}}
{{- if and .Values.watchNamespaces .Values.watchAllNamespaces -}}
{{- fail "watchNamespaces and watchAllNamespaces exclude each other" -}}
{{- else if not (or .Values.watchNamespaces .Values.watchAllNamespaces) -}}
{{- fail "watchNamespaces is required: where ModelRollouts are looked after, for example --set watchNamespaces={team-a,team-b}; or --set watchAllNamespaces=true, which gives the operator rights in all namespaces" -}}
{{- end -}}
{{- end }}
