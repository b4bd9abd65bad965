/* SPDX-License-Identifier: Apache-2.0 */
#include "image/reference.h"

#include <ctype.h>
#include <string.h>

#include "base/str.h"
#include "oci/image.h"

enum { NAME_LEN_MAX = 255, TAG_LEN_MAX = 128, ID_LEN = 64, TEXT_SHOWN_MAX = 100 };

static const char default_domain[] = "docker.io";
static const char default_namespace[] = "library/";
static const char default_tag[] = "latest";

void reference_free(struct reference *reference)
{
    if (!reference)
        return;
    free(reference->domain);
    free(reference->path);
    free(reference->tag);
    free(reference->digest);
    free(reference);
}

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
    return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

static bool is_hex(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!(text[i] >= '0' && text[i] <= '9') && !(text[i] >= 'a' && text[i] <= 'f'))
            return false;
    return true;
}

/* ---- the parts ---- */

/* Letters and digits, between them ".", "_", "__" or any number of "-". */
static bool path_component_valid(struct view part)
{
    if (part.len == 0 || !is_lower_alnum(part.at[0]) || !is_lower_alnum(part.at[part.len - 1]))
        return false;
    for (size_t i = 0; i < part.len; i++) {
        char c = part.at[i];
        if (is_lower_alnum(c) || c == '-')
            continue;
        size_t run = 1;
        while (part.at[i + run] == c) /* stops at the last character, which is alphanumeric */
            run++;
        bool good = (c == '.' && run == 1) || (c == '_' && run <= 2);
        if (!good || !is_lower_alnum(part.at[i + run]))
            return false;
        i += run - 1;
    }
    /* No other separator beside a dash. */
    for (size_t i = 0; i + 1 < part.len; i++)
        if (part.at[i] == '-' && !is_lower_alnum(part.at[i + 1]) && part.at[i + 1] != '-')
            return false;
    return true;
}

static bool path_valid(const char *path)
{
    struct view rest = view_of(path);
    struct view part;
    bool more = true;
    while (more) {
        more = view_cut(&rest, '/', &part);
        if (!path_component_valid(part))
            return false;
    }
    return true;
}

static bool host_label_valid(struct view label)
{
    if (label.len == 0 || !is_alnum(label.at[0]) || !is_alnum(label.at[label.len - 1]))
        return false;
    for (size_t i = 0; i < label.len; i++)
        if (!is_alnum(label.at[i]) && label.at[i] != '-')
            return false;
    return true;
}

static bool port_valid(struct view port)
{
    if (port.len == 0 || port.len > 5)
        return false;
    for (size_t i = 0; i < port.len; i++)
        if (port.at[i] < '0' || port.at[i] > '9')
            return false;
    return true;
}

/* "[2001:db8::1]" with what follows it. */
static bool address_valid(struct view domain)
{
    struct view address;
    if (!view_cut(&domain, ']', &address) || address.len < 3)
        return false;
    for (size_t i = 1; i < address.len; i++)
        if (!isxdigit((unsigned char)address.at[i]) && address.at[i] != ':')
            return false;
    if (domain.len == 0)
        return true;
    return domain.at[0] == ':' && port_valid((struct view){ domain.at + 1, domain.len - 1 });
}

static bool domain_valid(const char *domain)
{
    struct view rest = view_of(domain);
    if (rest.at[0] == '[')
        return address_valid(rest);
    struct view host, label;
    if (view_cut(&rest, ':', &host) && !port_valid(rest))
        return false;
    bool more = true;
    while (more) {
        more = view_cut(&host, '.', &label);
        if (!host_label_valid(label))
            return false;
    }
    return true;
}

static bool tag_valid(const char *tag)
{
    size_t len = strlen(tag);
    if (len == 0 || len > TAG_LEN_MAX || tag[0] == '.' || tag[0] == '-')
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_alnum(tag[i]) && !strchr("._-", tag[i]))
            return false;
    return true;
}

/* ---- the whole ---- */

/* The first component is a domain if no repository on docker.io could be called so. */
static bool is_domain(struct view first)
{
    if (view_is(first, "localhost"))
        return true;
    for (size_t i = 0; i < first.len; i++) {
        char c = first.at[i];
        if (c == '.' || c == ':' || c == '[' || (c >= 'A' && c <= 'Z'))
            return true;
    }
    return false;
}

/* In lower case, as hosts are the same in either; unless it is told to be a host by its case alone. */
static char *domain_normal(struct view domain)
{
    char *lower = xstrndup(domain.at, domain.len);
    for (char *c = lower; *c; c++)
        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c - 'A' + 'a' : *c);
    if (is_domain(view_of(lower)))
        return lower;
    free(lower);
    return xstrndup(domain.at, domain.len);
}

static void name_split(const char *name, struct reference *reference)
{
    struct view rest = view_of(name);
    struct view first;
    if (!view_cut(&rest, '/', &first) || !is_domain(first)) {
        first = view_of(default_domain);
        rest = view_of(name);
    }
    reference->domain = domain_normal(first);
    if (strcmp(reference->domain, "index.docker.io") == 0) {
        free(reference->domain);
        reference->domain = xstrdup(default_domain);
    }
    bool short_name =
        strcmp(reference->domain, default_domain) == 0 && !memchr(rest.at, '/', rest.len);
    auto_free char *path = xstrndup(rest.at, rest.len);
    reference->path = xasprintf("%s%s", short_name ? default_namespace : "", path);
}

/* Cuts "@DIGEST" and ":TAG" off the text. A colon before a slash belongs to a port. */
static char *tail_split(const char *text, struct reference *reference)
{
    char *name = xstrdup(text);
    char *at = strchr(name, '@');
    if (at) {
        reference->digest = xstrdup(at + 1);
        *at = '\0';
    }
    char *slash = strrchr(name, '/');
    char *colon = strrchr(slash ? slash : name, ':');
    if (colon) {
        reference->tag = xstrdup(colon + 1);
        *colon = '\0';
    }
    if (!reference->tag && !reference->digest)
        reference->tag = xstrdup(default_tag);
    return name;
}

static const char *reference_fault(const char *name, const struct reference *reference)
{
    if (!*name)
        return "it has no name";
    if (reference->digest && !digest_valid(reference->digest))
        return "its digest must be sha256: and 64 lower case hexadecimal digits";
    if (reference->tag && !tag_valid(reference->tag))
        return "its tag may have letters, digits, '_', '.' and '-', up to 128, and not begin with "
               "'.' or '-'";
    if (strlen(reference->domain) + 1 + strlen(reference->path) > NAME_LEN_MAX)
        return "it is longer than 255 characters";
    if (strstr(name, "://"))
        return "a name has no scheme; leave away what stands up to the \"//\"";
    if (!domain_valid(reference->domain))
        return "the host before the first '/' is none";
    for (const char *c = reference->path; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            return "the repository must be lower case";
    if (!path_valid(reference->path))
        return "the repository may have lower case letters and digits, and between them '.', '_', "
               "'__', '-' and '/'";
    if (strlen(name) == ID_LEN && is_hex(name, ID_LEN))
        return "a name cannot look like an image's id";
    return NULL;
}

int repository_parse(const char *text, struct reference **ret_reference, struct err *err)
{
    const char *slash = strrchr(text, '/');
    if (reference_parse(text, ret_reference, err) < 0)
        return -1;
    if (!strpbrk(slash ? slash : text, ":@"))
        return 0;
    reference_free(take_ptr(*ret_reference));
    return err_set(err, ERR_USAGE, "\"%s\" has a tag or digest, and a repository is meant", text);
}

int reference_parse(const char *text, struct reference **ret_reference, struct err *err)
{
    auto_drop(reference) *reference = xnew(struct reference);
    auto_free char *name = tail_split(text, reference);
    name_split(name, reference);

    const char *fault = reference_fault(name, reference);
    if (fault) {
        auto_done(str) shown = { .max_bytes = TEXT_SHOWN_MAX };
        text_escape(&shown, text, strlen(text));
        return err_set(err, ERR_INVALID, "\"%s%s\" is no image name: %s", str_text(&shown),
                       shown.over ? "…" : "", fault);
    }
    *ret_reference = take_ptr(reference);
    return 0;
}

char *reference_repository(const struct reference *reference)
{
    return xasprintf("%s/%s", reference->domain, reference->path);
}

char *reference_format(const struct reference *reference)
{
    if (reference->tag)
        return xasprintf("%s/%s:%s", reference->domain, reference->path, reference->tag);
    return xasprintf("%s/%s@%s", reference->domain, reference->path, reference->digest);
}

char *reference_familiar(const char *name)
{
    size_t domain_len = strlen(default_domain);
    if (!text_starts(name, default_domain) || name[domain_len] != '/')
        return xstrdup(name);
    const char *path = name + domain_len + 1;
    if (text_starts(path, default_namespace) && !strchr(path + strlen(default_namespace), '/'))
        path += strlen(default_namespace);
    /* Without its domain "docker.io/a.example/b" would be another registry's. */
    struct view rest = view_of(path), first;
    if (view_cut(&rest, '/', &first) && is_domain(first))
        return xstrdup(name);
    return xstrdup(path);
}
