#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016,SC2154 # templates stand in single quotes; bats and try set status, output, stderr
#
# --format and --filter of ps, images, inspect and version; images --tree.

load images

# The layout of an image: make_image NAME LABELS LAYER...; each layer is a file of that name with its name in it.
make_image() {
    local name=$1 labels=$2 layer tars=()
    shift 2
    for layer in "$@"; do
        mkdir -p "$BATS_TEST_TMPDIR/$layer.d"
        echo "$layer" >"$BATS_TEST_TMPDIR/$layer.d/$layer"
        touch -d @0 "$BATS_TEST_TMPDIR/$layer.d/$layer" "$BATS_TEST_TMPDIR/$layer.d"
        make_tar "$BATS_TEST_TMPDIR/$layer.tar" "$BATS_TEST_TMPDIR/$layer.d"
        tars+=("$BATS_TEST_TMPDIR/$layer.tar")
    done
    rm -rf "$BATS_TEST_TMPDIR/layout"
    make_layout "$BATS_TEST_TMPDIR/layout" "$name" "{\"Cmd\":[\"/$1\"],\"Labels\":$labels}" "${tars[@]}"
    tar -C "$BATS_TEST_TMPDIR/layout" -cf "$BATS_TEST_TMPDIR/layout.tar" .
    ruche load -q -i "$BATS_TEST_TMPDIR/layout.tar" >/dev/null
}

# ---- ps ----

@test "ps --format prints what a template says" {
    name=$(random_name)
    ruche run --name "$name" --label team=web --label com.example.a-b=x -v /tmp:/t busybox sh -c 'exit 3' || true
    id=$(ruche ps -aq)
    run ruche ps -a --format '{{.ID}}|{{.Names}}|{{.Image}}|{{.State}}|{{.Labels}}|{{.Mounts}}|{{.Networks}}|{{.LocalVolumes}}'
    assert_output "$id|$name|busybox|exited|com.example.a-b=x,team=web|/tmp|none|0"
    run ruche ps -a --format '{{.Status}}, {{.RunningFor}}'
    assert_match 'Exited (3) * ago, * ago'
    run ruche ps -a --format '{{.CreatedAt}}'
    [[ $output =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}\ [0-9:]{8}\ [-+][0-9]{4}\ [A-Z0-9+-]+$ ]] || fail "$output"
    run ruche ps -a --format '{{.Label "team"}}{{.Label "none"}}{{with .Label "com.example.a-b"}} has {{.}}{{end}}'
    assert_output 'web has x'
    run ruche ps -a --no-trunc --format '{{.Command}} {{len .ID}}'
    assert_output '"sh -c exit 3" 64'
    run ruche ps -a --format '{{upper .State}}{{range split .Labels ","}} <{{.}}>{{end}}'
    assert_output 'EXITED <com.example.a-b=x> <team=web>'
}

@test "ps shows an image by its name as long as that means it" {
    make_image one:1 '{}' one
    make_image two:1 '{}' two
    ruche tag one:1 alias:1
    id=$(ruche images -q --no-trunc one:1)
    short=${id#sha256:}
    short=${short:0:12}
    ruche create one:1 >/dev/null
    ruche create alias:1 >/dev/null
    ruche create "${short:0:6}" >/dev/null
    run ruche ps -a --format '{{.Image}}'
    assert_output "${short:0:6}"$'\nalias:1\none:1'
    ruche tag two:1 one:1
    ruche untag alias:1 alias:1
    run ruche ps -a --format '{{.Image}}'
    assert_output "${short:0:6}"$'\n'"$short"$'\n'"$short"
    run ruche ps -a --no-trunc --format '{{.Image}}'
    assert_output "${short:0:6}"$'\n'"$id"$'\n'"$id"
    ruche tag "$short" one:1
    run ruche ps -a --format '{{.Image}}'
    assert_output "${short:0:6}"$'\n'"$short"$'\none:1'
    run ruche inspect -f '{{.Config.Image}}' "$(ruche ps -lq)"
    assert_output "${short:0:6}"
}

@test "ps knows the images of a list" {
    make_image one:1 '{}' one
    make_image two:1 '{}' two
    make_image three:1 '{}' three
    ruche manifest create both one:1 two:1
    ruche manifest annotate --arch arm64 both two:1
    ruche create both >/dev/null
    run ruche ps -a --format '{{.Image}}'
    assert_output both
    ruche tag three:1 both
    run ruche ps -a --format '{{.Image}}'
    assert_output "$(ruche images -q one:1)"
}

@test "ps --format table has titles and columns" {
    name=$(random_name)
    stay "$name" --label com.example.some-key=value
    id=$(ruche ps -q)
    run ruche ps --format 'table {{.ID}}\t{{.State}}\t{{.Label "com.example.some-key"}}\t{{upper .Names}}'
    assert_output "CONTAINER ID   STATE     some key   NAMES
$id   running   value      ${name^^}"
    prints_the_usual --format table
    prints_the_usual --format ''
}

# prints_the_usual OPTION...: what ps prints without them, both seen at the same age of the container.
prints_the_usual() {
    local before after=
    until [[ $after && $before == "$after" ]]; do
        before=$(ruche ps)
        run ruche ps "$@"
        after=$(ruche ps)
    done
    assert_status 0
    assert_output "$before"
}

@test "ps --format json prints an object a line" {
    one=$(random_name)
    two=$one-b
    stay "$one"
    ruche create --name "$two" busybox true >/dev/null
    run ruche ps -a --format json
    ((${#lines[@]} == 2)) || fail "$output"
    run jq -rs 'sort_by(.Names) | .[] | "\(.Names) \(.State) \(.Image) \(.Size)"' <<<"$output"
    assert_output "$one running busybox 0B
$two created busybox 0B"
    run ruche ps -a --format '{{json .Names}}'
    assert_line "\"$one\""
}

@test "ps -q goes before a format, and says so" {
    stay "$(random_name)"
    try ruche ps -q --format '{{.Names}}'
    [[ $output =~ ^[0-9a-f]{12}$ ]] || fail "$output"
    assert_stderr 'ruche: warning: --format is left aside, because of --quiet'
}

@test "ps -s tells the size of a container's own files" {
    name=$(random_name)
    ruche run --name "$name" busybox dd if=/dev/zero of=/big bs=1000 count=3000 2>/dev/null
    run ruche ps -as --format '{{.Size}}'
    [[ $output =~ ^3(\.[0-9]+)?MB\ \(virtual\ [0-9.]+MB\)$ ]] || fail "$output"
    run ruche ps -as
    assert_match '*NAMES*SIZE*virtual*'
    run ruche ps -a
    [[ $output != *SIZE* ]] || fail "$output"
}

@test "a wrong template is one line that says where" {
    stay "$(random_name)"
    for format in '{{.ID' '{{.ID}}{{end}}' '{{nosuch .ID}}' '{{if .ID}}' '{{.ID | }}' 'table {{' '{{$x}}' '{{"a}}'; do
        run --separate-stderr ruche ps --format "$format"
        assert_status 125
        assert_output ''
        assert_stderr 'ruche: --format: template: 1:*'
        ((${#stderr_lines[@]} == 1)) || fail "$stderr"
    done
    run --separate-stderr ruche ps --format '{{.Nmae}}'
    assert_status 125
    assert_stderr "ruche: --format: template: 1:3: can't evaluate field Nmae; there are ID, *Names, *"
}

@test "a template ends, whatever it says" {
    stay "$(random_name)"
    for format in '{{range 1000000000}}{{range 1000000000}}{{end}}{{end}}' '{{define "x"}}{{template "x"}}{{end}}{{template "x"}}' \
        '{{$x := .ID}}{{range 64}}{{$x = print $x $x}}{{end}}{{len $x}}' '{{pad .ID 1000000000000 0}}'; do
        run --separate-stderr ruche ps --format "$format"
        assert_status 125
        assert_stderr 'ruche: --format: template: *'
    done
}

@test "what an image or a label brings is escaped on a terminal only" {
    need script
    name=$(random_name)
    ruche create --name "$name" --label $'evil=\e[31mred\r' busybox true >/dev/null
    run ruche ps -a --format '{{.Label "evil"}}'
    assert_output $'\e[31mred\r'
    run script -qec "'$RUCHE' --root '$ROOT' --run '$RUN' ps -a --format '{{.Label \"evil\"}}'" /dev/null
    assert_match '\\x1b\[31mred\\r*'
}

@test "ps --filter" {
    name=$(random_name)
    ruche run --name "$name-a" --label team=web --label rank=1 -v /tmp:/mnt/t busybox sh -c 'exit 3' || true
    stay "$name-b" --label team=web
    ruche create --name "$name-c" --label team=db busybox true >/dev/null
    while read -r wanted options; do
        # shellcheck disable=SC2086 # words on purpose
        run ruche ps --format '{{.Names}}' $options
        got=$(sort <<<"${output//$name-/}" | tr -d '\n')
        [[ $got == "$wanted" ]] || fail "$options: $got, not $wanted"
    done <<END
b --filter name=$name
abc -a --filter name=$name
ac -a --filter name=$name-a\$ --filter name=$name-c
b -a --filter name=^/$name-b
a --filter status=exited
b --filter status=running
bc --filter status=created --filter status=running
a --filter exited=3
b --filter label=team
ab -a --filter label=team=web
a -a --filter label=team --filter label=rank
c -a --filter label=team=db
abc -a --filter ancestor=busybox
abc -a --filter ancestor=busybox:latest --filter ancestor=nosuch
ab -a --filter before=$name-c
c -a --filter since=$name-b
bc -a --filter since=$name-a
b -a --filter since=$name-a --filter before=$name-c
a -a --filter volume=/mnt/t
a -a --filter volume=/tmp
abc -a --filter network=none
c -n 1
b -n 1 --filter label=team=web
END
    run ruche ps --filter exited=4 -q
    assert_output ''
    run ruche ps -a --filter ancestor=nosuch -q
    assert_output ''
    run ruche ps -a --filter id="$(ruche ps -q)" --format '{{.Names}}'
    assert_output "$name-b"
}

@test "a filter that means nothing is refused" {
    while IFS='|' read -r filter pattern; do
        run --separate-stderr ruche ps --filter "$filter"
        assert_status 125
        assert_stderr "ruche: $pattern"
        ((${#stderr_lines[@]} == 1)) || fail "$stderr"
    done <<'END'
nosuch=1|--filter: there is no "nosuch"; there are id, name, *
status|--filter status: a value is missing: status=VALUE*
status=gone|--filter status: "gone" is no status; there are created, *
exited=x|--filter exited: *
name=(|--filter name: not a regular expression: *
health=healthy|--filter health: containers have no health checks yet
publish=80|--filter publish: containers publish no ports yet
is-task=true|--filter is-task: there are no tasks of a swarm
END
    run --separate-stderr ruche images --filter dangling=perhaps
    assert_status 125
    assert_stderr 'ruche: --filter dangling: "perhaps" is neither true nor false*'
}

# ---- images ----

@test "images --format" {
    make_image localhost:5000/app:1.0 '{}' a
    id=$(ruche images -q)
    run ruche images --format '{{.Repository}} {{.Tag}} {{.ID}} {{.CreatedSince}} {{.Size}}'
    assert_match "localhost:5000/app 1.0 $id * *kB"
    run ruche images --no-trunc --format '{{.ID}} {{.Digest}}'
    [[ $output =~ ^sha256:[0-9a-f]{64}\ sha256:[0-9a-f]{64}$ ]] || fail "$output"
    run ruche images --format 'table {{.Repository}}\t{{.ID}}'
    assert_output "REPOSITORY           IMAGE ID
localhost:5000/app   $id"
    run jq -r .Repository <(ruche image ls --format json)
    assert_output localhost:5000/app
    run ruche images --format '{{.Containers}} {{.SharedSize}} {{.UniqueSize}}'
    assert_output 'N/A N/A N/A'
    run ruche images --digests
    assert_match 'REPOSITORY*DIGEST*sha256:*'
    run ruche images --format '{{.Nosuch}}'
    assert_status 125
}

@test "images --filter, and several names" {
    make_image one:1 '{"team":"web"}' a b
    make_image two:1 '{"team":"db"}' a c
    ruche tag one:1 one:2
    while read -r wanted options; do
        # shellcheck disable=SC2086 # words on purpose
        run ruche images --format '{{.Repository}}:{{.Tag}}' $options
        got=$(sort <<<"$output" | tr '\n' ' ')
        [[ ${got% } == "${wanted//,/ }" ]] || fail "$options: $got, not $wanted"
    done <<'END'
one:1,one:2,two:1 --filter label=team
one:1,one:2 --filter label=team=web
two:1 --filter label=team=db --filter reference=t*
one:1,two:1 --filter reference=*:1
one:1,one:2,two:1 --filter reference=one --filter reference=two
one:1,one:2,two:1 --filter dangling=false
one:1,one:2 one
one:2,two:1 one:2 two
one:1 one --filter reference=*:1
END
    run ruche images -q --filter dangling=true
    assert_output ''
    ruche tag two:1 one:2
    ruche tag one:1 two:1
    run ruche images -q --filter dangling=true
    assert_output ''
    run --separate-stderr ruche images --filter before=nosuch
    assert_status 125
    assert_stderr 'ruche: --filter before=nosuch: no image nosuch here'
}

@test "images --tree shows which layers are shared" {
    make_image base:1 '{}' a
    make_image one:1 '{}' a b
    make_image two:1 '{}' a c
    run env -u LC_ALL -u LC_CTYPE LANG=C.UTF-8 "$RUCHE" --root "$ROOT" --run "$RUN" images --tree
    assert_status 0
    ((${#lines[@]} == 4)) || fail "$output"
    [[ ${lines[0]} =~ ^LAYER\ +PACKED\ +IMAGES$ ]] || fail "$output"
    [[ ${lines[1]} =~ ^[0-9a-f]{12}\ .*base:1 ]] || fail "$output"
    [[ ${lines[2]} == '├─ '* && ${lines[3]} == '└─ '* ]] || fail "$output"
    [[ ${lines[2]}${lines[3]} == *one:1*two:1* || ${lines[2]}${lines[3]} == *two:1*one:1* ]] || fail "$output"
    run env LC_ALL=C "$RUCHE" --root "$ROOT" --run "$RUN" images --tree
    [[ ${lines[2]} == '|- '* && ${lines[3]} == '`- '* ]] || fail "$output"
    run ruche images --tree -q
    assert_status 125
}

# ---- inspect, version ----

@test "inspect --format on containers" {
    name=$(random_name)
    ruche run --name "$name" --label a.b=c -e X=1 --memory 64m busybox sh -c 'exit 4' || true
    run ruche inspect -f '{{.Name}} {{.State.Status}} {{.State.ExitCode}} {{.HostConfig.Memory}}' "$name"
    assert_output "/$name exited 4 67108864"
    run ruche inspect -f '{{range .Config.Env}}{{println .}}{{end}}' "$name"
    assert_line X=1
    run ruche inspect -f '{{index .Config.Labels "a.b"}}|{{.Config.Labels.none}}|{{index .Config.Labels "none"}}|{{.Config.Cmd}}' "$name"
    assert_output 'c|<no value>||[sh -c exit 4]'
    run ruche inspect -f '{{if .State.Running}}up{{else}}down{{end}} {{printf "%q" .Name}} {{json .Config.Cmd}}' "$name"
    assert_output "down \"/$name\" [\"sh\",\"-c\",\"exit 4\"]"
    run ruche inspect -f '{{json .}}' "$name"
    [[ $(jq -S . <<<"$output") == "$(ruche inspect "$name" | jq -S '.[0]')" ]] || fail "$output"
    run ruche inspect -f json "$name"
    [[ $(jq -S . <<<"$output") == "$(ruche inspect "$name" | jq -S .)" && $output != *$'\n'* ]] || fail "$output"
    run ruche container inspect -f '{{.Id}}' "$name"
    assert_output "$(ruche ps -aq --no-trunc)"
}

@test "inspect --size measures containers, and only if asked" {
    name=$(random_name)
    make_rootfs "$BATS_TEST_TMPDIR/rootfs"
    ruche run --name "$name" busybox sh -c 'head -c 100000 /dev/zero >/file; sync'
    for command in inspect 'container inspect'; do
        # shellcheck disable=SC2086 # words on purpose
        run ruche $command -s -f '{{.SizeRw}} {{.SizeRootFs}}' "$name"
        read -r own whole <<<"$output"
        ((own >= 100000 && own < 200000)) || fail "$output"
        ((whole == own + $(ruche image inspect -f '{{.Size}}' busybox))) || fail "$output"
        # shellcheck disable=SC2086
        [[ $(ruche $command --size "$name" | jq -r '.[0] | "\(.SizeRw) \(.SizeRootFs)"') == "$output" ]]
        # shellcheck disable=SC2086
        [[ $(ruche $command "$name" | jq '.[0] | has("SizeRw") or has("SizeRootFs")') == false ]]
    done
    run ruche inspect -f '{{.SizeRw}}' "$name"
    assert_output '<no value>'
    ruche create --name "$name-2" --rootfs "$BATS_TEST_TMPDIR/rootfs" true
    [[ $(ruche inspect -s "$name-2" | jq -c '.[0] | [.SizeRw, .SizeRootFs]') == '[0,null]' ]]
    run ruche inspect --size busybox
    assert_status 0
}

@test "what an image does not have is null, as docker has it; a container has no labels" {
    make_image app:1 '{}' a
    run ruche inspect -f '{{json .Config.Labels}} {{.Config.Labels}} {{len .Config.Labels}} {{json .Config.Env}}' app:1
    assert_output 'null map[] 0 null'
    [[ $(ruche inspect app:1 | jq -c '.[0].Config | [.Labels, .Entrypoint, .Volumes, .Cmd]') == '[null,null,null,["/a"]]' ]]
    ruche create app:1 >/dev/null
    run ruche inspect -f '{{json .Config.Labels}} {{json .Config.Entrypoint}} {{.Config.Entrypoint}}' "$(ruche ps -aq)"
    assert_output '{} null []'
    make_image app:2 '{"k":"v"}' a
    run ruche inspect -f '{{json .Config.Labels}}' app:2
    assert_output '{"k":"v"}'
}

@test "inspect --format on images" {
    make_image app:1 '{"k":"v"}' a b
    run ruche inspect -f '{{.RepoTags}} {{.Config.Labels.k}} {{.Os}}/{{.Architecture}} {{len .RootFS.Layers}}' app:1
    assert_output '[app:1] v linux/amd64 2'
    run ruche image inspect --format '{{join .RootFS.Layers "\n"}}' app:1
    ((${#lines[@]} == 2)) || fail "$output"
    run ruche image inspect -f '{{json .}}' app:1
    [[ $(jq -S . <<<"$output") == "$(ruche inspect app:1 | jq -S '.[0]')" ]] || fail "$output"
}

@test "inspect goes on after an object that there is not" {
    make_image app:1 '{}' a
    run --separate-stderr ruche inspect -f '{{.RepoTags}}' app:1 nosuch app:1
    assert_status 1
    assert_output $'[app:1]\n[app:1]'
    assert_stderr 'ruche: no such object: nosuch'
    run --separate-stderr ruche inspect -f '{{.Config.Nosuch}}' app:1
    assert_status 1
    assert_stderr "ruche: --format: template: 1:3: can't evaluate field Nosuch; there are User, *"
    run --separate-stderr ruche inspect -f '{{.Id' app:1
    assert_status 125
    assert_output ''
    run --separate-stderr ruche container inspect app:1
    assert_status 1
    assert_stderr 'ruche: no such container: app:1'
}

@test "version --format" {
    run ruche version --format '{{.Client.Version}} {{.Server.Os}}'
    [[ $output =~ ^[0-9.]+\ linux$ ]] || fail "$output"
    run jq -r .Client.KernelVersion <(ruche version --format json)
    assert_output "$(uname -r)"
}
