#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2153,SC2164 # what is in single quotes is for other shells; bats ends at a cd that fails
#
# A swarm of two nodes, each a daemon of Docker in a machine of its own, with ruche-runtime as its default runtime. A virtual cable
# joins them. Services have no virtual address (dnsrr), for which a kernel would need ip_vs.

load daemons

setup_file() {
    engine_file swarm_begin
}

swarm_begin() {
    engine_needs dockerd containerd docker ip && machine_open queen && machine_open drone || return 1
    nsenter --target "$(machine_pid queen)" --net ip link add cable type veth peer name cable netns "$(machine_pid drone)" ||
        unavailable "no virtual cable can be made here" || return 1
    node_begin queen 192.168.83.1 && node_begin drone 192.168.83.2 || return 1
    queen swarm init --advertise-addr 192.168.83.1 --listen-addr 192.168.83.1:2377 --default-addr-pool 10.84.0.0/16 >/dev/null ||
        return 1
    drone swarm join --advertise-addr 192.168.83.2 --listen-addr 192.168.83.2:2377 --token "$(queen swarm join-token -q worker)" \
        192.168.83.1:2377 >/dev/null
}

# node_begin NAME ADDRESS
node_begin() {
    machine_in "$1" ip address add "$2/24" dev cable && machine_in "$1" ip link set cable up &&
        docker_start "$1" "$BATS_FILE_TMPDIR/$1" && docker_import "$BATS_FILE_TMPDIR/$1"
}

teardown_file() {
    docker_closes_well
}

setup() {
    engine_setup
    settles nodes_are 'drone Ready ;queen Ready Leader;'
}

teardown() {
    [[ ! -e $BATS_FILE_TMPDIR/unavailable ]] || return 0
    local services machine result=0
    services=$(queen service ls -q)
    # shellcheck disable=SC2086 # ids have no blanks
    [[ -z $services ]] || queen service rm $services >/dev/null
    for machine in $(machines); do
        settles no_containers "$machine" || result=1
        machine_is_clean "$machine" "$BATS_FILE_TMPDIR/$machine/exec/runtime-runc" 'containerd-shim-runc-v2 ruche-runtime' || result=1
    done
    eventually no_groups_below || fail "groups are left:" "$(groups_below)" || result=1
    return "$result"
}

queen() {
    docker_of "$BATS_FILE_TMPDIR/queen" "$@"
}

drone() {
    docker_of "$BATS_FILE_TMPDIR/drone" "$@"
}

no_containers() {
    [[ -z $("$1" ps -aq) ]]
}

# serve [OPTION...] -- COMMAND...: the test's service
serve() {
    local options=()
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    shift
    queen service create -d --name "$NAME" --endpoint-mode dnsrr --no-resolve-image --stop-signal KILL --restart-delay 0s "${options[@]}" \
        bee "$@" >/dev/null
}

# On which nodes its tasks run, a line each.
running() {
    queen service ps --filter desired-state=running --format '{{.Node}} {{.CurrentState}}' "$NAME" | sed -n 's/ Running.*//p' | sort
}

# runs N: so many run, and no others are there
runs() {
    [[ $(running | wc -l) == "$1" ]] && (($(queen ps -q | wc -l) + $(drone ps -q | wc -l) == $1))
}

# Longer than usual: the managers take their time.
settles() {
    eventually "$@" || eventually "$@" || eventually "$@"
}

nodes_are() {
    [[ $(queen node ls --format '{{.Hostname}} {{.Status}} {{.ManagerStatus}}' | sort | tr '\n' ';') == "$1" ]]
}

@test "swarm: two nodes are ready" {
    [[ $(queen info -f '{{.DefaultRuntime}}') == ruche && $(drone info -f '{{.DefaultRuntime}}') == ruche ]]
}

@test "swarm: four replicas on both nodes, scaled up and down" {
    serve --replicas 4 -- sleep 10000
    settles runs 4
    [[ $(running | uniq | tr '\n' ' ') == 'drone queen ' ]] || fail "$(running)"
    [[ $(queen ps -q | xargs -I@ "${DOCKER:-docker}" -H "unix://$BATS_FILE_TMPDIR/queen/sock" inspect -f '{{.HostConfig.Runtime}}' @ | sort -u) == ruche ]]
    queen service scale -d "$NAME=6" >/dev/null
    settles runs 6
    queen service scale -d "$NAME=2" >/dev/null
    settles runs 2
}

@test "swarm: an update rolls over all tasks" {
    local ids
    serve --replicas 4 --env VERSION=1 --update-parallelism 2 --update-monitor 500ms --update-order start-first -- sleep 10000
    settles runs 4
    ids=$(queen ps -q; drone ps -q)
    queen service update -d --env-add VERSION=2 "$NAME" >/dev/null
    updated() {
        [[ $(queen service inspect -f '{{.UpdateStatus.State}}' "$NAME") == completed ]] && runs 4
    }
    settles updated
    [[ $(for id in $(queen ps -q); do queen exec "$id" sh -c 'echo $VERSION'; done | sort -u) == 2 ]]
    [[ $(for id in $(drone ps -q); do drone exec "$id" sh -c 'echo $VERSION'; done | sort -u) == 2 ]]
    ! queen ps -q | grep -qF "$ids" || fail "an old task runs"
}

@test "swarm: a task that ends is replaced, one that was killed too" {
    local id
    serve --replicas 2 -- sleep 10000
    settles runs 2
    id=$(drone ps -q)
    drone kill "$id" >/dev/null
    replaced() {
        runs 2 && [[ $(drone ps -q) != "$id" || $(queen ps -q | wc -l) == 2 ]]
    }
    settles replaced
    [[ $(queen service ps --format '{{.CurrentState}}' "$NAME" | grep -c '^Failed') == 1 ]]
}

@test "swarm: limits, secrets, configurations, users reach the task" {
    echo honey | queen secret create "$NAME-secret" - >/dev/null
    echo wax | queen secret create "$NAME-mine" - >/dev/null
    echo comb | queen config create "$NAME-config" - >/dev/null
    serve --replicas 1 --secret "source=$NAME-secret,target=secret,mode=0400" --config "source=$NAME-config,target=/config" --limit-memory 32m --limit-pids 50 \
        --hostname cell --user 33 --read-only --mount type=tmpfs,target=/tmp --mount type=volume,target=/data --init \
        --secret "source=$NAME-mine,target=mine,uid=33,mode=0400" -- \
        sh -c "id -u; hostname; cat /config /run/secrets/mine; cat /run/secrets/secret 2>/dev/null || echo no; $MEMORY_LIMIT; $PIDS_LIMIT; sleep 10000"
    said() {
        [[ $(queen service logs --raw "$NAME" 2>&1) == $'33\ncell\ncomb\nwax\nno\n'$((32 << 20))$'\n50' ]]
    }
    settles said || fail "$(queen service logs --raw "$NAME" 2>&1)"
    queen service rm "$NAME" >/dev/null
    queen secret rm "$NAME-secret" "$NAME-mine" >/dev/null
    queen config rm "$NAME-config" >/dev/null
}

@test "swarm: a published port of each node" {
    machine_in queen sh -c 'command -v docker-proxy || ls /usr/sbin/docker-proxy /usr/libexec/docker/docker-proxy' >/dev/null 2>&1 || skip "there is no docker-proxy"
    serve --mode global --publish mode=host,target=80,published=8083 -- sh -c 'mkdir /tmp/www && hostname >/tmp/www/index.html && exec httpd -f -p 80 -h /tmp/www'
    answers() {
        local one other
        one=$(machine_in queen busybox wget -qO- http://192.168.83.1:8083/) && other=$(machine_in queen busybox wget -qO- http://192.168.83.2:8083/) &&
            [[ $one && $other && $one != "$other" ]]
    }
    settles answers
}

@test "swarm: tasks of a network that spans both nodes reach each other by name" {
    queen network create -d overlay --attachable "$NAME" >/dev/null || skip "no overlay network can be made here"
    serve --replicas 2 --network "$NAME" -- sh -c 'mkdir /tmp/www && hostname >/tmp/www/index.html && exec httpd -f -p 80 -h /tmp/www'
    both_answer() {
        local name
        runs 2 || return 1
        [[ $(for name in $(queen exec "$(queen ps -q)" nslookup "$NAME" 2>/dev/null | sed -n 's/^Address.*: *\(10\.84[0-9.]*\).*/\1/p'); do
            queen exec "$(queen ps -q)" wget -qO- "http://$name/"
        done | sort -u | wc -l) == 2 ]]
    }
    settles both_answer
    queen service rm "$NAME" >/dev/null
    settles queen network rm "$NAME" >/dev/null 2>&1
}

@test "swarm: the tasks of a node that is lost run on the other" {
    serve --replicas 4 -- sleep 10000
    settles runs 4
    machine_close drone
    moved() {
        [[ $(running | tr '\n' ' ') == 'queen queen queen queen ' ]] && (($(queen ps -q | wc -l) == 4))
    }
    settles moved
    # Nobody was left there to remove the lost ones' groups. Those in use stay.
    groups_below -depth -exec rmdir {} + 2>/dev/null || true
    settles nodes_are 'drone Down ;queen Ready Leader;'
}
