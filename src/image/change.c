/* SPDX-License-Identifier: Apache-2.0 */
#include "image/change.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* ---- values ---- */

static void text_set(char **at, const char *value)
{
    free(*at);
    *at = xstrdup(value);
}

struct words {
    struct strings list;
};

static const struct field words_fields[] = { FIELD_LIST(words, list, "list", 0), FIELD_END };

/* ["a", "b"]. Returns 1, or 0: it is no array. */
static int array_read(const char *value, struct strings *list)
{
    struct words words = {};
    struct err ignored;
    if (value[0] != '[')
        return 0;
    auto_free char *json = xasprintf("{\"list\":%s}", value);
    if (field_read(words_fields, json, strlen(json), "list", 0, &words, &ignored) < 0)
        return 0;
    strings_done(list);
    *list = words.list;
    return 1;
}

/* A command: an array, or a line for the shell. */
static void command_read(const char *value, struct strings *list)
{
    if (array_read(value, list))
        return;
    strings_done(list);
    strings_add(list, "/bin/sh");
    strings_add(list, "-c");
    strings_add(list, value);
}

/* One word as a shell would read it: quotes and backslashes taken off. Gives what is behind it. */
static const char *word_read(const char *at, struct str *word)
{
    char quote = '\0';
    for (; *at && (quote || !isblank((unsigned char)*at)); at++) {
        if (*at == '\\' && quote != '\'' && at[1])
            str_add_char(word, *++at);
        else if (quote ? *at == quote : *at == '"' || *at == '\'')
            quote = quote ? '\0' : *at;
        else
            str_add_char(word, *at);
    }
    return at + strspn(at, " \t");
}

typedef void pair_put(struct oci_image_config *config, const char *key, const char *value);

static void env_put(struct oci_image_config *config, const char *key, const char *value)
{
    auto_free char *entry = xasprintf("%s=%s", key, value);
    strings_put(&config->env, entry);
}

static void label_put(struct oci_image_config *config, const char *key, const char *value)
{
    for (size_t i = 0; i < config->labels.len; i++)
        if (strcmp(config->labels.at[i].key, key) == 0) {
            text_set(&config->labels.at[i].value, value);
            return;
        }
    pairs_put(&config->labels, key, value);
}

/* "KEY=VALUE KEY='VALUE'…", or the old "KEY VALUE". */
static int pairs_read(struct oci_image_config *config, const char *value, pair_put *put,
                      struct err *err)
{
    size_t key_len = strcspn(value, "= \t");
    if (value[key_len] != '=') {
        auto_free char *key = xstrndup(value, key_len);
        const char *rest = value + key_len + strspn(value + key_len, " \t");
        if (!*key || !*rest)
            return err_set(err, ERR_USAGE, "\"%s\" is no KEY=VALUE", value);
        put(config, key, rest);
        return 0;
    }
    while (*value) {
        auto_done(str) word = {};
        value = word_read(value, &word);
        auto_free char *pair = str_take(&word);
        char *equals = strchr(pair, '=');
        if (!equals || equals == pair)
            return err_set(err, ERR_USAGE, "\"%s\" is no KEY=VALUE", pair);
        *equals = '\0';
        put(config, pair, equals + 1);
    }
    return 0;
}

static void set_add(struct strings *set, const char *value)
{
    if (!strings_have(set, value))
        strings_add(set, value);
}

/* Words, or an array of them. */
static void words_read(const char *value, struct strings *words)
{
    if (array_read(value, words))
        return;
    while (*value) {
        auto_done(str) word = {};
        value = word_read(value, &word);
        strings_add_taken(words, str_take(&word));
    }
}

/* ---- instructions ---- */

static int change_cmd(struct oci_image_config *config, const char *value, struct err *err)
{
    (void)err;
    command_read(value, &config->cmd);
    return 0;
}

static int change_entrypoint(struct oci_image_config *config, const char *value, struct err *err)
{
    (void)err;
    command_read(value, &config->entrypoint);
    return 0;
}

static int change_env(struct oci_image_config *config, const char *value, struct err *err)
{
    return pairs_read(config, value, env_put, err);
}

static int change_label(struct oci_image_config *config, const char *value, struct err *err)
{
    return pairs_read(config, value, label_put, err);
}

static int port_add(struct oci_image_config *config, const char *text, struct err *err)
{
    size_t digits = strspn(text, "0123456789-");
    const char *protocol = text + digits;
    if (digits == 0 || (*protocol && strcmp(protocol, "/tcp") != 0 &&
                        strcmp(protocol, "/udp") != 0 && strcmp(protocol, "/sctp") != 0))
        return err_set(err, ERR_USAGE, "\"%s\" is no port; write one like 80 or 53/udp", text);
    auto_free char *port = xasprintf("%s%s", text, *protocol ? "" : "/tcp");
    set_add(&config->exposed_ports, port);
    return 0;
}

static int change_expose(struct oci_image_config *config, const char *value, struct err *err)
{
    auto_done(strings) words = {};
    words_read(value, &words);
    for (size_t i = 0; i < words.len; i++)
        if (port_add(config, words.at[i], err) < 0)
            return -1;
    return 0;
}

static int change_onbuild(struct oci_image_config *config, const char *value, struct err *err)
{
    (void)err;
    strings_add(&config->on_build, value);
    return 0;
}

static int change_stopsignal(struct oci_image_config *config, const char *value, struct err *err)
{
    (void)err;
    text_set(&config->stop_signal, value);
    return 0;
}

static int change_user(struct oci_image_config *config, const char *value, struct err *err)
{
    (void)err;
    text_set(&config->user, value);
    return 0;
}

static int change_volume(struct oci_image_config *config, const char *value, struct err *err)
{
    auto_done(strings) words = {};
    (void)err;
    words_read(value, &words);
    for (size_t i = 0; i < words.len; i++)
        set_add(&config->volumes, words.at[i]);
    return 0;
}

static int change_workdir(struct oci_image_config *config, const char *value, struct err *err)
{
    if (value[0] != '/')
        return err_set(err, ERR_USAGE, "\"%s\" is no absolute path", value);
    text_set(&config->working_dir, value);
    return 0;
}

static const struct instruction {
    const char *name;
    int (*change)(struct oci_image_config *config, const char *value, struct err *err);
} instructions[] = {
    { "CMD", change_cmd },
    { "ENTRYPOINT", change_entrypoint },
    { "ENV", change_env },
    { "EXPOSE", change_expose },
    { "LABEL", change_label },
    { "ONBUILD", change_onbuild },
    { "STOPSIGNAL", change_stopsignal },
    { "USER", change_user },
    { "VOLUME", change_volume },
    { "WORKDIR", change_workdir },
};

int config_change(struct oci_image_config *config, const char *change, struct err *err)
{
    const char *at = change + strspn(change, " \t");
    size_t len = strcspn(at, " \t=");
    const char *value = at + len;
    value += strspn(value, " \t");
    if (*value == '=' && value == at + len)
        value++;
    if (strchr(value, '\n'))
        return err_set(err, ERR_USAGE, "a change is one line");
    for (size_t i = 0; i < array_size(instructions); i++) {
        const struct instruction *instruction = &instructions[i];
        if (strlen(instruction->name) != len || strncasecmp(instruction->name, at, len) != 0)
            continue;
        if (!*value)
            return err_set(err, ERR_USAGE, "%s has no value", instruction->name);
        return instruction->change(config, value, err) < 0 ? err_wrap(err, "%s", instruction->name)
                                                           : 0;
    }
    err_set(err, ERR_USAGE, "\"%.*s\" cannot be changed", (int)len, at);
    return err_hint(err,
                    "there are CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, "
                    "VOLUME and WORKDIR");
}
