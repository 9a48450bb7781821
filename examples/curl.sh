#!/bin/sh
# AgentShield's HTTP door with curl: OpenAI's dialect, over TLS, with the gateway's key.
#
# usage: examples/curl.sh [TEXT]
#
# `make run` prints what these variables need:
#   AGENTSHIELD_URL      https://localhost:8443
#   AGENTSHIELD_API_KEY  the key
#   AGENTSHIELD_CA_FILE  whom to trust; leave it out where the gateway's certificate is a public one
#   AGENTSHIELD_MODEL    echo
set -eu

url=${AGENTSHIELD_URL:-https://localhost:8443}
key=${AGENTSHIELD_API_KEY:?is not set; \`make run\` prints one}
model=${AGENTSHIELD_MODEL:-echo}
text=${1:-Please write to ana@example.com about the invoice.}

ask() { # PATH [CURL OPTION...]
    path=$1
    shift
    curl --silent --show-error --no-buffer --max-time 60 ${AGENTSHIELD_CA_FILE:+--cacert "$AGENTSHIELD_CA_FILE"} \
        --header "Authorization: Bearer $key" --header "Content-Type: application/json" "$@" "$url$path"
    echo
}

# A JSON string of TEXT, which may hold quotes and backslashes.
quoted=$(printf '%s' "$text" | sed 's/[\\"]/\\&/g')
messages="[{\"role\":\"user\",\"content\":\"$quoted\"}]"

echo "# models"
ask /v1/models --fail

echo "# a whole answer, and what the gateway tells about it in headers"
ask /v1/chat/completions --fail --include --data "{\"model\":\"$model\",\"messages\":$messages}"

echo "# a stream"
ask /v1/chat/completions --fail --data \
    "{\"model\":\"$model\",\"stream\":true,\"stream_options\":{\"include_usage\":true},\"messages\":$messages}"

echo "# an error: 400, in OpenAI's shape"
ask /v1/chat/completions --include --data "{\"model\":\"$model\",\"stream\":\"banana\",\"messages\":$messages}"
