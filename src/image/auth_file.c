/* SPDX-License-Identifier: Apache-2.0 */
#include "image/auth_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "base/base64.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/str.h"

enum { FILE_MAX_BYTES = 4 << 20, INDENT = 4 };

static const char docker_place[] = "docker.io";
static const char docker_key[] = "https://index.docker.io/v1/";

static const struct field entry_fields[] = {
    FIELD_TEXT(auth_entry, auth, "auth", 0),
    FIELD_TEXT(auth_entry, username, "username", 0),
    FIELD_TEXT(auth_entry, password, "password", 0),
    FIELD_TEXT(auth_entry, identity_token, "identitytoken", 0),
    FIELD_TEXT(auth_entry, registry_token, "registrytoken", 0),
    FIELD_END,
};

static const struct field file_fields[] = {
    FIELD_MAP(auth_file, entries, "auths", 0, auth_entry, entry_fields),
    FIELD_PAIRS(auth_file, helpers, "credHelpers", 0),
    FIELD_TEXT(auth_file, store, "credsStore", 0),
    FIELD_END,
};

static void text_wipe(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
}

void auth_file_done(struct auth_file *file)
{
    for (size_t i = 0; i < file->entries.len; i++) {
        struct auth_entry *entry = &file->entries.at[i];
        text_wipe(entry->auth);
        text_wipe(entry->password);
        text_wipe(entry->identity_token);
        text_wipe(entry->registry_token);
    }
    field_done(file_fields, file);
}

/* ---- reading ---- */

/* The parser says near which text it failed, which may be a password. */
static int fail_unquoted(struct err *err)
{
    char *near = strstr(err->text, " near '");
    if (near)
        *near = '\0';
    return -1;
}

int auth_file_load(const char *path, enum auth_file_flags flags, struct auth_file *ret_file,
                   struct err *err)
{
    char *data = NULL;
    size_t len = 0;
    struct auth_file file = {};
    auto_done(str) text = {};
    int found = file_load(AT_FDCWD, path, FILE_MAX_BYTES, &data, &len, err);
    if (found <= 0)
        return found;
    bool legacy = flags & AUTH_FILE_LEGACY;
    str_add(&text, legacy ? "{\"auths\":" : "");
    str_add_bytes(&text, data, len);
    str_add(&text, legacy ? "}" : "");
    bool empty = strspn(data, " \t\r\n") == len;
    int result =
        empty ? 0 : field_read(file_fields, str_text(&text), text.len, path, 0, &file, err);
    explicit_bzero(data, len);
    if (text.at)
        explicit_bzero(text.at, text.len);
    free(data);
    if (result < 0)
        return fail_unquoted(err);
    *ret_file = file;
    return 1;
}

/* ---- keys ---- */

/* The host that a key is for, if it is for a whole host: a name without a path, or a URL with any.
 * False: it is a namespace or a repository. */
static bool key_host(const char *key, struct view *ret_host)
{
    const char *scheme = strstr(key, "://");
    const char *host = scheme ? scheme + 3 : key;
    size_t len = strcspn(host, "/");
    if (!scheme && host[len])
        return false;
    *ret_host = (struct view){ host, len };
    if (view_is(*ret_host, "index.docker.io") || view_is(*ret_host, "registry-1.docker.io"))
        *ret_host = view_of(docker_place);
    return true;
}

bool auth_key_is(const char *key, const char *place)
{
    struct view host;
    return strcmp(key, place) == 0 || (key_host(key, &host) && view_is(host, place));
}

/* The next place above, or false. */
static bool place_up(char *place)
{
    char *slash = strrchr(place, '/');
    if (slash)
        *slash = '\0';
    return slash;
}

static const struct auth_entry *entry_at(const struct auth_file *file, const char *place)
{
    const struct auth_entry *found = NULL;
    for (size_t i = 0; i < file->entries.len; i++) {
        const struct auth_entry *entry = &file->entries.at[i];
        if (strcmp(entry->key, place) == 0)
            return entry;
        if (!found && auth_key_is(entry->key, place))
            found = entry;
    }
    return found;
}

const struct auth_entry *auth_file_entry(const struct auth_file *file, const char *place)
{
    auto_free char *at = xstrdup(place);
    const struct auth_entry *entry;
    do {
        entry = entry_at(file, at);
    } while (!entry && place_up(at));
    return entry;
}

const char *auth_file_helper(const struct auth_file *file, const char *place)
{
    auto_free char *at = xstrdup(place);
    do {
        for (size_t i = 0; i < file->helpers.len; i++)
            if (auth_key_is(file->helpers.at[i].key, at) && file->helpers.at[i].value[0])
                return file->helpers.at[i].value;
    } while (place_up(at));
    return file->store && file->store[0] ? file->store : NULL;
}

/* ---- entries ---- */

/* "USER:PASSWORD" of an entry that has a user with it. */
static int auth_decode(const struct auth_entry *entry, const char *path,
                       struct credentials *credentials, struct err *err)
{
    char *plain = NULL;
    size_t len = 0;
    bool good = base64_decode(entry->auth, strlen(entry->auth), &plain, &len);
    while (good && len > 0 && plain[len - 1] == '\0') /* some clients padded them */
        len--;
    char *colon = good ? memchr(plain, ':', len) : NULL;
    if (colon && colon > plain && !memchr(plain, '\0', len)) {
        credentials->username = xstrndup(plain, (size_t)(colon - plain));
        credentials->password = xstrndup(colon + 1, len - (size_t)(colon + 1 - plain));
    }
    if (plain)
        explicit_bzero(plain, len);
    free(plain);
    if (credentials->username)
        return 0;
    auto_done(str) shown = { .max_bytes = 200 };
    text_escape(&shown, entry->key, strlen(entry->key));
    return err_set(err, ERR_INVALID, "%s: \"auth\" of \"%s\" is not USER:PASSWORD in base64", path,
                   str_text(&shown));
}

static char *text_copy(const char *text)
{
    return text && text[0] ? xstrdup(text) : NULL;
}

int auth_entry_credentials(const struct auth_entry *entry, const char *path,
                           struct credentials *ret_credentials, struct err *err)
{
    struct credentials credentials = {};
    if (entry->auth && entry->auth[0]) {
        if (auth_decode(entry, path, &credentials, err) < 0)
            return -1;
    } else if (entry->username && entry->username[0]) {
        credentials.username = xstrdup(entry->username);
        credentials.password = xstrdup(entry->password ? entry->password : "");
    }
    credentials.identity_token = text_copy(entry->identity_token);
    credentials.registry_token = text_copy(entry->registry_token);
    bool any = credentials.username || credentials.identity_token || credentials.registry_token;
    if (any)
        *ret_credentials = credentials;
    return any;
}

/* ---- changing ---- */

/* The document, or an empty one where there is no file. */
static int document_load(const char *path, struct document *document, struct err *err)
{
    char *data = NULL;
    size_t len = 0;
    int found = file_load(AT_FDCWD, path, FILE_MAX_BYTES, &data, &len, err);
    if (found < 0)
        return -1;
    if (found == 0 || strspn(data, " \t\r\n") == len) {
        free(data);
        *document = (struct document){ .root = json_object() };
        return 0;
    }
    int result = document_open(document, data, len, path, err);
    explicit_bzero(data, len);
    free(data);
    if (result < 0)
        return fail_unquoted(err);
    json_t *auths = json_object_get(document->root, "auths");
    if (json_is_object(document->root) && (!auths || json_is_object(auths)) &&
        document->n_numbers == 0)
        return 0;
    bool number = document->n_numbers > 0;
    document_close(document);
    return err_set(err, ERR_INVALID, "%s: %s", path,
                   number ? "it holds a number beyond 64 bits, and so cannot be changed"
                          : "it is no object of credentials");
}

static int document_save(const char *path, const struct document *document, struct err *err)
{
    char *text = json_dumps(document->root, JSON_INDENT(INDENT));
    if (!text)
        return err_set(err, ERR_INVALID, "%s: what it holds cannot be written", path);
    size_t len = strlen(text);
    text[len] = '\n'; /* in place of the zero byte, which file_save does not want */
    int result = file_save(AT_FDCWD, path, text, len + 1, 0600, FILE_SYNC, err);
    explicit_bzero(text, len);
    free(text);
    return result;
}

/* Takes away the entries of the place, or all. Returns how many. */
static int entries_remove(json_t *auths, const char *place)
{
    const char *key;
    json_t *value;
    void *next;
    int removed = 0;
    json_object_foreach_safe(auths, next, key, value)
    {
        if (place && !auth_key_is(key, place))
            continue;
        (void)json_object_del(auths, key);
        removed++;
    }
    return removed;
}

/* Puts an entry where the place has one, else under the name that the readers of such a file look
 * for: docker's only know docker's registry by its old URL. */
static void entry_put(json_t *auths, const char *path, const struct auth_change *change)
{
    const char *slash = strrchr(path, '/');
    bool dockers = strcmp(slash ? slash + 1 : path, "config.json") == 0;
    const char *key = change->place;
    if (strcmp(key, docker_place) == 0 && (dockers || json_object_get(auths, docker_key)))
        key = docker_key;
    (void)entries_remove(auths, change->place);
    json_t *entry = json_object();
    if (change->auth[0])
        (void)json_object_set_new(entry, "auth", json_string(change->auth));
    (void)json_object_set_new(auths, key, entry);
}

static int document_change(const char *path, struct document *document,
                           const struct auth_change *change, struct err *err)
{
    json_t *auths = json_object_get(document->root, "auths");
    int changed = 1;
    if (change->auth) {
        if (!auths)
            (void)json_object_set_new(document->root, "auths", json_object());
        entry_put(json_object_get(document->root, "auths"), path, change);
    } else {
        changed = auths ? entries_remove(auths, change->place) : 0;
    }
    if (changed == 0)
        return 0;
    return document_save(path, document, err) < 0 ? -1 : 1;
}

/* Where a link leads, so that it stays one. Absent: the path itself. */
static char *path_real(const char *path)
{
    char *real = realpath(path, NULL);
    return real ? real : xstrdup(path);
}

static int directory_lock(const char *path, int *ret_fd, struct err *err)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    auto_free char *directory = slash ? xstrndup(path, len > 0 ? len : 1) : xstrdup(".");
    auto_close int fd = -1;
    if (dir_open_made(AT_FDCWD, directory, 0700, &fd, err) < 0)
        return -1;
    while (flock(fd, LOCK_EX) < 0 && errno == EINTR)
        ; /* a file system without locks goes without */
    *ret_fd = take_fd(fd);
    return 0;
}

int auth_file_change(const char *path, const struct auth_change *change, struct err *err)
{
    auto_free char *real = path_real(path);
    auto_close int lock = -1;
    struct document document = {};
    if (!change->auth && access(real, F_OK) < 0 && errno == ENOENT)
        return 0;
    if (directory_lock(real, &lock, err) < 0 || document_load(real, &document, err) < 0)
        return -1;
    int result = document_change(real, &document, change, err);
    document_close(&document);
    return result;
}
