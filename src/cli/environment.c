/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/environment.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

enum { FILE_MAX_BYTES = 16 << 20 };

/* Takes one KEY or KEY=VALUE. */
typedef void entry_taker(void *into, const char *entry);

struct source {
    const char *flag; /* "--env-file" */
    const char *path;
    size_t line;
};

static bool utf8_valid(const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;
    while (len > 0) {
        uint32_t code;
        size_t n = utf8_decode(at, len, &code);
        if (n == 0)
            return false;
        at += n;
        len -= n;
    }
    return true;
}

static int line_read(const struct source *source, struct view line, entry_taker *take, void *into,
                     struct err *err)
{
    if (!utf8_valid(line.at, line.len))
        return err_set(err, ERR_INVALID, "%s %s: line %zu is not UTF-8", source->flag, source->path,
                       source->line);
    if (memchr(line.at, '\0', line.len))
        return err_set(err, ERR_INVALID, "%s %s: line %zu holds a zero byte", source->flag,
                       source->path, source->line);
    auto_free char *text = xstrndup(line.at, line.len);
    const char *entry = text + strspn(text, " \t\v\f\r");
    if (entry[0] == '\0' || entry[0] == '#')
        return 0;
    size_t key_len = strcspn(entry, "=");
    if (key_len == 0)
        return err_set(err, ERR_INVALID, "%s %s: line %zu has no name before the =", source->flag,
                       source->path, source->line);
    if (strcspn(entry, " \t") < key_len)
        return err_set(err, ERR_INVALID, "%s %s: line %zu: the name \"%.*s\" has blanks in it",
                       source->flag, source->path, source->line, (int)key_len, entry);
    take(into, entry);
    return 0;
}

static int file_read(const char *flag, const char *path, entry_taker *take, void *into,
                     struct err *err)
{
    auto_free char *data = NULL;
    size_t len = 0;
    struct source source = { .flag = flag, .path = path };
    int found = file_load(AT_FDCWD, path, FILE_MAX_BYTES, &data, &len, err);
    if (found < 0)
        return err_wrap(err, "%s", flag);
    if (found == 0)
        return err_set(err, ERR_NOT_FOUND, "%s %s: there is no such file", flag, path);

    struct view rest = { data, len };
    struct view line;
    if (len >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) /* the mark some editors put first */
        rest = (struct view){ data + 3, len - 3 };
    bool more = true;
    while (more) {
        more = view_cut(&rest, '\n', &line);
        source.line++;
        if (line.len > 0 && line.at[line.len - 1] == '\r')
            line.len--;
        if (line.len > 0 && line_read(&source, line, take, into, err) < 0)
            return -1;
    }
    return 0;
}

static int entries_read(const char *flag, const char *file_flag, const struct strings *files,
                        const struct strings *options, entry_taker *take, void *into,
                        struct err *err)
{
    for (size_t i = 0; i < files->len; i++)
        if (file_read(file_flag, files->at[i], take, into, err) < 0)
            return -1;
    for (size_t i = 0; i < options->len; i++) {
        if (strcspn(options->at[i], "=") == 0)
            return err_set(err, ERR_INVALID, "%s: \"%s\" has no name before the =", flag,
                           options->at[i]);
        take(into, options->at[i]);
    }
    return 0;
}

static void variable_take(void *into, const char *entry)
{
    if (strchr(entry, '=')) {
        strings_put(into, entry);
        return;
    }
    const char *value = getenv(entry);
    if (!value)
        return;
    auto_free char *whole = xasprintf("%s=%s", entry, value);
    strings_put(into, whole);
}

int environment_read(const struct strings *files, const struct strings *options,
                     struct strings *ret_env, struct err *err)
{
    return entries_read("--env", "--env-file", files, options, variable_take, ret_env, err);
}

static void pair_take(void *into, const char *entry)
{
    size_t key_len = strcspn(entry, "=");
    auto_free char *key = xstrndup(entry, key_len);
    pairs_put(into, key, entry[key_len] ? entry + key_len + 1 : "");
}

int labels_read(const struct strings *files, const struct strings *options,
                struct pairs *ret_labels, struct err *err)
{
    return entries_read("--label", "--label-file", files, options, pair_take, ret_labels, err);
}

int annotations_read(const struct strings *options, struct pairs *ret_annotations, struct err *err)
{
    static const struct strings no_files = {};
    for (size_t i = 0; i < options->len; i++)
        if (!strchr(options->at[i], '='))
            return err_set(err, ERR_INVALID, "--annotation: \"%s\" is not of the form KEY=VALUE",
                           options->at[i]);
    return entries_read("--annotation", "", &no_files, options, pair_take, ret_annotations, err);
}
