/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/libc.h"
#include "runtime/plan_part.h"

static struct plan_mount *mount_add(struct plan *plan)
{
    plan->mounts = xrealloc(plan->mounts, plan->n_mounts + 1, sizeof(*plan->mounts));
    struct plan_mount *mount = &plan->mounts[plan->n_mounts++];
    *mount = (struct plan_mount){};
    return mount;
}

/* The last one, if it is to be read-only: what has to be made in it is made first. */
static void readonly_later(struct plan *plan)
{
    struct mount_options *options = &plan->mounts[plan->n_mounts - 1].options;
    if (!((options->set | options->set_below) & MOUNT_ATTR_RDONLY))
        return;
    options->set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
    options->set_below &= ~(uint64_t)MOUNT_ATTR_RDONLY;
    plan->late = xrealloc(plan->late, plan->n_late + 1, sizeof(*plan->late));
    plan->late[plan->n_late++] = plan->n_mounts - 1;
}

static const char *below_root(const char *path)
{
    return path + strspn(path, "/");
}

/* The options word of a cgroup mount, "nsdelegate" or "memory", is one word or several with commas.
 */
static void add_words(struct strings *list, const char *words)
{
    struct view rest = view_of(words);
    struct view word;
    bool more = words && *words;
    while (more) {
        more = view_cut(&rest, ',', &word);
        strings_add_taken(list, xstrndup(word.at, word.len));
    }
}

/* A mount of type "cgroup" is as many as the host's layout needs (runtime-spec, config-linux.md
 * "Default Filesystems"). */
static int mount_cgroup(const struct runtime_request *request, const struct spec_mount *entry,
                        struct plan *plan, struct err *err)
{
    struct cgroup_plan groups = {};
    if (!plan->cgroup)
        return 0;
    if (cgroup_plan_make(request->cgroups, &plan->limits, request->cgroup_flags, &groups, err) < 0)
        return -1;
    auto_free char *path = cgroup_whole_path(request->cgroups, plan->cgroup);
    struct cgroup group = {
        .host = request->cgroups,
        .path = path,
        .hierarchies = groups.hierarchies,
    };
    cgroup_plan_done(&groups);
    cgroup_mount_plan(request->cgroups, &group, &plan->cgroup_mounts);

    /* Without a namespace of its own the container would see everyone's groups from their top. */
    bool own_view = spec_namespace_find(request->spec, SPEC_NAMESPACE_CGROUP) != NULL;
    const char *top = below_root(entry->destination);
    for (size_t i = 0; i < plan->cgroup_mounts.len; i++) {
        struct cgroup_mount *row = &plan->cgroup_mounts.at[i];
        struct plan_mount *mount = mount_add(plan);
        bool link = row->type == CGROUP_MOUNT_LINK;
        /* The row's name is ours to change: it becomes the path that the plan's mount borrows. */
        char *place = *row->name ? xasprintf("%s/%s", top, row->name) : xstrdup(top);
        free(row->name);
        row->name = place;
        mount->kind = link ? PLAN_MOUNT_LINK : PLAN_MOUNT_FS;
        mount->destination = place;
        mount->type = link ? row->options : row->fstype;
        mount->name = link ? NULL : "cgroup";
        if (link)
            continue;
        if (mount_options_parse(&entry->options, entry->destination, &mount->options, err) < 0)
            return -1;
        if (!own_view && row->source) {
            mount->kind = PLAN_MOUNT_BIND;
            mount->source = plan_source_add(plan, row->source, false);
            plan->sources[mount->source].map = SOURCE_MAP_NONE;
            continue;
        }
        add_words(&mount->options.rest, row->options);
        if (row->type == CGROUP_MOUNT_TMPFS)
            readonly_later(plan);
    }
    return 0;
}

/* A source that is relative begins at the bundle (config.md, "source"). */
static const char *bind_source(const struct runtime_request *request,
                               const struct spec_mount *entry, struct plan *plan)
{
    if (!entry->source || entry->source[0] == '/' || !*entry->source)
        return entry->source;
    if (!request->state || !request->state->bundle)
        return NULL;
    strings_addf(&plan->texts, "%s/%s", request->state->bundle, entry->source);
    return plan->texts.at[plan->texts.len - 1];
}

/* Maps of its own count without the word as well (config.md, "uidMappings"). */
static int bind_map(const struct spec_mount *entry, struct plan *plan, struct plan_mount *mount,
                    struct err *err)
{
    struct plan_source *source = &plan->sources[mount->source];
    bool given = entry->uid_mappings.len || entry->gid_mappings.len;
    if (!given && !mount->options.idmap)
        return 0;
    if (!plan->privileged)
        return err_set(err, ERR_UNSUPPORTED,
                       "mount on %s: owners are mapped by the superuser alone", entry->destination);
    if (!given && !plan->userns)
        return err_set(err, ERR_INVALID,
                       "mount on %s: idmap needs uidMappings and gidMappings, or a user namespace",
                       entry->destination);
    source->map = given ? SOURCE_MAP_GIVEN : SOURCE_MAP_CONTAINER;
    source->map_below = mount->options.idmap_below;
    source->entry = entry;
    plan->maps_mounts = plan->maps_mounts || !given;
    return 0;
}

static int mount_bind(const struct runtime_request *request, const struct spec_mount *entry,
                      struct plan *plan, struct plan_mount *mount, struct err *err)
{
    const char *source = bind_source(request, entry, plan);
    if (!source || !*source)
        return err_set(err, ERR_INVALID, "mount on %s: the source must be an absolute path",
                       entry->destination);
    /* Words are not passed over: "r0" for "ro" would leave the host's files open to be written.
     * Values, such as mode=755, are the file system's, which is there already: mount(2) has always
     * passed over them. */
    for (size_t i = 0; i < mount->options.rest.len; i++) {
        const char *option = mount->options.rest.at[i];
        if (mount_option_is_general(option))
            continue;
        if (!strchr(option, '='))
            return err_set(err, ERR_UNSUPPORTED, "mount on %s: option %s of a bind mount",
                           entry->destination, option);
        plan_warn(plan, "mount on %s: %s is nothing a bind mount can have", entry->destination,
                  option);
    }
    if (mount->options.copy_up)
        return err_set(err, ERR_INVALID, "mount on %s: tmpcopyup is for a tmpfs",
                       entry->destination);
    mount->kind = PLAN_MOUNT_BIND;
    mount->source = plan_source_add(plan, source, mount->options.bind_below);
    if (request->lent && strcmp(entry->destination, request->lent) == 0) {
        plan->sources[mount->source].lender = request->lender;
        plan->sources[mount->source].map = SOURCE_MAP_NONE;
        return 0;
    }
    return bind_map(entry, plan, mount, err);
}

/* Each devpts is one of its own since kernel 4.7. */
static void forget_newinstance(struct plan_mount *mount)
{
    struct strings *rest = &mount->options.rest;
    size_t kept = 0;
    for (size_t i = 0; i < rest->len; i++) {
        if (strcmp(mount->type, "devpts") == 0 && strcmp(rest->at[i], "newinstance") == 0)
            free(rest->at[i]);
        else
            rest->at[kept++] = rest->at[i];
    }
    rest->len = kept;
}

static bool has_mode(const struct strings *options)
{
    for (size_t i = 0; i < options->len; i++)
        if (text_starts(options->at[i], "mode="))
            return true;
    return false;
}

/* A label that nothing enforces; where SELinux rules, files get the container's. */
static int mount_label(const struct spec_linux *part, struct plan_mount *mount, struct err *err)
{
    for (size_t i = 0; i < mount->options.rest.len; i++) {
        const char *context = strstr(mount->options.rest.at[i], "context=");
        if (context && !label_active(LABEL_SELINUX))
            return err_set(err, ERR_UNSUPPORTED,
                           "mount on /%s: %.40s: SELinux is not active on this machine",
                           mount->destination, mount->options.rest.at[i]);
        if (context)
            return 0;
    }
    bool labelled = strcmp(mount->type, "tmpfs") == 0 || strcmp(mount->type, "mqueue") == 0 ||
                    strcmp(mount->type, "devpts") == 0;
    if (part->mount_label && *part->mount_label && labelled && label_active(LABEL_SELINUX))
        strings_addf(&mount->options.rest, "context=%s", part->mount_label);
    return 0;
}

static int mount_make(const struct runtime_request *request, const struct spec_mount *entry,
                      struct plan *plan, struct err *err)
{
    struct plan_mount *mount = mount_add(plan);
    mount->destination = below_root(entry->destination);
    if (!*mount->destination || strstr(entry->destination, "/../") ||
        text_ends(entry->destination, "/.."))
        return err_set(err, ERR_INVALID, "mount on %s: not a place below the root",
                       entry->destination);
    if (mount_options_parse(&entry->options, entry->destination, &mount->options, err) < 0)
        return -1;
    if (mount->options.remount) {
        mount->kind = PLAN_MOUNT_REMOUNT;
        mount->type = "remount";
        return 0;
    }
    if (mount->options.bind || (entry->type && strcmp(entry->type, "bind") == 0))
        return mount_bind(request, entry, plan, mount, err);
    if (mount->options.idmap || entry->uid_mappings.len || entry->gid_mappings.len)
        return err_set(err, ERR_UNSUPPORTED,
                       "mount on %s: only of bind mounts owners can be mapped", entry->destination);
    if (!entry->type)
        return err_set(err, ERR_INVALID, "mount on %s: it has no type", entry->destination);
    mount->kind = PLAN_MOUNT_FS;
    mount->type = entry->type;
    mount->name = entry->source;
    forget_newinstance(mount);
    bool tmpfs = strcmp(entry->type, "tmpfs") == 0;
    if (mount->options.copy_up && !tmpfs)
        return err_set(err, ERR_INVALID, "mount on %s: tmpcopyup is for a tmpfs",
                       entry->destination);
    mount->mode_below = tmpfs && request->state && !has_mode(&mount->options.rest);
    if (tmpfs)
        readonly_later(plan);
    return mount_label(request->spec->linux, mount, err);
}

/* Root can make nodes in a /dev and map their owner, and does so while the child makes its
 * namespaces. Whoever cannot has the host's nodes mounted one by one. */
static bool dev_can_be_made(const struct plan *plan, const struct plan_mount *mount)
{
    return plan->makes_nodes && !plan->user_path && !mount->mode_below &&
           !mount->options.propagation && !mount->options.copy_up;
}

/* Nothing of the host's is needed to make these, so they can be made anywhere. A proc or sysfs can be
 * made in a user namespace only while a whole one is in sight (mount_too_revealing in the kernel's
 * fs/namespace.c): before the root is changed. */
static bool made_in_turn(const struct plan *plan, const struct plan_mount *mount)
{
    static const char *const own[] = { "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2" };
    if (plan->mount_path || plan->mounts_inherited || plan->request->flags & RUNTIME_NO_PIVOT)
        return false;
    if (strcmp(mount->type, "proc") == 0 || strcmp(mount->type, "sysfs") == 0)
        return plan->makes_nodes && !plan->userns;
    for (size_t i = 0; i < array_size(own); i++)
        if (strcmp(own[i], mount->type) == 0)
            return true;
    return false;
}

/* Without a user namespace the child can do so as well, for less, once it has mounted it: where its
 * cgroup lets it make nodes, as those of a config.json do that nobody else is in. */
static bool dev_is_childs(const struct plan *plan, const struct plan_mount *mount)
{
    const struct runtime_request *request = plan->request;
    return !plan->userns && request->state && !(request->cgroup_flags & CGROUP_JOIN) &&
           made_in_turn(plan, mount);
}

static bool covers(const struct plan_mount *mount, const char *path)
{
    size_t len = strlen(mount->destination);
    return strncmp(mount->destination, path, len) == 0 && path[len] == '/';
}

/* The last one that covers the place decides: a tmpfs with nothing in it but what is mounted there,
 * or a sysfs, which is the kernel's. */
static void note_place(struct plan *plan, size_t at)
{
    struct plan_mount *mount = &plan->mounts[at];
    const struct plan_mount *below = NULL;
    for (size_t i = 0; i < at; i++)
        if (covers(&plan->mounts[i], mount->destination))
            below = &plan->mounts[i];
    if (!below || below->kind != PLAN_MOUNT_FS || mount->kind == PLAN_MOUNT_LINK)
        return;
    /* The way to it has to be as firm: of a directory that others can write to, it may change. */
    if (strchr(below->destination, '/') && !below->below_own)
        return;
    const char *name = mount->destination + strlen(below->destination) + 1;
    bool empty = strcmp(below->type, "tmpfs") == 0 && !below->options.copy_up && !strchr(name, '/');
    mount->below_own =
        empty || (strcmp(below->type, "sysfs") == 0 && strcmp(name, "fs/cgroup") == 0);
    /* Who fills /dev at once makes places for file systems in it. A bind may be of a file, but not of
     * a cgroup. */
    bool is_directory =
        mount->kind == PLAN_MOUNT_FS ||
        (mount->kind == PLAN_MOUNT_BIND && plan->sources[mount->source].map == SOURCE_MAP_NONE);
    bool made =
        plan->dev_made && below == &plan->mounts[plan->dev_mount] && mount->kind == PLAN_MOUNT_FS;
    mount->place_missing = empty && is_directory && !made;
}

static bool is_of_network(const char *type)
{
    static const char *const others[] = {
        "proc", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2"
    };
    for (size_t i = 0; i < array_size(others); i++)
        if (strcmp(type, others[i]) == 0)
            return false;
    return true;
}

enum { DATA_MOST = 4095 }; /* mount(2) cuts off what is behind a page */

/* What is made in one call is found again by its place: nothing else may lie there in the end. */
static bool is_covered(const struct plan *plan, const struct plan_mount *mount)
{
    for (const struct plan_mount *at = mount + 1; at < plan->mounts + plan->n_mounts; at++)
        if (at->kind != PLAN_MOUNT_REMOUNT && strcmp(at->destination, mount->destination) == 0)
            return true;
    return false;
}

/* The options of what mount(2) makes and mounts in one call, if nothing has to be done to it in
 * between. With hooks the working directory stays. */
static const char *one_call_data(struct plan *plan, const struct plan_mount *mount)
{
    const struct mount_options *options = &mount->options;
    auto_done(str) data = {};
    if (!mount->in_turn || plan_pivots_late(plan) || mount->mode_below || options->copy_up ||
        options->propagation || is_covered(plan, mount))
        return NULL;
    for (size_t i = 0; i < options->rest.len; i++) {
        if (strchr(options->rest.at[i], ','))
            return NULL;
        str_addf(&data, "%s%s", i ? "," : "", options->rest.at[i]);
    }
    if (data.len > DATA_MOST)
        return NULL;
    strings_addf(&plan->texts, "%s", str_text(&data));
    return plan->texts.at[plan->texts.len - 1];
}

/* A sysfs is of the network namespace it is made in. Everything before it does not wait for that. */
static void note_network(struct plan *plan)
{
    plan->n_mounts_first = plan->n_mounts;
    plan->network_last = plan->network_beside && !plan->userns && !plan->n_sysctls &&
                         plan->n_early_fs == plan->n_fs && !plan_pivots_late(plan) &&
                         !plan->pid_path; /* who waits for it is its parent */
    for (size_t i = 0; i < plan->n_mounts && plan->network_last; i++) {
        const struct plan_mount *mount = &plan->mounts[i];
        if (mount->kind == PLAN_MOUNT_FS && mount->in_turn && is_of_network(mount->type)) {
            plan->n_mounts_first = i;
            return;
        }
    }
}

/* Only who cloned a mount can clone it again, in its turn among the others. A mapped one is for the
 * parent. */
static bool binds_are_childs(const struct plan *plan)
{
    bool any = false;
    if (!plan->request->state || !plan->privileged || plan->userns || plan->mount_path ||
        plan_dev_handed(plan))
        return false;
    for (size_t i = plan->n_root_sources; i < plan->n_sources; i++) {
        enum plan_source_map map = plan->sources[i].map;
        if (map == SOURCE_MAP_CONTAINER || map == SOURCE_MAP_GIVEN)
            return false;
        any = any || map == SOURCE_MAP_REQUEST;
    }
    return any;
}

static void note_file_systems(struct plan *plan)
{
    bool early = true;
    plan->fs = xcalloc(plan->n_mounts, sizeof(*plan->fs));
    for (size_t i = 0; i < plan->n_mounts; i++) {
        struct plan_mount *mount = &plan->mounts[i];
        note_place(plan, i);
        if (strcmp(mount->destination, "proc") == 0 && mount->kind != PLAN_MOUNT_REMOUNT)
            plan->proc_own = mount->kind == PLAN_MOUNT_FS && strcmp(mount->type, "proc") == 0;
        if (mount->kind != PLAN_MOUNT_FS)
            continue;
        if (!plan->dev && strcmp(mount->type, "tmpfs") == 0 &&
            strcmp(mount->destination, "dev") == 0) {
            plan->dev = true;
            plan->dev_mount = i;
            plan->dev_made = dev_can_be_made(plan, mount);
            plan->dev_by_child = plan->dev_made && dev_is_childs(plan, mount);
            if (plan->dev_made && !plan->dev_by_child)
                continue;
        }
        mount->in_turn = made_in_turn(plan, mount);
        mount->data = one_call_data(plan, mount);
        if (mount->in_turn)
            continue;
        plan->fs[plan->n_fs++] = i;
        early = early && !is_of_network(mount->type);
        plan->n_early_fs += early;
    }
    note_network(plan);
    plan->binds_by_child = binds_are_childs(plan);
}

/* A container without a /dev of its own gets one: it is there that the default devices are, and no
 * image is to be trusted with them. */
static void mount_dev(const struct runtime_request *request, struct plan *plan)
{
    const struct spec *spec = request->spec;
    bool there = !request->state;
    for (size_t i = 0; i < spec->mounts.len && !there; i++)
        there = strcmp(below_root(spec->mounts.at[i].destination), "dev") == 0;
    if (there)
        return;
    struct plan_mount *mount = mount_add(plan);
    mount->kind = PLAN_MOUNT_FS;
    mount->destination = "dev";
    mount->type = "tmpfs";
    mount->name = "tmpfs";
    mount->options.set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
    strings_add(&mount->options.rest, "mode=755");
    strings_add(&mount->options.rest, "size=64k");
}

static void note_devices(struct plan *plan)
{
    if (!plan->dev_made)
        return;
    plan->far = xcalloc(plan->n_devices, sizeof(*plan->far));
    for (size_t i = 0; i < plan->n_devices; i++)
        if (!text_starts(plan->devices[i].path, "/dev/"))
            plan->far[plan->n_far++] = i;
}

int plan_mounts_make(const struct runtime_request *request, struct plan *plan, struct err *err)
{
    const struct spec *spec = request->spec;
    mount_dev(request, plan);
    for (size_t i = 0; i < spec->mounts.len; i++) {
        const struct spec_mount *entry = &spec->mounts.at[i];
        bool is_cgroup = entry->type && text_starts(entry->type, "cgroup");
        if ((is_cgroup ? mount_cgroup(request, entry, plan, err)
                       : mount_make(request, entry, plan, err)) < 0) {
            auto_free char *pointer = xasprintf("/mounts/%zu", i);
            return plan_fail(request, pointer, err);
        }
    }
    const char *label = spec->linux->mount_label;
    if (label && *label && !label_active(LABEL_SELINUX))
        plan_warn(plan, "/linux/mountLabel: SELinux is not active on this machine, so files have "
                        "no labels");
    note_file_systems(plan);
    note_devices(plan);
    return 0;
}
