/* SPDX-License-Identifier: Apache-2.0 */
/*
 * execve with a search of PATH, and what went wrong in words: the kernel says ENOENT for a missing
 * program, a missing interpreter and a missing loader alike. Runs between clone and exec.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/elf-em.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/start.h"

static const char default_path[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#if defined(__x86_64__)
enum { OWN_MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { OWN_MACHINE = EM_AARCH64 };
#elif defined(__riscv)
enum { OWN_MACHINE = EM_RISCV };
#else
#error "name the ELF machine of this architecture here"
#endif

struct machine {
    unsigned short number;
    char name[14];
};

static const struct machine machines[] = {
    { EM_X86_64, "amd64" },  { EM_386, "386" },       { EM_AARCH64, "arm64" },
    { EM_ARM, "arm" },       { EM_PPC64, "ppc64le" }, { EM_S390, "s390x" },
    { EM_RISCV, "riscv64" }, { EM_MIPS, "mips" },     { EM_LOONGARCH, "loong64" },
};

static const char *machine_name(unsigned number)
{
    for (size_t i = 0; i < array_size(machines); i++)
        if (machines[i].number == number)
            return machines[i].name;
    return "another architecture";
}

static const char no_program[] = "neither a program nor a script with a #! line:";

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* "#!/bin/sh\r": the name ends at a blank or the line's end, and a carriage return is part of it.
 */
static int explain_script(char *head, const char *path, struct err *err)
{
    char *name = head + 2 + strspn(head + 2, " \t");
    name[strcspn(name, " \t\n")] = '\0';
    size_t len = strlen(name);
    if (!len)
        return err_plain(err, ERR_NOT_EXECUTABLE, 0, no_program, path);
    if (name[len - 1] == '\r') {
        name[len - 1] = '\0';
        return err_plain(err, ERR_NO_COMMAND, 0,
                         "the script's first line ends in a carriage return, so the kernel looks "
                         "for an interpreter of that name; "
                         "convert its line ends (dos2unix):",
                         path);
    }
    if (!exists(name))
        return err_plain(err, ERR_NO_COMMAND, 0,
                         "the script's interpreter is not in the image:", name);
    return err_plain(err, ERR_NOT_EXECUTABLE, 0,
                     "the script's interpreter cannot be executed:", name);
}

/* What it is for stands in the same place of a 32-bit header. Those of this machine are
 * little-endian. */
static unsigned elf_machine(const Elf64_Ehdr *header)
{
    bool big = header->e_ident[EI_DATA] == ELFDATA2MSB;
    return big ? __builtin_bswap16(header->e_machine) : header->e_machine;
}

static int explain_elf(int fd, const Elf64_Ehdr *header, int errnum, const char *path,
                       struct err *err)
{
    if (elf_machine(header) != OWN_MACHINE && errnum == ENOEXEC) {
        err_plain(err, ERR_NOT_EXECUTABLE, 0, "the program is for",
                  machine_name(elf_machine(header)));
        return err_hint(err, "this machine is %s; use an image for it", machine_name(OWN_MACHINE));
    }
    if (errnum == ENOENT && header->e_ident[EI_CLASS] != ELFCLASS64)
        return err_plain(err, ERR_NO_COMMAND, 0,
                         "the program needs a 32-bit loader that is not in the image:", path);
    for (unsigned i = 0; i < header->e_phnum && i < 64; i++) {
        Elf64_Phdr row;
        char loader[256];
        off_t at = (off_t)(header->e_phoff + (uint64_t)i * header->e_phentsize);
        if (pread(fd, &row, sizeof(row), at) != sizeof(row) || row.p_type != PT_INTERP)
            continue;
        ssize_t len = pread(fd, loader, sizeof(loader) - 1, (off_t)row.p_offset);
        if (len <= 0)
            break;
        loader[len] = '\0';
        if (!exists(loader))
            return err_plain(err, ERR_NO_COMMAND, 0,
                             "the program needs a loader that is not in the image (is it linked "
                             "for another C library?):",
                             loader);
    }
    return err_plain(err, ERR_NOT_EXECUTABLE, errnum, "execute", path);
}

/* The file is there, yet execve failed. */
static int explain_file(const char *path, int errnum, struct err *err)
{
    struct stat status = {};
    bool seen = stat(path, &status) == 0;
    if (seen && S_ISDIR(status.st_mode))
        return err_plain(err, ERR_NOT_EXECUTABLE, 0, "this is a directory:", path);
    if (seen && errnum == EACCES && !(status.st_mode & 0111))
        return err_plain(
            err, ERR_NOT_EXECUTABLE, 0,
            "the file is not executable (chmod +x it, or start it with its interpreter):", path);
    /* EACCES of a file that may be executed: it is about its interpreter. */
    bool of_interpreter = errnum == EACCES && access(path, X_OK) == 0;
    if (errnum != ENOENT && errnum != ENOEXEC && !of_interpreter)
        return err_plain(err, ERR_NOT_EXECUTABLE, errnum, "execute", path);

    union {
        char text[256];
        Elf64_Ehdr elf;
    } head = {};
    auto_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, head.text, sizeof(head.text) - 1);
    if (len >= 2 && memcmp(head.text, "#!", 2) == 0)
        return explain_script(head.text, path, err);
    if (len >= (ssize_t)sizeof(head.elf) && memcmp(head.text, ELFMAG, SELFMAG) == 0)
        return explain_elf(fd, &head.elf, errnum, path, err);
    if (errnum == ENOEXEC)
        return err_plain(err, ERR_NOT_EXECUTABLE, 0, no_program, path);
    return err_plain(err, errnum == ENOENT ? ERR_NO_COMMAND : ERR_NOT_EXECUTABLE, errnum, "execute",
                     path);
}

static int explain(const char *path, int errnum, struct err *err)
{
    if (errnum == ENOENT && !exists(path))
        return err_plain(err, ERR_NO_COMMAND, 0, "no such file in the container:", path);
    if (errnum == ENOTDIR)
        return err_plain(err, ERR_NO_COMMAND, 0, "a part of the path is no directory:", path);
    return explain_file(path, errnum, err);
}

/* The next directory of a PATH joined with the name; false when it does not fit. */
static bool path_join(struct view directory, const char *name, char path[PATH_MAX])
{
    size_t len = strlen(name);
    if (directory.len + 1 + len >= PATH_MAX)
        return false;
    memcpy(path, directory.at, directory.len);
    if (directory.len)
        path[directory.len++] = '/';
    memcpy(path + directory.len, name, len + 1);
    return true;
}

static struct view path_of(char *const *env)
{
    struct view path = view_of(default_path);
    for (size_t i = 0; env[i]; i++)
        if (text_starts(env[i], "PATH="))
            path = view_of(env[i] + 5);
    return path;
}

static int not_found(const char *name, struct err *err)
{
    return err_plain(err, ERR_NO_COMMAND, 0, "command not found in the container's PATH:", name);
}

int execute(char *const *argv, char *const *env, struct err *err)
{
    const char *name = argv[0];
    if (!*name)
        return err_plain(err, ERR_NO_COMMAND, 0, "the command is an empty text", NULL);
    if (strchr(name, '/')) {
        (void)execve(name, argv, env);
        return explain(name, errno, err);
    }

    struct view path = path_of(env);
    char candidate[PATH_MAX];
    char refused[PATH_MAX] = "";
    int why = ENOENT;
    bool more = true;
    while (more) {
        struct view directory;
        more = view_cut(&path, ':', &directory);
        if (!path_join(directory, name, candidate))
            continue;
        if (!exists(candidate))
            continue; /* asking first is cheaper than a failed execve */
        (void)execve(candidate, argv, env);
        if (refused[0])
            continue;
        why = errno;
        memcpy(refused, candidate, sizeof(refused));
    }
    if (refused[0])
        return explain_file(refused, why, err);
    return not_found(name, err);
}

/* Engines show a missing program as the container's, not as its start's. */
int execute_check(char *const *argv, char *const *env, struct err *err)
{
    const char *name = argv[0];
    if (!*name)
        return err_plain(err, ERR_NO_COMMAND, 0, "the command is an empty text", NULL);
    if (strchr(name, '/')) {
        struct stat status;
        if (access(name, X_OK) < 0)
            return explain(name, errno, err);
        bool is_file = stat(name, &status) < 0 || !S_ISDIR(status.st_mode);
        return is_file ? 0 : explain_file(name, EACCES, err);
    }
    struct view path = path_of(env);
    char candidate[PATH_MAX];
    char refused[PATH_MAX] = "";
    for (bool more = true; more;) {
        struct view directory;
        more = view_cut(&path, ':', &directory);
        if (!path_join(directory, name, candidate))
            continue;
        if (access(candidate, X_OK) == 0)
            return 0;
        if (errno != ENOENT && errno != ENOTDIR && !refused[0])
            memcpy(refused, candidate, sizeof(refused));
    }
    return refused[0] ? explain_file(refused, EACCES, err) : not_found(name, err);
}
