# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Daemons of others, each in a machine of engines.bash: started in one way, and not asked before they answer. A file that has
# one loads `daemons`, starts it in setup_file, and ends it with its machine in teardown_file.

load engines

# daemon_start NAME LOG MACHINE COMMAND... -- CHECK...: in the background of the machine, until the check succeeds. One that has
# ended, or does not get that far in two minutes, does not work here: that is noted.
daemon_start() {
    local name=$1 log=$2 machine=$3 command=() process end=$((SECONDS + 120))
    shift 3
    while [[ $1 != -- ]]; do
        command+=("$1")
        shift
    done
    shift
    machine_daemon "$machine" "$log" "${command[@]}"
    process=$!
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS >= end)) || ! kill -0 "$process" 2>/dev/null; then
            unavailable "$name does not work here: $(tail -n 1 "$log")"
            return 1
        fi
        sleep 0.1
    done
}

# ---- Docker ----

# docker_of DIRECTORY COMMAND...: the client of the daemon that has this directory
docker_of() {
    local directory=$1
    shift
    DOCKER_CONFIG=$BATS_FILE_TMPDIR/client command "${DOCKER:-docker}" -H "unix://$directory/sock" "$@"
}

# docker_start MACHINE DIRECTORY [OPTION...]: a daemon in the machine with all it has in the directory, ruche-runtime its default
docker_start() {
    local machine=$1 directory=$2
    shift 2
    mkdir -p "$directory/bin" "$BATS_FILE_TMPDIR/client"
    # What the daemon's BuildKit executes is `runc` of the PATH, whatever the default runtime is.
    ln -sf "$RUNTIME" "$directory/bin/runc"
    echo '{}' >"$directory/none.json"
    daemon_start dockerd "$directory/dockerd.log" "$machine" \
        env PATH="$directory/bin:$PATH:/usr/sbin" dockerd --config-file "$directory/none.json" \
        --data-root "$directory/data" --exec-root "$directory/exec" --pidfile "$directory/docker.pid" -H "unix://$directory/sock" \
        --group root --iptables=false --ip6tables=false --ip-masq=false --cgroup-parent "/$GROUPS_TOP" \
        --add-runtime "ruche=$RUNTIME" --default-runtime ruche "$@" -- docker_of "$directory" version
}

# docker_import DIRECTORY: the built-in image as the daemon's `bee`
docker_import() {
    layer_make "$1/layer.tar" && docker_of "$1" import -c 'CMD ["sh"]' "$1/layer.tar" bee >/dev/null && rm "$1/layer.tar"
}

# docker_begin [OPTION...]: for setup_file: one daemon for the file, whose client is `docker`, with the image `bee`
docker_begin() {
    engine_needs dockerd containerd docker && machine_open && docker_start machine "$BATS_FILE_TMPDIR" "$@" &&
        docker_import "$BATS_FILE_TMPDIR"
}

docker() {
    docker_of "$BATS_FILE_TMPDIR" "$@"
}

# For teardown: of what a test had run nothing is there, no shim, no group, no state of the runtime.
docker_ends_well() {
    ends_well "$BATS_FILE_TMPDIR/exec/runtime-runc" 'containerd-shim-runc-v2 ruche-runtime'
}

# For teardown_file.
docker_closes_well() {
    closes_well 'containerd-shim-runc-v2 ruche-runtime'
}

# ---- containerd ----

# ctr_of MACHINE DIRECTORY COMMAND...: the client in the machine: the streams are pipes of its /run. A container's group is
# below its namespace's name.
ctr_of() {
    machine_in "$1" ctr --address "$2/sock" --namespace "$GROUPS_TOP" "${@:3}"
}

# containerd_start MACHINE DIRECTORY: without Kubernetes' part
containerd_start() {
    local machine=$1 directory=$2
    printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n' >"$directory/config.toml"
    daemon_start containerd "$directory/containerd.log" "$machine" env PATH="$PATH:/usr/sbin" containerd --config "$directory/config.toml" \
        --root "$directory/root" --state "$directory/state" --address "$directory/sock" --log-level warn -- ctr_of "$machine" "$directory" version
}

# ---- Docker's registry ----

machine_listens() {
    machine_in "$1" bash -c "exec 3<>/dev/tcp/127.0.0.1/$2"
}

# docker_registry_start MACHINE DIRECTORY PORT: on the machine's loopback
docker_registry_start() {
    {
        printf 'version: 0.1\nlog: {level: error}\n'
        printf 'storage: {filesystem: {rootdirectory: "%s"}}\nhttp: {addr: "127.0.0.1:%d"}\n' "$2/registry" "$3"
    } >"$2/registry.yml"
    daemon_start docker-registry "$2/registry.log" "$1" docker-registry serve "$2/registry.yml" -- machine_listens "$1" "$3"
}
