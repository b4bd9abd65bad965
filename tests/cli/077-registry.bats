#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2030,SC2031,SC2154,SC2164 # bats sets stderr, has each test in a shell of its own, and ends at a cd that fails
#
# `ruche registry serve`, asked by curl for each endpoint of the distribution specification, and by others' tools.

load images

MANIFEST=application/vnd.oci.image.manifest.v1+json
INDEX=application/vnd.oci.image.index.v1+json
EMPTY='{}'

setup() {
    need_all curl jq
    [[ -x ${RUCHE%/*}/ruche-registry ]] || skip "it was built without libmicrohttpd"
    common_setup
    cd "$BATS_TEST_TMPDIR"
    SERVER=
    SERVED=
}

teardown() {
    local result=0
    registry_end || result=1
    containers_teardown || result=1
    return "$result"
}

# ---- the server ----

# registry_begin [OPTION...]: serves at $URL, $HOST without the scheme
registry_begin() {
    : >served
    "$RUCHE" --root "$ROOT" --run "$RUN" registry serve --listen 127.0.0.1:0 "$@" >served 2>>log </dev/null 3>&- 4>&- &
    SERVER=$!
    eventually registry_serves_or_has_ended
    URL=$(sed -n 's/^ruche registry: listening on //p' served)
    HOST=${URL#*//}
    [[ $URL ]] || fail "the registry does not serve:" "$(<log)"
}

registry_serves_or_has_ended() {
    [[ -s served ]] || ! kill -0 "$SERVER" 2>/dev/null
}

# It ends well, and by itself.
registry_end() {
    local pid=$SERVER
    [[ $pid ]] || return 0
    SERVER=
    kill "$pid" 2>/dev/null || fail "the registry has gone:" "$(tail -n 5 log)" || return 1
    wait "$pid" || fail "the registry ended with $?:" "$(tail -n 5 log)"
}

registry_kill() {
    kill -KILL "$SERVER"
    wait "$SERVER" || true
    SERVER=
}

# ---- asking ----

# ask METHOD PATH [CURL'S OPTION...]: sets code, output (the body) and headers
ask() {
    local method=("-X" "$1") path=$2
    [[ $1 != HEAD ]] || method=(-I)
    shift 2
    rm -f body headers
    code=$(curl -sS "${method[@]}" -D headers -o body -w '%{http_code}' "$@" "$URL$path")
    output=$(cat body 2>/dev/null || true)
}

# header NAME: of the last answer
header() {
    tr -d '\r' <headers | awk -v name="$1" 'BEGIN { FS = ": " } tolower($1) == tolower(name) { sub(/^[^:]*: /, ""); print }'
}

# answered CODE [ERROR]
answered() {
    [[ $code == "$1" ]] || fail "the answer is $code, not $1:" "$output" || return 1
    [[ ! ${2-} ]] || [[ $(jq -r '.errors[0].code' <<<"$output") == "$2" ]] || fail "the error is not $2:" "$output"
}

# push_blob REPOSITORY TEXT: sets digest
push_blob() {
    digest=sha256:$(printf %s "$2" | sha256sum | cut -d ' ' -f 1)
    ask POST "/v2/$1/blobs/uploads/?digest=$digest" -H 'Content-Type: application/octet-stream' --data-binary "$2"
    answered 201
}

# push_manifest REPOSITORY REFERENCE TEXT [TYPE]
push_manifest() {
    printf %s "$3" >manifest
    digest=sha256:$(sha256sum manifest | cut -d ' ' -f 1)
    ask PUT "/v2/$1/manifests/${2:-$digest}" -H "Content-Type: ${4:-$MANIFEST}" --data-binary @manifest
}

# artifact [MEMBER...]: a manifest of nothing, with these members more
artifact() {
    local digest size=${#EMPTY} more=''
    digest=sha256:$(printf %s "$EMPTY" | sha256sum | cut -d ' ' -f 1)
    (($# == 0)) || more=$(printf ',%s' "$@")
    printf '{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"%s","size":%d},"layers":[]%s}' \
        "$MANIFEST" "$digest" "$size" "$more"
}

# ---- the command ----

@test "registry: wrong usage touches nothing" {
    run --separate-stderr ruche registry serve --listen nowhere
    assert_usage_error 'cannot listen on "nowhere"; give a numeric address*'
    run --separate-stderr ruche registry serve --tls-cert x
    assert_usage_error '--tls-cert and --tls-key go together*'
    run --separate-stderr ruche registry serve --log-format xml
    assert_usage_error '*--log-format*'
    run --separate-stderr ruche registry serve now
    assert_usage_error '*takes no arguments*'
    run --separate-stderr ruche registry run
    assert_usage_error 'unknown command: registry run *'
}

@test "registry: what it cannot serve by is named" {
    run --separate-stderr ruche registry serve --tls-cert missing --tls-key missing
    assert_status 125
    assert_stderr '*there is no file missing'
    echo 'bee:secret' >users
    run --separate-stderr ruche registry serve --htpasswd users
    assert_status 125
    assert_stderr '*users: line 1 has a hash that is no bcrypt; make it with htpasswd -B'
    registry_begin
    run --separate-stderr ruche registry serve --listen "$HOST"
    assert_status 125
    assert_stderr "*listen on $HOST: Address already in use; choose another port by --listen"
}

@test "registry: it serves confined" {
    registry_begin
    local status
    status=$(<"/proc/$SERVER/status")
    [[ $status == *$'NoNewPrivs:\t1'* && $status == *$'Seccomp:\t2'* && $status == *$'CapEff:\t0000000000000000'* ]]
    [[ $(stat -c %a "$ROOT/oci" "$ROOT/loose") == $'700\n700' ]]
}

@test "registry: on loopback, without passwords, web pages are kept out" {
    local host
    registry_begin
    [[ $(<log) == *'warning: whoever reaches this address can push and delete; see --htpasswd and --read-only'* ]]
    for host in localhost LocalHost:5000 127.0.0.1 '[::1]:5000' 192.0.2.1; do
        ask GET /v2/ -H "Host: $host"
        answered 200
    done
    for host in page.example page.example:5000 127.0.0.1.page.example localhost.page.example '[page]'; do
        ask GET /v2/ -H "Host: $host"
        answered 403 DENIED
        ask POST /v2/app/blobs/uploads/ -H "Host: $host"
        answered 403 DENIED
    done
    ask GET /v2/ -H 'Origin: http://page.example'
    answered 200
    ask POST /v2/app/blobs/uploads/ -H 'Origin: http://page.example'
    answered 403 DENIED
    ask PUT /v2/app/manifests/1 -H 'Origin: null' -d '{}'
    answered 403 DENIED
    ask DELETE /v2/app/manifests/1 -H 'Origin: http://localhost'
    answered 403 DENIED
    registry_end
    : >log
    registry_begin --read-only
    [[ $(<log) != *warning* ]]
    ask GET /v2/ -H 'Host: page.example'
    answered 403 DENIED
}

@test "registry: an empty store is one" {
    registry_begin
    ask GET /v2/
    answered 200
    [[ $(header Docker-Distribution-Api-Version) == registry/2.0 ]]
    ask GET /v2/_catalog
    answered 200
    [[ $output == '{"repositories":[]}' ]]
    ask GET /v2/app/tags/list
    answered 404 NAME_UNKNOWN
    ask HEAD /v2/app/manifests/latest
    answered 404
    ask GET "/v2/app/referrers/sha256:$(printf %064d 0)"
    answered 200
    [[ $output == *'"manifests":[]'* ]]
    run ruche images -q
    assert_output ''
}

@test "registry: paths that are none" {
    registry_begin
    ask GET /
    answered 404 UNSUPPORTED
    ask GET /v2/app/nothing
    answered 404 UNSUPPORTED
    ask GET /v2/Upper/tags/list
    answered 400 NAME_INVALID
    ask GET "/v2/$(printf '%0256d' 0)/tags/list"
    answered 400 NAME_INVALID
    ask GET '/v2/%2e%2e/tags/list'
    answered 400 NAME_INVALID
    ask GET /v2/../../etc/passwd --path-as-is
    answered 404
    ask GET '/v2/app/blobs/sha256:..%2f..%2foci-layout'
    answered 400 DIGEST_INVALID
    ask GET '/v2/app/manifests/%00'
    answered 400
    ask PUT /v2/app/tags/list
    answered 405 UNSUPPORTED
    [[ $(header Allow) == 'HEAD, GET' ]]
    ask BREW /v2/
    answered 405
}

# ---- blobs ----

@test "registry: a blob in one piece, whole and by ranges" {
    registry_begin
    push_blob app 'hello world'
    [[ $(header Location) == "/v2/app/blobs/$digest" && $(header Docker-Content-Digest) == "$digest" ]]
    ask GET "/v2/app/blobs/$digest"
    answered 200
    [[ $output == 'hello world' && $(header Docker-Content-Digest) == "$digest" && $(header Content-Length) == 11 ]]
    ask HEAD "/v2/app/blobs/$digest"
    answered 200
    [[ $(header Content-Length) == 11 && $(header Accept-Ranges) == bytes ]]
    ask GET "/v2/app/blobs/$digest" -H 'Range: bytes=6-'
    answered 206
    [[ $output == world && $(header Content-Range) == 'bytes 6-10/11' ]]
    ask GET "/v2/app/blobs/$digest" -H 'Range: bytes=-3'
    [[ $output == rld ]]
    ask GET "/v2/app/blobs/$digest" -H 'Range: bytes=11-'
    answered 416
    [[ $(header Content-Range) == 'bytes */11' ]]
    ask GET "/v2/app/blobs/$digest" -H "If-None-Match: \"$digest\""
    answered 304
    ask GET "/v2/app/blobs/sha256:$(printf %064d 0)"
    answered 404 BLOB_UNKNOWN
    ask GET "/v2/app/blobs/sha512:$(printf %0128d 0)"
    answered 404 BLOB_UNKNOWN
    ask DELETE "/v2/app/blobs/$digest"
    answered 202
    ask GET "/v2/app/blobs/$digest"
    answered 404 BLOB_UNKNOWN
}

@test "registry: a blob in chunks, in their order" {
    local path sum
    registry_begin
    sum=sha256:$(printf hello | sha256sum | cut -d ' ' -f 1)
    ask POST /v2/app/blobs/uploads/
    answered 202
    path=$(header Location)
    [[ $path == /v2/app/blobs/uploads/* && $(header Range) == 0-0 && $(header OCI-Chunk-Min-Length) && $(header Docker-Upload-UUID) == "${path##*/}" ]]
    ask PATCH "$path" -H 'Content-Range: 2-4' --data-binary llo
    answered 416 BLOB_UPLOAD_INVALID
    ask PATCH "$path" -H 'Content-Range: 0-1' --data-binary he
    answered 202
    [[ $(header Range) == 0-1 ]]
    ask PATCH "$path" -H 'Content-Range: 0-1' --data-binary he
    answered 416
    ask GET "$path"
    answered 204
    [[ $(header Range) == 0-1 && $(header Location) == "$path" ]]
    ask PATCH "$path" -H 'Content-Range: 2-9' --data-binary llo
    answered 400 SIZE_INVALID
    ask PUT "$path?digest=$sum" -H 'Content-Range: 3-4' --data-binary lo
    answered 416
    ask PUT "$path?digest=$sum" -H 'Content-Range: 2-4' --data-binary llo
    answered 201
    ask GET "$path"
    answered 404 BLOB_UPLOAD_UNKNOWN
    ask GET "/v2/app/blobs/$sum"
    [[ $output == hello ]]
}

@test "registry: a blob streamed without a length" {
    local path sum
    registry_begin
    head -c 3000000 /dev/urandom >random
    sum=sha256:$(sha256sum random | cut -d ' ' -f 1)
    ask POST /v2/app/blobs/uploads/
    path=$(header Location)
    ask PATCH "$path" -H 'Transfer-Encoding: chunked' -H 'Content-Type: application/octet-stream' -T random
    answered 202
    [[ $(header Range) == 0-2999999 ]]
    ask PUT "$path?digest=$sum"
    answered 201
    curl -sS "$URL/v2/app/blobs/$sum" | cmp - random
}

@test "registry: uploads that lie, and sessions that are given up" {
    local path
    registry_begin
    ask POST "/v2/app/blobs/uploads/?digest=sha256:$(printf %064d 0)" --data-binary hello
    answered 400 DIGEST_INVALID
    ask POST "/v2/app/blobs/uploads/?digest=nonsense" --data-binary hello
    answered 400 DIGEST_INVALID
    ask POST /v2/app/blobs/uploads/
    path=$(header Location)
    ask PUT "$path" --data-binary hello
    answered 400 DIGEST_INVALID
    # Of another repository it is unknown.
    ask GET "${path/app/other}"
    answered 404 BLOB_UPLOAD_UNKNOWN
    ask DELETE "$path"
    answered 204
    ask DELETE "$path"
    answered 404 BLOB_UPLOAD_UNKNOWN
    is_empty "$ROOT/loose"
}

@test "registry: mounting what is here and what is not" {
    registry_begin
    push_blob app hello
    ask POST "/v2/other/blobs/uploads/?mount=$digest&from=app"
    answered 201
    [[ $(header Location) == "/v2/other/blobs/$digest" ]]
    ask POST "/v2/other/blobs/uploads/?mount=sha256:$(printf %064d 0)&from=app"
    answered 202
    [[ $(header Location) == /v2/other/blobs/uploads/* ]]
}

@test "registry: what is here already stays until it is named" {
    local how
    registry_begin
    for how in HEAD mount push; do
        push_blob app "$EMPTY"
        push_manifest app 1 "$(artifact)"
        answered 201
        [[ ! $(ls "$ROOT/loose") ]] || fail "$(ls "$ROOT/loose")"
        digest=sha256:$(printf %s "$EMPTY" | sha256sum | cut -d ' ' -f 1)
        case $how in
        HEAD) ask HEAD "/v2/other/blobs/$digest" && answered 200 ;;
        mount) ask POST "/v2/other/blobs/uploads/?mount=$digest&from=app" && answered 201 ;;
        push) push_blob other "$EMPTY" ;;
        esac
        ask DELETE "/v2/app/manifests/sha256:$(artifact | sha256sum | cut -d ' ' -f 1)"
        answered 202
        ruche image prune -af >/dev/null
        [[ ! $(ls "$ROOT/oci/blobs/sha256") ]]
        push_manifest other 1 "$(artifact)"
        answered 201
        ask DELETE "/v2/other/manifests/$digest"
        answered 202
        ruche image prune -af >/dev/null
    done
}

# ---- manifests ----

@test "registry: manifests by tag and digest" {
    local first
    registry_begin
    push_manifest app 1 "$(artifact)"
    answered 400 MANIFEST_BLOB_UNKNOWN
    push_blob app "$EMPTY"
    push_manifest app 1 "$(artifact)"
    answered 201
    first=$digest
    [[ $(header Location) == "/v2/app/manifests/$first" && $(header Docker-Content-Digest) == "$first" ]]
    ask GET /v2/app/manifests/1
    answered 200
    cmp body manifest
    [[ $(header Content-Type) == "$MANIFEST" && $(header ETag) == "\"$first\"" ]]
    ask HEAD "/v2/app/manifests/$first"
    answered 200
    [[ $(header Docker-Content-Digest) == "$first" && $(header Content-Length) == "$(stat -c %s manifest)" ]]
    ask GET /v2/app/manifests/1 -H "If-None-Match: \"$first\""
    answered 304
    ask GET /v2/app/manifests/1 -H "Accept: $INDEX"
    answered 404 MANIFEST_UNKNOWN
    ask GET "/v2/other/manifests/$first"
    answered 404 MANIFEST_UNKNOWN

    # Another takes the tag: the first stays known by its digest.
    push_manifest app 1 "$(artifact '"annotations":{"a":"b"}')"
    answered 201
    ask GET "/v2/app/manifests/$first"
    answered 200
    ask GET /v2/app/manifests/1
    [[ $(header Docker-Content-Digest) == "$digest" ]]
}

@test "registry: manifests that are wrong" {
    registry_begin
    push_blob app "$EMPTY"
    push_manifest app 1 nonsense
    answered 400 MANIFEST_INVALID
    push_manifest app 1 "$(artifact)" "$INDEX"
    answered 400 MANIFEST_INVALID
    push_manifest app 1 "$(artifact)" text/plain
    answered 400 MANIFEST_INVALID
    push_manifest app "sha256:$(printf %064d 0)" "$(artifact)"
    answered 400 DIGEST_INVALID
    push_manifest app -x "$(artifact)"
    answered 400 MANIFEST_INVALID
    head -c 5000000 /dev/zero >large
    ask PUT /v2/app/manifests/1 -H "Content-Type: $MANIFEST" --data-binary @large
    answered 413 MANIFEST_INVALID
    ask PUT /v2/app/manifests/1 -H "Content-Type: $MANIFEST" -H 'Transfer-Encoding: chunked' --data-binary @large
    answered 413 MANIFEST_INVALID
    ask GET /v2/app/tags/list
    answered 404 NAME_UNKNOWN
}

@test "registry: tags and repositories, page by page" {
    local link all=''
    registry_begin
    push_blob app "$EMPTY"
    for tag in c a e B d; do
        push_manifest app "$tag" "$(artifact)"
        push_manifest "team/$tag" 1 "$(artifact)" || true
    done
    ask GET /v2/app/tags/list
    [[ $(jq -r '.name + ":" + (.tags | join(" "))' <<<"$output") == 'app:B a c d e' ]]
    link='/v2/app/tags/list?n=2'
    while [[ $link ]]; do
        ask GET "$link"
        answered 200
        all+=$(jq -r '.tags | join(" ")' <<<"$output")/
        link=$(header Link | sed -n 's/^<\(.*\)>; rel="next"$/\1/p')
    done
    [[ $all == 'B a/c d/e/' ]] || fail "$all"
    ask GET '/v2/app/tags/list?last=c'
    [[ $(jq -r '.tags | join(" ")' <<<"$output") == 'd e' ]]
    ask GET '/v2/app/tags/list?n=0'
    [[ $(jq -c .tags <<<"$output") == '[]' && ! $(header Link) ]]
    ask GET '/v2/app/tags/list?n=x'
    answered 400
    ask GET '/v2/_catalog?n=2&last=app'
    [[ $(jq -c .repositories <<<"$output") == '["team/a","team/c"]' ]] || fail "$output"
    [[ $(header Link) == '</v2/_catalog?n=2&last=team/c>; rel="next"' ]]
}

@test "registry: several tags at once" {
    registry_begin
    push_blob app "$EMPTY"
    artifact >manifest
    digest=sha256:$(sha256sum manifest | cut -d ' ' -f 1)
    ask PUT "/v2/app/manifests/$digest?tag=1&tag=2" -H "Content-Type: $MANIFEST" --data-binary @manifest
    answered 201
    [[ $(header OCI-Tag) == '1, 2' ]]
    ask GET /v2/app/tags/list
    [[ $(jq -c .tags <<<"$output") == '["1","2"]' ]]
}

@test "registry: deleting tags and manifests" {
    registry_begin
    push_blob app "$EMPTY"
    push_manifest app 1 "$(artifact)"
    push_manifest app 2 "$(artifact)"
    ask DELETE /v2/app/manifests/1
    answered 202
    ask DELETE /v2/app/manifests/1
    answered 404 MANIFEST_UNKNOWN
    ask GET /v2/app/manifests/2
    answered 200
    ask DELETE "/v2/app/manifests/$digest"
    answered 202
    ask GET /v2/app/manifests/2
    answered 404
    ask GET "/v2/app/manifests/$digest"
    answered 404
}

@test "registry: referrers" {
    local subject signature list
    registry_begin
    push_blob app "$EMPTY"
    push_manifest app 1 "$(artifact)"
    subject=$digest
    push_manifest app '' "$(artifact '"artifactType":"test/signature"' '"annotations":{"by":"bee"}' \
        "\"subject\":{\"mediaType\":\"$MANIFEST\",\"digest\":\"$subject\",\"size\":1}")"
    answered 201
    [[ $(header OCI-Subject) == "$subject" ]]
    signature=$digest
    push_manifest app '' "{\"schemaVersion\":2,\"mediaType\":\"$INDEX\",\"artifactType\":\"test/list\",\"manifests\":[],\"subject\":{\"mediaType\":\"$MANIFEST\",\"digest\":\"$subject\",\"size\":1}}" "$INDEX"
    answered 201
    list=$digest
    ask GET "/v2/app/referrers/$subject"
    answered 200
    [[ $(header Content-Type) == "$INDEX" && ! $(header OCI-Filters-Applied) ]]
    [[ $(jq -r '[.manifests[].digest] | sort | join(" ")' <<<"$output") == "$(printf '%s\n' "$signature" "$list" | LC_ALL=C sort | paste -sd ' ')" ]]
    ask GET "/v2/app/referrers/$subject?artifactType=test/signature"
    [[ $(header OCI-Filters-Applied) == artifactType ]]
    [[ $(jq -c '.manifests[] | [.digest, .artifactType, .annotations]' <<<"$output") == "[\"$signature\",\"test/signature\",{\"by\":\"bee\"}]" ]] || fail "$output"
    ask GET "/v2/app/referrers/$subject?artifactType=test/none"
    [[ $(jq -c .manifests <<<"$output") == '[]' ]]
    ask GET /v2/app/referrers/nonsense
    answered 400 DIGEST_INVALID
    # Annotations are told as long as there is room; what there is is told anyway.
    local long i
    long=$(printf '%01500000d' 0)
    for i in 1 2 3; do
        push_manifest app '' "$(artifact '"artifactType":"test/long"' "\"annotations\":{\"$i\":\"$long\"}" \
            "\"subject\":{\"mediaType\":\"$MANIFEST\",\"digest\":\"$subject\",\"size\":1}")"
        answered 201
    done
    ask GET "/v2/app/referrers/$subject?artifactType=test/long"
    answered 200
    [[ $(jq -c '[.manifests | length, (map(select(.annotations)) | length)]' <<<"$output") == '[3,1]' ]]
}

# members FROM TO: descriptors of manifests that are not here
members() {
    printf ",{\"mediaType\":\"$MANIFEST\",\"digest\":\"sha256:%064d\",\"size\":1}" $(seq "$1" "$2") | cut -c 2-
}

# list MEMBERS
list() {
    printf '{"schemaVersion":2,"mediaType":"%s","manifests":[%s]}' "$INDEX" "$1"
}

@test "registry: a list is not longer with what its members bring along" {
    local inner
    registry_begin
    push_manifest app few "$(list "$(members 3001 4000)")" "$INDEX"
    answered 201
    inner=$(printf ',{"mediaType":"%s","digest":"%s","size":1}' "$INDEX" "$digest")
    push_manifest app fits "$(list "$(members 1 3000)$inner")" "$INDEX"
    answered 201
    push_manifest app most "$(list "$(members 5001 8500)$inner")" "$INDEX"
    [[ $code == 4?? ]] || fail "$code"
    ask HEAD /v2/app/manifests/most
    answered 404
    # nothing of it is in the way
    registry_end
    try ruche image prune -f
    assert_status 0
    try ruche rmi 0123
    assert_status 1
}

# ---- who may ---- 

@test "registry: read-only" {
    registry_begin
    push_blob app "$EMPTY"
    push_manifest app 1 "$(artifact)"
    registry_end
    registry_begin --read-only
    ask GET /v2/app/manifests/1
    answered 200
    push_manifest app 2 "$(artifact)"
    answered 403 DENIED
    ask POST /v2/app/blobs/uploads/
    answered 403 DENIED
    ask DELETE /v2/app/manifests/1
    answered 403 DENIED
}

@test "registry: TLS and passwords" {
    need_all openssl htpasswd skopeo
    openssl req -newkey rsa:2048 -x509 -sha256 -days 2 -nodes -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 \
        -keyout key.pem -out ca.crt 2>/dev/null
    htpasswd -Bbc users bee 's:e cret' 2>/dev/null
    registry_begin --tls-cert ca.crt --tls-key key.pem --htpasswd users
    [[ $URL == https://* ]]
    ask GET /v2/ --cacert ca.crt
    answered 401 UNAUTHORIZED
    [[ $(header WWW-Authenticate) == 'Basic realm="ruche"'* ]]
    ask GET /v2/ --cacert ca.crt -u bee:wrong
    answered 401
    ask GET /v2/ --cacert ca.crt -u 'bee:s:e cret'
    answered 200
    # A body that nobody wants is not read to its end.
    head -c 20000000 /dev/zero >large
    ask PUT /v2/app/manifests/1 --cacert ca.crt -H 'Expect: 100-continue' -T large
    answered 401
    run curl -sS "$URL/v2/"
    [[ $status != 0 ]]
    run curl -sS --cacert ca.crt --tls-max 1.1 "$URL/v2/"
    [[ $status != 0 ]]

    skopeo copy -q --insecure-policy --dest-cert-dir . --dest-creds 'bee:s:e cret' "oci-archive:${RUCHE%/*}/busybox.tar" "docker://$HOST/app:1"
    run skopeo inspect --cert-dir . --creds bee:wrong "docker://$HOST/app:1"
    [[ $status != 0 ]]
    [[ $(skopeo inspect --cert-dir . --creds 'bee:s:e cret' --format '{{.Name}}' "docker://$HOST/app:1") == "$HOST/app" ]]
    eventually grep -q ' "bee" PUT "/v2/app/manifests/1" 201 ' log || fail "$(<log)"
}

@test "registry: who guesses passwords has to wait" {
    need_all htpasswd
    local i
    htpasswd -Bbc users bee secret 2>/dev/null
    registry_begin --htpasswd users
    ask GET /v2/ -u bee:secret
    answered 200
    for ((i = 0; i < 10; i++)); do
        ask GET /v2/ -u "bee:$i"
        answered 401
    done
    ask GET /v2/ -u bee:11
    answered 429 TOOMANYREQUESTS
    [[ $(header Retry-After) ]]
    # Who is known may go on.
    ask GET /v2/ -u bee:secret
    answered 200
}

@test "registry: its log" {
    registry_begin
    ask GET /v2/ -A $'curl"\033[31m'
    registry_end
    grep -qE '^[0-9T:-]+Z 127\.0\.0\.1 - GET "/v2/" 200 3 [0-9]+us "curl\\"\\x1b\[31m"$' log || fail "$(<log)"
    : >log
    registry_begin --log-format json --read-only
    ask GET /v2/nothing -A $'curl"\033[31m'
    registry_end
    [[ $(jq -r '[.peer, .method, .target, .status] | map(tostring) | join(" ")' log) == '127.0.0.1 GET /v2/nothing 404' ]] || fail "$(<log)"
}

# ---- others' tools ----

@test "registry: skopeo pushes and pulls, and what it pushed runs" {
    need_all skopeo
    registry_begin
    skopeo copy -q --insecure-policy --dest-tls-verify=false "oci-archive:${RUCHE%/*}/busybox.tar" "docker://$HOST/team/app:1"
    skopeo copy -q --insecure-policy --dest-tls-verify=false --format v2s2 "oci-archive:${RUCHE%/*}/busybox.tar" "docker://$HOST/docker:2"
    try ruche run --rm team/app:1 echo hello
    assert_status 0
    assert_output hello
    try ruche run --rm docker:2 echo hello
    assert_output hello
    [[ $(skopeo inspect --tls-verify=false --raw "docker://$HOST/docker:2" | jq -r .mediaType) == *docker.distribution.manifest.v2+json ]]
    skopeo copy -q --insecure-policy --src-tls-verify=false "docker://$HOST/team/app:1" "oci:pulled:app"
    [[ $(skopeo inspect --format '{{.Digest}}' oci:pulled:app) == "$(skopeo inspect --format '{{.Digest}}' "oci:$ROOT/oci:docker.io/team/app:1")" ]]
    [[ $(skopeo list-tags --tls-verify=false "docker://$HOST/team/app" | jq -c .Tags) == '["1"]' ]]
    skopeo delete --tls-verify=false "docker://$HOST/team/app:1"
    run skopeo inspect --tls-verify=false "docker://$HOST/team/app:1"
    [[ $status != 0 ]]
    is_empty "$ROOT/loose"
}

@test "registry: images that were loaded are served" {
    need_all skopeo
    ruche load -qi "${RUCHE%/*}/busybox.tar"
    ruche tag busybox quay.io/team/bee:1
    registry_begin
    ask GET /v2/_catalog
    [[ $(jq -c .repositories <<<"$output") == '["busybox","quay.io/team/bee"]' ]] || fail "$output"
    [[ $(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$HOST/library/busybox") == \
        "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$HOST/quay.io/team/bee:1")" ]]
    skopeo copy -q --insecure-policy --src-tls-verify=false "docker://$HOST/busybox" dir:pulled
}

@test "registry: a list of several platforms" {
    need_all skopeo
    local platform layers
    mkdir list list/blobs list/blobs/sha256
    # Two images of one layer each, and an index of both.
    mkdir rootfs
    echo hello >rootfs/file
    make_tar layer.tar rootfs
    make_layout list one '{"Cmd":["one"]}' layer.tar
    layers=$(jq -c '.manifests[0]' list/index.json)
    make_layout list two '{"Cmd":["two"]}' layer.tar
    layers+=,$(jq -c '.manifests[0]' list/index.json)
    platform='{"architecture":"amd64","os":"linux"}'
    jq -c --argjson p "$platform" '{schemaVersion:2,mediaType:"application/vnd.oci.image.index.v1+json",manifests:map(del(.annotations)|.platform=$p)}' <<<"[$layers]" >index
    digest=$(sha256sum index | cut -d ' ' -f 1)
    cp index "list/blobs/sha256/$digest"
    jq -c --arg d "sha256:$digest" --argjson s "$(stat -c %s index)" \
        '{schemaVersion:2,manifests:[{mediaType:"application/vnd.oci.image.index.v1+json",digest:$d,size:$s,annotations:{"org.opencontainers.image.ref.name":"all"}}]}' <<<'{}' >list/index.json
    registry_begin
    skopeo copy -q --insecure-policy --all --preserve-digests --dest-tls-verify=false oci:list:all "docker://$HOST/app:all"
    ask GET /v2/app/manifests/all -H "Accept: $INDEX"
    answered 200
    cmp body index
    skopeo copy -q --insecure-policy --all --src-tls-verify=false "docker://$HOST/app:all" oci:pulled:all
    [[ $(find pulled/blobs -type f | wc -l) == 6 ]]
}

@test "registry: ruche pushes and pulls" {
    [[ -x ${RUCHE%/*}/ruche-remote ]] || skip "it was built without the registry client"
    local server
    registry_begin
    server=$ROOT
    ROOT=$BATS_TEST_TMPDIR/client
    ruche load -qi "${RUCHE%/*}/busybox.tar"
    ruche tag busybox "$HOST/team/app:1"
    ruche push -q --tls-verify=false "$HOST/team/app:1"
    ruche rmi -f busybox "$HOST/team/app:1"
    ruche pull -q --tls-verify=false "$HOST/team/app:1"
    try ruche run --rm "$HOST/team/app:1" echo hello
    assert_output hello
    [[ $(ruche image tags --tls-verify=false "$HOST/team/app") == 1 ]]
    ROOT=$server
    try ruche run --rm team/app:1 echo hello
    assert_output hello
    try ruche system check
    assert_status 0
}

@test "registry: podman and buildah push and pull" {
    need_root
    need_all podman buildah
    local container storage=(--root "$PWD/podman" --runroot "$PWD/podman.run" --storage-driver vfs)
    registry_begin
    podman "${storage[@]}" load -qi "${RUCHE%/*}/busybox.tar" >/dev/null
    podman "${storage[@]}" push -q --tls-verify=false busybox "$HOST/by/podman:1"
    podman "${storage[@]}" rmi -f busybox >/dev/null
    podman "${storage[@]}" pull -q --tls-verify=false "$HOST/by/podman:1"
    podman "${storage[@]}" rmi -fa >/dev/null
    container=$(buildah --root "$PWD/buildah" --runroot "$PWD/buildah.run" --storage-driver vfs from scratch)
    buildah --root "$PWD/buildah" --runroot "$PWD/buildah.run" --storage-driver vfs commit -q --tls-verify=false "$container" "docker://$HOST/by/buildah:1"
    buildah --root "$PWD/buildah" --runroot "$PWD/buildah.run" --storage-driver vfs rm "$container" >/dev/null
    ask GET /v2/_catalog
    [[ $(jq -c .repositories <<<"$output") == '["by/buildah","by/podman"]' ]]
    try ruche run --rm by/podman:1 echo hello
    assert_output hello
}

# ---- faults and loads ----

# has_bytes FILE N: so many or more
has_bytes() {
    (($(stat -c %s "$1" 2>/dev/null || echo 0) >= $2))
}

@test "registry: killed in the middle of an upload, and gone on with" {
    local path sum
    registry_begin
    head -c 1000000 /dev/urandom >random
    sum=sha256:$(sha256sum random | cut -d ' ' -f 1)
    ask POST /v2/app/blobs/uploads/
    path=$(header Location)
    curl -sS --limit-rate 20k -X PATCH --data-binary @random "$URL$path" >/dev/null 2>&1 3>&- &
    eventually has_bytes "$ROOT/loose/upload-${path##*/}" 2
    registry_kill
    wait "$!" || true
    # The store is what it was,
    run ruche images -q
    assert_output ''
    [[ $(ls "$ROOT/loose") == "upload-${path##*/}" ]]
    # and the client goes on from where it was.
    registry_begin
    ask GET "$path"
    answered 204
    local from
    from=$(header Range)
    from=$((${from#0-} + 1))
    ((from > 1 && from < 1000000)) || fail "it has $from bytes"
    tail -c "+$((from + 1))" random >rest
    ask PUT "$path?digest=$sum" -H "Content-Range: $from-999999" --data-binary @rest
    answered 201
    curl -sS "$URL/v2/app/blobs/$sum" | cmp - random
    try ruche system check
    assert_status 0
}

@test "registry: a disk that is full" {
    need_root
    unshare -m true 2>/dev/null || skip "no mount namespace can be made"
    mkdir "$ROOT"
    head -c 8000000 /dev/urandom >random
    digest=sha256:$(sha256sum random | cut -d ' ' -f 1)
    unshare -m --propagation private bash -c 'mount -t tmpfs -o size=4m tmpfs "$ROOT" && exec "$RUCHE" --root "$ROOT" --run "$RUN" \
        registry serve --listen 127.0.0.1:0' >served 2>log </dev/null 3>&- 4>&- &
    SERVER=$!
    eventually test -s served
    URL=$(sed -n 's/^ruche registry: listening on //p' served)
    ask POST "/v2/app/blobs/uploads/?digest=$digest" --data-binary @random
    answered 507 DENIED
    ask POST /v2/app/blobs/uploads/
    ask PATCH "$(header Location)" --data-binary @random
    answered 507 DENIED
    # There is room for what is smaller.
    push_blob app "$EMPTY"
    push_manifest app 1 "$(artifact)"
    answered 201
    is_empty "/proc/$SERVER/root/$ROOT/loose"
}

@test "registry: requests that are too large" {
    registry_begin
    printf 'X-Large: %0100000d\n' 0 >large
    ask GET /v2/ -H @large
    answered 431
    ask GET "/v2/$(printf '%0100000d' 0)/tags/list"
    [[ $code == 414 || $code == 431 ]] || fail "$code"
    ask POST "/v2/app/blobs/uploads/" -H 'Content-Length: 99999999999999'
    answered 413 SIZE_INVALID
    ask GET /v2/
    answered 200
}

@test "registry: what was not gone on with is removed after a day" {
    local path
    registry_begin
    ask POST /v2/app/blobs/uploads/
    path=$(header Location)
    push_blob app hello
    registry_end
    touch -d '25 hours ago' "$ROOT"/loose/*
    registry_begin
    eventually is_empty "$ROOT/loose"
    ask GET "$path"
    answered 404 BLOB_UPLOAD_UNKNOWN
}

@test "registry: what is under way when it is told to end is finished" {
    local size
    registry_begin
    head -c 3000000 /dev/urandom >random
    push_blob app "$EMPTY"
    digest=sha256:$(sha256sum random | cut -d ' ' -f 1)
    ask POST "/v2/app/blobs/uploads/?digest=$digest" --data-binary @random
    answered 201
    curl -sS --limit-rate 1M -o slow "$URL/v2/app/blobs/$digest" 3>&- &
    eventually test -s slow
    registry_end
    wait "$!"
    cmp slow random
}

@test "registry: twenty pull at once" {
    need_all skopeo
    local i pids=()
    head -c 5000000 /dev/urandom >random
    mkdir rootfs
    mv random rootfs
    make_tar layer.tar rootfs
    make_layout layout app '{}' layer.tar
    registry_begin
    skopeo copy -q --insecure-policy --dest-tls-verify=false oci:layout:app "docker://$HOST/app"
    for ((i = 0; i < 20; i++)); do
        skopeo copy -q --insecure-policy --src-tls-verify=false "docker://$HOST/app" "dir:pulled-$i" 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do
        wait "$i"
    done
    for ((i = 1; i < 20; i++)); do
        diff -r pulled-0 "pulled-$i"
    done
}

@test "registry: those who wait keep nobody waiting" {
    need_all python3
    registry_begin
    python3 -c '
import socket, sys, time
host, port = sys.argv[1].rsplit(":", 1)
held = []
for i in range(200):
    s = socket.create_connection((host, int(port)))
    s.sendall(b"GET /v2/ HTTP/1.1\r\nHost: x\r\n")
    held.append(s)
print("held", flush=True)
time.sleep(10000)' "$HOST" >held 3>&- &
    local holder=$!
    eventually grep -q held held
    ask GET /v2/
    answered 200
    kill "$holder"
    wait "$holder" || true
}

@test "registry: an ordinary user serves" {
    need_root
    need_all setpriv
    unshare -m true 2>/dev/null || skip "no mount namespace can be made"
    mkdir bee
    cp "${RUCHE%/*}"/ruche "${RUCHE%/*}"/ruche-registry bee
    chown 65534:65534 bee
    # The directories above are for root only.
    unshare -m --propagation private bash -c 'mount --bind bee /mnt && cd /mnt &&
        exec setpriv --reuid 65534 --regid 65534 --clear-groups ./ruche --root /mnt/root --run /mnt/run registry serve --listen 127.0.0.1:0' \
        >served 2>log </dev/null 3>&- 4>&- &
    SERVER=$!
    eventually test -s served
    URL=$(sed -n 's/^ruche registry: listening on //p' served)
    push_blob app "$EMPTY"
    push_manifest app 1 "$(artifact)"
    answered 201
    [[ $(stat -c %u bee/root/oci/index.json) == 65534 ]]
}
