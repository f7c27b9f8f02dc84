#!/bin/sh
# Fills in templates from the environment: /etc/nginx/templates/a/b.conf.template becomes /etc/nginx/conf.d/a/b.conf.
#
#   NGINX_ENVSUBST_TEMPLATE_DIR             where they are          /etc/nginx/templates
#   NGINX_ENVSUBST_TEMPLATE_SUFFIX          how their names end     .template
#   NGINX_ENVSUBST_OUTPUT_DIR               where they go to        /etc/nginx/conf.d
#   NGINX_ENVSUBST_FILTER                   a regex: only variables whose names it finds are filled in
#   NGINX_ENVSUBST_STREAM_TEMPLATE_SUFFIX   .stream-template
#   NGINX_ENVSUBST_STREAM_OUTPUT_DIR        /etc/nginx/stream-conf.d
#
# Filled in are the variables that are in the environment, as $V and ${V}; all else that has a dollar is nginx's own.
set -eu

templates=${NGINX_ENVSUBST_TEMPLATE_DIR:-/etc/nginx/templates}
suffix=${NGINX_ENVSUBST_TEMPLATE_SUFFIX:-.template}
output=${NGINX_ENVSUBST_OUTPUT_DIR:-/etc/nginx/conf.d}
stream_suffix=${NGINX_ENVSUBST_STREAM_TEMPLATE_SUFFIX:-.stream-template}
stream_output=${NGINX_ENVSUBST_STREAM_OUTPUT_DIR:-/etc/nginx/stream-conf.d}
rules=/etc/nginx/nginx.conf

say() {
    [ -n "${NGINX_ENTRYPOINT_QUIET_LOGS:-}" ] || echo "${0##*/}: $*"
}

# The list that envsubst takes: ${A} ${B}
defined() {
    awk 'BEGIN {
        filter = ENVIRON["NGINX_ENVSUBST_FILTER"]
        for (name in ENVIRON) if (name ~ /^[A-Za-z_][A-Za-z0-9_]*$/ && name ~ filter) printf "${%s} ", name
    }'
}

# fill_in SUFFIX FOLDER: every template whose name ends so, into that folder, sub-directories kept.
fill_in() {
    find -L "$templates" -type f -name "*$1" -print | while IFS= read -r template; do
        path=${template#"$templates"/}
        filled=$2/${path%"$1"}
        mkdir -p "${filled%/*}"
        say "Running envsubst on $template to $filled"
        envsubst "$variables" <"$template" >"$filled"
    done
}

# What a stream's file stands in.
add_stream_block() {
    if grep -q -E '^[[:space:]]*stream[[:space:]]*\{' "$rules"; then
        say "$rules has a stream block: add an include for $stream_output/*.conf to it"
    elif [ -w "$rules" ]; then
        say "Adding a stream block to $rules"
        printf '\nstream {\n    include %s/*.conf;\n}\n' "$stream_output" >>"$rules"
    else
        say "ERROR: $rules cannot be written, so it has no stream block"
    fi
}

[ -d "$templates" ] || exit 0
if [ ! -w "$output" ]; then
    say "ERROR: $templates exists, but $output cannot be written"
    exit 0
fi
variables=$(defined)
fill_in "$suffix" "$output"

[ -n "$(find -L "$templates" -type f -name "*$stream_suffix" -print | head -n 1)" ] || exit 0
mkdir -p "$stream_output"
if [ ! -w "$stream_output" ]; then
    say "ERROR: $templates has stream templates, but $stream_output cannot be written"
    exit 0
fi
add_stream_block
fill_in "$stream_suffix" "$stream_output"
