#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # what is in single quotes is for other shells
# shellcheck disable=SC2030,SC2031,SC2154,SC2164 # bats sets stderr, has each test in a shell of its own, and ends at a cd that fails
#
# Servers that everybody runs, as Debian packages them, from the machine's own file system of which they may change nothing:
# started detached, asked by their own clients, looked into by logs and exec, stopped.

load images

setup_file() {
    need_root
    need_all curl
}

setup() {
    common_setup
    cd "$BATS_TEST_TMPDIR"
    NAME=$(random_name)
    PORT=$(free_port)
}

teardown() {
    containers_teardown
}

# A port of the loopback that nobody listens on.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

# serve [OPTION...] -- COMMAND...: detached, in a throw-away copy of the machine's root
serve() {
    local options=()
    while [[ $1 != -- ]]; do
        options+=("$1")
        shift
    done
    shift
    try ruche run -d --name "$NAME" --network host "${options[@]}" --rootfs /:O "$@"
    assert_status 0
    [[ $output =~ ^[0-9a-f]{64}$ ]] || fail "no id: $output"
}

port_is_closed() {
    ! (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null
}

# stops_with STATUS: by itself, and for good
stops_with() {
    try ruche stop -t 300 "$NAME"
    assert_status 0
    [[ $(ruche wait "$NAME") == "$1" ]] || fail "it ended with $(ruche wait "$NAME"), not $1"
    has_status "$NAME" exited
    port_is_closed
    ruche rm "$NAME" >/dev/null
}

@test "servers: nginx answers, reloads, logs, stops" {
    need_all nginx
    mkdir html
    echo 'from the hive' >html/index.html
    head -c 20000000 /dev/urandom >html/large
    cat >nginx.conf <<EOF
daemon off;
user www-data;
worker_processes 2;
pid /run/nginx-$NAME.pid;
error_log stderr notice;
events { worker_connections 256; }
http {
    access_log /dev/stdout;
    server { listen 127.0.0.1:$PORT; root /srv/$NAME; }
}
EOF
    chmod 755 . html
    serve -v "$PWD/html:/srv/$NAME:ro" -v "$PWD/nginx.conf:/etc/nginx/nginx.conf:ro" -- /usr/sbin/nginx
    eventually curl -fsS -o answer "http://127.0.0.1:$PORT/"
    [[ $(<answer) == 'from the hive' ]]
    curl -fsS -o large "http://127.0.0.1:$PORT/large"
    cmp large html/large
    [[ $(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$PORT/nosuch") == 404 ]]
    # Many at once.
    seq 200 | xargs -P 8 -I@ curl -fsS -o /dev/null "http://127.0.0.1:$PORT/?@"
    eventually eval '[[ $(ruche logs "$NAME" 2>/dev/null | grep -c "GET /?[0-9]* .* 200") == 200 ]]'
    ruche logs "$NAME" 2>&1 >/dev/null | grep -q 'start worker process'

    try ruche exec "$NAME" cat "/run/nginx-$NAME.pid"
    assert_output 1
    [[ ! -e /run/nginx-$NAME.pid ]]
    ruche exec "$NAME" nginx -s reload
    eventually eval 'ruche logs "$NAME" 2>&1 | grep -q reconfiguring'
    eventually curl -fsS -o answer "http://127.0.0.1:$PORT/"
    stops_with 0
}

@test "servers: redis answers, is frozen and goes on, saves, stops" {
    need_all redis-server redis-cli
    mkdir -m 777 data
    serve -u redis -v "$PWD/data:/data" -m 256m -- redis-server --bind 127.0.0.1 --port "$PORT" --dir /data --save ''
    cli() {
        timeout 60 redis-cli -p "$PORT" "$@"
    }
    answers() {
        [[ $(cli PING) == PONG ]]
    }
    eventually answers
    [[ $(cli SET bee honey) == OK && $(cli GET bee) == honey ]]
    (($(seq 20000 | sed 's/.*/RPUSH list &/' | cli --pipe | grep -c 'errors: 0, replies: 20000') == 1))
    [[ $(cli LLEN list) == 20000 ]]
    try ruche exec -u redis "$NAME" redis-cli -p "$PORT" GET bee
    assert_output honey
    ruche pause "$NAME" >/dev/null
    try timeout 1 redis-cli -p "$PORT" PING
    assert_status 124
    ruche unpause "$NAME" >/dev/null
    eventually answers
    # By a child of its own.
    cli BGSAVE >/dev/null
    eventually test -s data/dump.rdb
    ruche logs "$NAME" | grep -q 'Ready to accept connections'
    stops_with 0
}

@test "servers: postgresql makes a cluster, answers, crashes a session, stops" {
    local bin
    bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | tail -n 1)
    [[ -x $bin/postgres && -x $bin/initdb ]] || skip "there is no postgresql"
    need_all psql
    printf '#!/bin/sh\nset -e\n%s/initdb -D /var/lib/postgresql/hive -U bee -A trust --no-sync >/dev/null\n' "$bin" >start
    printf 'exec %s/postgres -D /var/lib/postgresql/hive -p %d -c listen_addresses=127.0.0.1 -c unix_socket_directories=/tmp -F\n' \
        "$bin" "$PORT" >>start
    chmod 755 start .
    serve -u postgres --shm-size 128m -v "$PWD/start:/start-$NAME:ro" -- "/start-$NAME"
    query() {
        PGCONNECT_TIMEOUT=60 psql -h 127.0.0.1 -p "$PORT" -U bee -d postgres -Atqc "$1"
    }
    ready() {
        [[ $(query 'SELECT 1' 2>/dev/null) == 1 ]]
    }
    eventually ready
    query 'CREATE TABLE bees AS SELECT generate_series(1, 10000) AS n'
    [[ $(query 'SELECT sum(n) FROM bees') == 50005000 ]]
    # Parallel workers share memory in /dev/shm.
    [[ $(query 'SET force_parallel_mode = on; SELECT count(*) FROM bees') == 10000 ]]
    try ruche exec -u postgres "$NAME" psql -h /tmp -p "$PORT" -U bee -d postgres -Atc 'SELECT current_user'
    assert_output bee
    # A session that is killed takes all others down; the server recovers.
    query 'SELECT pg_sleep(10000)' 2>/dev/null &
    local session=$!
    kill_session() {
        ruche exec -u postgres "$NAME" sh -c 'kill -SEGV $(pgrep -f pg_sleep\|SELECT | head -n 1)'
    }
    eventually kill_session
    wait "$session" && fail "the session lives"
    eventually ready
    [[ $(query 'SELECT count(*) FROM bees') == 10000 ]]
    ruche logs "$NAME" 2>&1 | grep -q 'terminated by signal 11'
    [[ ! -e /var/lib/postgresql/hive ]]
    # A smart shutdown by SIGTERM: 0.
    stops_with 0
}

@test "servers: one that ends by itself, one that ignores its signal, one that is killed" {
    need_all redis-server
    serve -- redis-server --bind 127.0.0.1 --port "$PORT" --nosuch-option 1
    [[ $(ruche wait "$NAME") == 1 ]]
    ruche logs "$NAME" 2>&1 | grep -q 'FATAL CONFIG'
    ruche rm "$NAME" >/dev/null
    serve -- bash -c 'trap "" TERM; echo deaf; while :; do sleep 0.1; done'
    eventually eval '[[ $(ruche logs "$NAME") == deaf ]]'
    ruche stop -t 1 "$NAME" >/dev/null
    [[ $(ruche wait "$NAME") == 137 ]]
    ruche rm "$NAME" >/dev/null
    serve --stop-signal USR1 -- bash -c 'trap "exit 23" USR1; echo ready; while :; do sleep 0.1; done'
    eventually eval '[[ $(ruche logs "$NAME") == ready ]]'
    stops_with 23
}
