#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets stderr, has each test in a shell of its own, and ends at a cd that fails
#
# Signatures in cosign's form, made by ruche and by hand with openssl; and policy.json at pull and at run.

load registry

setup_file() {
    need_all openssl skopeo docker-registry jq curl
    cd "$BATS_FILE_TMPDIR"
    openssl genpkey -algorithm ed25519 -out bee.pem 2>/dev/null
    openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out wasp.pem
    openssl pkcs8 -topk8 -v2 aes256 -passout pass:honey -in wasp.pem -out sealed.pem
    local key
    for key in bee wasp; do
        openssl pkey -in $key.pem -pubout -out $key.pub
    done
    echo honey >passphrase
    registry_start hive
}

teardown_file() {
    registry_stop hive
}

setup() {
    common_setup
    cd "$BATS_TEST_TMPDIR"
    KEYS=$BATS_FILE_TMPDIR
    APP=$(registry hive)/$(random_name)
    export HOME=$BATS_TEST_TMPDIR/home
    unset XDG_CONFIG_HOME
    mkdir -p "$HOME/.config/containers"
}

# policy JSON: the user's; %KEYS% stands for the keys' directory
policy() {
    echo "${1//%KEYS%/$KEYS}" >"$HOME/.config/containers/policy.json"
}

# Whatever is signed by the key NAME in the registry, and nothing else.
policy_signed() {
    policy '{"default":[{"type":"reject"}],"transports":{"docker":{"'"$(registry hive)"'":[
        {"type":"sigstoreSigned","keyPath":"%KEYS%/'"$1"'.pub"}]}}}'
}

# app TAG: an image by the name $APP:TAG
app() {
    ruche run --rm --network none busybox true
    ruche tag busybox "$APP:$1"
}

# Its image is signed by the key NAME and in the registry.
app_signed() {
    app "$1"
    ruche image sign --key "$KEYS/$2.pem" "$APP:$1"
    ruche push -q --tls-verify=false "$APP:$1"
}

# What was here is forgotten.
forget() {
    ruche rmi -f "$(ruche images -q | head -n 1)" >/dev/null
    ruche image prune -af >/dev/null
}

@test "an image is signed and verified, by either kind of key" {
    app 1
    try ruche image verify --key "$KEYS/bee.pub" "$APP:1"
    assert_status 125
    ruche image sign --key "$KEYS/bee.pem" "$APP:1"
    try ruche image verify --key "$KEYS/bee.pub" "$APP:1"
    assert_status 0
    assert_match "*signed by the key*$APP:1*"
    try ruche image verify --key "$KEYS/wasp.pub" "$APP:1"
    assert_error 125 '*was not made with this key*'
    # One more signature, and the first is as good as before.
    ruche image sign --key "$KEYS/sealed.pem" --passphrase-file "$KEYS/passphrase" "$APP:1"
    ruche image verify --key "$KEYS/wasp.pub" "$APP:1"
    ruche image verify --key "$KEYS/bee.pub" "$APP:1"
}

@test "several sign at once, and none is lost" {
    local i pids=() pid
    app 1
    for i in 1 2 3 4 5 6; do
        openssl ecparam -name prime256v1 -genkey -noout -out "$i.pem"
        openssl pkey -in "$i.pem" -pubout -out "$i.pub"
    done
    for i in 1 2 3 4 5 6; do
        "$RUCHE" --root "$ROOT" --run "$RUN" image sign --key "$i.pem" "$APP:1" 3>&- 4>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
    for i in 1 2 3 4 5 6; do
        ruche image verify --key "$i.pub" "$APP:1"
    done
}

@test "push -a pushes no signature as if it were an image" {
    app 1
    ruche image sign --key "$KEYS/bee.pem" "$APP:1"
    run ruche push -q -a --tls-verify=false "$APP"
    assert_status 0
    assert_output "$APP:1"
    [[ $(ruche image tags --tls-verify=false "$APP") == *.sig* ]] # it went with its image
    forget
    ruche image verify --tls-verify=false --key "$KEYS/bee.pub" "$APP:1"
}

@test "signing needs a key, and an image by its name" {
    app 1
    try ruche image sign "$APP:1"
    assert_error 125 '*--key*'
    try ruche image sign --key no-such "$APP:1"
    assert_error 125 '*no-such*'
    echo nonsense >nonsense
    try ruche image sign --key nonsense "$APP:1"
    assert_error 125 '*nonsense*no private key*'
    try ruche image sign --key "$KEYS/sealed.pem" "$APP:1"
    assert_error 125 '*passphrase*'
    try ruche image sign --key "$KEYS/bee.pem" "$APP:2"
    assert_error 125 '*no image*'
    try ruche image sign --key "$KEYS/bee.pem" "$(ruche images -q | head -n 1)"
    assert_error 125 '*is an id*'
    try ruche image verify --key "$KEYS/bee.pem" "$APP:1"
    assert_status 125
}

@test "a signature goes with its image, and is seen in the registry" {
    app_signed 1 bee
    forget
    try ruche image verify --tls-verify=false --key "$KEYS/bee.pub" "$APP:1"
    assert_status 0
    try ruche image verify --tls-verify=false --key "$KEYS/wasp.pub" "$APP:1"
    assert_error 125 '*was not made with this key*'
    [[ -z $(ruche images -q) ]] || fail 'verifying has stored an image'
}

# openssl_verifies KEY PAYLOAD SIGNATURE: whether the files belong together, as cosign would look at it
openssl_verifies() {
    case $1 in
    *bee*) openssl pkeyutl -verify -pubin -inkey "$1" -rawin -in "$2" -sigfile "$3" ;;
    *) openssl dgst -sha256 -verify "$1" -signature "$3" "$2" ;;
    esac
}

@test "in the registry signatures are what cosign's specification says" {
    local key url manifest digest
    for key in bee wasp; do
        app_signed $key $key
        url=http://$(registry hive)/v2/${APP#*/}
        digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$APP:$key")
        manifest=$(curl -fsS -H 'Accept: application/vnd.oci.image.manifest.v1+json' "$url/manifests/sha256-${digest#*:}.sig")
        [[ $(jq -r '.config.mediaType' <<<"$manifest") == application/vnd.oci.image.config.v1+json ]]
        [[ $(jq -r '.layers[-1].mediaType' <<<"$manifest") == application/vnd.dev.cosign.simplesigning.v1+json ]]
        jq -r '.layers[-1].annotations."dev.cosignproject.cosign/signature"' <<<"$manifest" | base64 -d >signature
        curl -fsS "$url/blobs/$(jq -r '.layers[-1].digest' <<<"$manifest")" >payload
        openssl_verifies "$KEYS/$key.pub" payload signature
        [[ $(jq -r '.critical.type' payload) == 'cosign container image signature' ]]
        [[ $(jq -r '.critical.image."docker-manifest-digest"' payload) == "$digest" ]]
        [[ $(jq -r '.critical.identity."docker-reference"' payload) == "$APP:$key" ]]
    done
}

# cosign_signs KEY DIGEST: an artifact as cosign makes it, in the registry
cosign_signs() {
    local descriptor
    printf '{"critical":{"identity":{"docker-reference":"%s"},"image":{"docker-manifest-digest":"%s"},"type":"cosign container image signature"},"optional":null}' \
        "$APP" "$2" >payload
    openssl dgst -sha256 -sign "$1" -out signature payload
    make_layout layout sig '{}' payload
    # The same once more, with the media type and the signature.
    descriptor=$(jq -c --arg signature "$(base64 -w 0 signature)" '.layers[0].mediaType = "application/vnd.dev.cosign.simplesigning.v1+json"
        | .layers[0].annotations = {"dev.cosignproject.cosign/signature": $signature}' \
        "layout/blobs/sha256/$(jq -r '.manifests[0].digest[7:]' layout/index.json)")
    printf '%s' "$descriptor" >manifest
    descriptor=$(put_blob layout manifest manifest.v1+json)
    printf '{"schemaVersion":2,"manifests":[%s,"annotations":{"org.opencontainers.image.ref.name":"sig"}}]}' "${descriptor%\}}" \
        >layout/index.json
    skopeo --insecure-policy copy -q --dest-tls-verify=false --preserve-digests oci:layout:sig "docker://$APP:sha256-${2#*:}.sig"
}

@test "ruche takes what was signed as cosign does" {
    app 1
    ruche push -q --tls-verify=false "$APP:1"
    cosign_signs "$KEYS/wasp.pem" "$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$APP:1")"
    forget
    try ruche image verify --tls-verify=false --key "$KEYS/wasp.pub" "$APP:1"
    assert_status 0
    # cosign names the repository alone.
    policy '{"default":[{"type":"reject"}],"transports":{"docker":{"'"$(registry hive)"'":[{"type":"sigstoreSigned",
        "keyPath":"%KEYS%/wasp.pub","signedIdentity":{"type":"matchRepository"}}]}}}'
    ruche pull -q --tls-verify=false "$APP:1"
    policy_signed wasp
    try ruche pull -q --tls-verify=false "$APP:1"
    assert_error 125 '*refused by*another name*'
    policy_signed bee
    try ruche pull -q --tls-verify=false "$APP:1"
    assert_error 125 '*refused by*was not made with this key*'
}

@test "a policy that rejects is heard before anything is asked" {
    policy '{"default":[{"type":"reject"}]}'
    try ruche pull nowhere.invalid/app
    assert_refused '*rejected by the policy*policy.json*'
    policy '{"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{"nowhere.invalid":[{"type":"reject"}]}}}'
    try ruche pull nowhere.invalid/app
    assert_refused '*rejected by the policy*'
    policy '{"default":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"/k"}]}'
    try ruche pull nowhere.invalid/app
    assert_refused '*not supported*'
    policy '{"default":[{"type":"nonsense"}]}'
    try ruche pull nowhere.invalid/app
    assert_refused '*policy.json*nonsense*'
}

@test "an alias does not make a name of another scope of it" {
    local digest
    app 1
    digest=$(ruche image inspect --format '{{index .RepoDigests 0}}' "$APP:1")
    printf '[aliases]\n"shorty" = "%s"\n' "$APP" >"$HOME/.config/containers/registries.conf"
    policy '{"default":[{"type":"reject"}],"transports":{"docker":{"docker.io/library":[{"type":"insecureAcceptAnything"}]}}}'
    local name
    for name in "$APP:1" "$APP@${digest##*@}" shorty:1 "shorty@${digest##*@}"; do
        ruche rmi busybox >/dev/null 2>&1 || true
        try ruche run --rm --network none --pull never "$name" true
        assert_error 125 '*rejected by the policy*'
    done
}

@test "what is rejected is not looked for elsewhere" {
    local here
    here=$(registry hive)
    app 1
    ruche push -q --tls-verify=false "$APP:1"
    ruche rmi "$APP:1" >/dev/null
    printf 'unqualified-search-registries = ["%s", "localhost:%s"]\nshort-name-mode = "permissive"\n' "$here" "${here##*:}" \
        >"$HOME/.config/containers/registries.conf"
    policy_signed bee
    sed -i 's/"reject"/"insecureAcceptAnything"/' "$HOME/.config/containers/policy.json"
    ruche pull -q --tls-verify=false "localhost:${here##*:}/${APP##*/}:1"
    ruche rmi "localhost:${here##*:}/${APP##*/}:1" >/dev/null
    try ruche pull -q --tls-verify=false "${APP##*/}:1"
    assert_error 125 "*$APP:1*"
    [[ $stderr != *localhost* ]] || fail "$stderr"
}

@test "an image without a name is the default's" {
    local id
    app 1
    id=$(ruche images -q --no-trunc | head -n 1)
    ruche untag "$APP:1"
    policy '{"default":[{"type":"insecureAcceptAnything"}]}'
    ruche run --rm --network none "${id#sha256:}" true
    policy '{"default":[{"type":"reject"}],"transports":{"docker":{"docker.io":[{"type":"insecureAcceptAnything"}]}}}'
    try ruche run --rm --network none "${id#sha256:}" true
    assert_error 125 '*without a name is rejected*'
}

@test "what has to be signed is pulled and run only if it is" {
    app_signed good bee
    app unsigned
    ruche pull -q busybox >/dev/null 2>&1 || true
    forget
    policy_signed bee
    try ruche pull -q --tls-verify=false "$APP:good"
    assert_status 0
    ruche run --rm --network none "$APP:good" true
    # Without the registry, too: the signature is here.
    try ruche image verify --key "$KEYS/bee.pub" "$APP:good"
    assert_status 0
    policy_signed wasp
    try ruche run --rm --network none "$APP:good" true
    assert_error 125 '*refused by*'
    try ruche pull -q --tls-verify=false "$APP:good"
    assert_error 125 '*refused by*was not made with this key*'
}

@test "an image without a signature is refused, and nothing of it stays" {
    app 1
    ruche push -q --tls-verify=false "$APP:1"
    forget
    # The same manifest may have been signed by another test: this one is of its own.
    policy_signed bee
    mkdir rootfs
    head -c 100 /dev/urandom >rootfs/random
    tar -cf layer.tar -C rootfs .
    make_layout layout app '{}' layer.tar
    skopeo --insecure-policy copy -q --dest-tls-verify=false oci:layout:app "docker://$APP:own"
    try ruche pull -q --tls-verify=false "$APP:own"
    assert_refused '*not signed*'
}

@test "a good signature is none for another image of the same name" {
    app_signed 1 bee
    mkdir rootfs
    head -c 100 /dev/urandom >rootfs/random
    tar -cf layer.tar -C rootfs .
    make_layout layout app '{}' layer.tar
    skopeo --insecure-policy copy -q --dest-tls-verify=false oci:layout:app "docker://$APP:1"
    # And its signature under the other's tag, as who has the registry could put it there.
    local old new
    old=$(ruche image inspect --format '{{index .RepoDigests 0}}' "$APP:1")
    old=${old##*:}
    new=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$APP:1")
    skopeo --insecure-policy copy -q --src-tls-verify=false --dest-tls-verify=false \
        "docker://$APP:sha256-$old.sig" "docker://$APP:sha256-${new#sha256:}.sig"
    forget
    policy_signed bee
    try ruche pull -q --tls-verify=false "$APP:1"
    assert_refused '*is for another image*'
}
