/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/utsname.h>

#include "base/field.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/format.h"

struct version_args {
    const char *format;
};

/* clang-format off */
static const struct option version_table[] = {
    OPTION_TEXT(version_args, format, 'f', "format", "FORMAT",
        "How to print: json, or a Go template such as '{{.Client.Version}}'"),
    OPTION_END,
};
/* clang-format on */
static const struct option *const version_options[] = { version_table, NULL };

/* Docker's keys, as far as they are true. There is no server: the program is both. */
struct version_side {
    char *version;
    char *os;
    char *arch;
    char *kernel;
    char *oci_runtime;
    char *oci_image;
};

struct version {
    struct version_side client;
    struct version_side server;
};

/* clang-format off */
static const struct field side_fields[] = {
    FIELD_TEXT(version_side, version, "Version", F_ALWAYS),
    FIELD_TEXT(version_side, os, "Os", F_ALWAYS),
    FIELD_TEXT(version_side, arch, "Arch", F_ALWAYS),
    FIELD_TEXT(version_side, kernel, "KernelVersion", F_ALWAYS),
    FIELD_TEXT(version_side, oci_runtime, "OciRuntime", F_ALWAYS),
    FIELD_TEXT(version_side, oci_image, "OciImage", F_ALWAYS),
    FIELD_END,
};

static const struct field version_fields[] = {
    FIELD_OBJECT(version, client, "Client", F_ALWAYS, version_side, side_fields),
    FIELD_OBJECT(version, server, "Server", F_ALWAYS, version_side, side_fields),
    FIELD_END,
};

/* What the kernel calls a machine, and what images do. */
static const struct {
    char machine[12];
    char arch[12];
} archs[] = {
    { "x86_64", "amd64" },
    { "aarch64", "arm64" },
    { "i686", "386" },
    { "armv7l", "arm" },
};
/* clang-format on */

static const char oci_runtime[] = "1.3";
static const char oci_image[] = "1.1";

static const char *arch_of(const struct utsname *host)
{
    for (size_t i = 0; i < array_size(archs); i++)
        if (strcmp(host->machine, archs[i].machine) == 0)
            return archs[i].arch;
    return host->machine;
}

static void side_fill(struct version_side *side, const struct utsname *host)
{
    *side = (struct version_side){
        .version = xstrdup(RUCHE_VERSION),
        .os = xstrdup("linux"),
        .arch = xstrdup(arch_of(host)),
        .kernel = xstrdup(host->release),
        .oci_runtime = xstrdup(oci_runtime),
        .oci_image = xstrdup(oci_image),
    };
}

static int version_print(const char *format, const struct utsname *host, struct err *err)
{
    auto_done(pool) pool = {};
    struct version version;
    side_fill(&version.client, host);
    side_fill(&version.server, host);
    const struct value value = value_of_fields(version_fields, &version, &pool);
    field_done(version_fields, &version);
    return format_value(format, &value, err);
}

static int version_run(void *context, void *args_, char **operands, struct err *err)
{
    const struct version_args *args = args_;
    auto_done(str) out = {};
    struct utsname host = {};
    (void)context;
    (void)operands;
    (void)uname(&host); /* it fails for bad addresses alone */
    if (args->format && args->format[0])
        return version_print(args->format, &host, err);
    str_addf(&out,
             "Version:       %s\n"
             "OCI runtime:   %s\n"
             "OCI image:     %s\n"
             "Kernel:        %s %s\n"
             "Architecture:  %s\n",
             RUCHE_VERSION, oci_runtime, oci_image, host.sysname, host.release, host.machine);
    return say(&out, err);
}

static const char *const version_examples[] = {
    "ruche version",     "All of it", "ruche version --format '{{.Client.Version}}'",
    "The version alone", NULL,
};

const struct command version_command = {
    .name = "version",
    .args = "[OPTIONS]",
    .summary = "Show the versions of ruche and of what it speaks",
    .text = "A template may name Client and Server, which are the same, and of each Version, Os, "
            "Arch, KernelVersion, OciRuntime, OciImage.",
    .examples = version_examples,
    .options = version_options,
    .flags = COMMAND_INTERSPERSED,
    .args_size = sizeof(struct version_args),
    .run = version_run,
};
