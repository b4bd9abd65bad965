/* SPDX-License-Identifier: Apache-2.0 */
#include "transfer/confine.h"

#include <linux/landlock.h>
#include <sys/prctl.h>

#include "base/mem.h"
#include "kernel/capability.h"
#include "kernel/confine.h"

/* ---- what each verb may do ---- */

#define CALLS_ALL                                                                                  \
    "read readv write writev close lseek fstat newfstatat statx fcntl munmap mremap brk madvise "  \
    "futex sendto sendmsg recvfrom recvmsg exit exit_group rt_sigreturn rt_sigprocmask "           \
    "restart_syscall clock_gettime gettimeofday getrandom"
#define CALLS_FLOW   CALLS_ALL " poll ppoll"
#define CALLS_SPOOL  CALLS_ALL " openat ftruncate"
#define CALLS_PACK   CALLS_ALL " pread64 pwrite64 pwritev ftruncate"
#define CALLS_REMOVE CALLS_ALL " openat openat2 getdents64 unlinkat fchmod"
#define CALLS_SUM    CALLS_ALL " openat openat2 getdents64 readlinkat flistxattr fgetxattr"
#define CALLS_EXPORT CALLS_SUM " pread64"
#define CALLS_UNPACK                                                                               \
    CALLS_REMOVE " mkdirat mknodat symlinkat linkat ftruncate fchown fchownat utimensat fsetxattr"

#define ACCESS_REMOVE                                                                              \
    (LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define ACCESS_SUM   (LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_READ_FILE)
#define ACCESS_SPOOL (LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_WRITE_FILE)
#define ACCESS_UNPACK                                                                              \
    (ACCESS_REMOVE | ACCESS_SPOOL | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |   \
     LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_SYM |   \
     LANDLOCK_ACCESS_FS_REFER | CONFINE_ACCESS_TRUNCATE)

static const struct rights {
    const char *calls;
    uint64_t access; /* beneath the directory */
    uint64_t capabilities;
} rights_of[] = {
    [TRANSFER_SPOOL] = { CALLS_SPOOL, ACCESS_SPOOL, 0 },
    [TRANSFER_DIGEST] = { CALLS_ALL, 0, 0 },
    [TRANSFER_INFLATE] = { CALLS_FLOW, 0, 0 },
    [TRANSFER_CONTENT] = { CALLS_FLOW, 0, 0 },
    [TRANSFER_KEEP] = { CALLS_FLOW, 0, 0 },
    [TRANSFER_SUM] = { CALLS_SUM, ACCESS_SUM, CAPABILITY_BIT(DAC_OVERRIDE) },
    [TRANSFER_UNPACK] = { CALLS_UNPACK, ACCESS_UNPACK,
                          CAPABILITY_BIT(CHOWN) | CAPABILITY_BIT(DAC_OVERRIDE) |
                              CAPABILITY_BIT(FOWNER) | CAPABILITY_BIT(FSETID) |
                              CAPABILITY_BIT(SETFCAP) },
    [TRANSFER_PACK] = { CALLS_PACK, 0, 0 },
    [TRANSFER_DEFLATE] = { CALLS_ALL, 0, 0 },
    [TRANSFER_REMOVE] = { CALLS_REMOVE, ACCESS_REMOVE,
                          CAPABILITY_BIT(DAC_OVERRIDE) | CAPABILITY_BIT(FOWNER) },
    [TRANSFER_EXPORT] = { CALLS_EXPORT, ACCESS_SUM, CAPABILITY_BIT(DAC_OVERRIDE) },
    [TRANSFER_SIGN] = { CALLS_ALL, 0, 0 },
    [TRANSFER_VERIFY] = { CALLS_ALL, 0, 0 },
};

_Static_assert(array_size(rights_of) == TRANSFER_VERB_COUNT, "each verb has its rights");

enum {
    ADDRESS_MIB = 2048, /* zstd's window, tables of a large layer's directories */
    FILE_TIB = 8,       /* one file, holes counted */
    FILES_OPEN = 128,
};

/* ---- all ---- */

static int filter_make(const char *calls, struct seccomp_filter *ret_filter, struct err *err)
{
    struct seccomp_rules rules;
    confine_rules_init(&rules, calls);
    int result = seccomp_compile(&rules, ret_filter, err);
    seccomp_rules_done(&rules);
    return result;
}

int confinement_init(struct confinement *confinement, struct err *err)
{
    *confinement = (struct confinement){};
    for (size_t i = 0; i < TRANSFER_VERB_COUNT; i++) {
        if (filter_make(rights_of[i].calls, &confinement->filters[i], err) < 0) {
            confinement_done(confinement);
            return -1;
        }
    }
    return 0;
}

void confinement_done(struct confinement *confinement)
{
    for (size_t i = 0; i < TRANSFER_VERB_COUNT; i++)
        seccomp_filter_done(&confinement->filters[i]);
}

static int files_enter(const struct rights *rights, const int *directories, size_t n,
                       struct err *err)
{
    auto_free struct confine_beneath *beneath = xcalloc(n + 1, sizeof(*beneath));
    for (size_t i = 0; i < n; i++)
        beneath[i] = (struct confine_beneath){ directories[i], rights->access };
    int entered = confine_files_enter(beneath, n, CONFINE_RELINKS, err);
    if (entered != 0)
        return entered < 0 ? -1 : 0;
    /* Before Linux 5.19. Of an export there are more directories: from the others ".." leads out. */
    return confine_root_enter(n > 0 ? directories[0] : -1, err);
}

int confinement_enter(const struct confinement *confinement, enum transfer_verb verb,
                      const int *directories, size_t n_directories, struct err *err)
{
    const struct confine_limits limits = {
        /* A directory of an export lies in each of its layers. */
        .files_open = FILES_OPEN + 2 * n_directories,
        .file_bytes = (uint64_t)FILE_TIB << 40,
        .address_bytes = (uint64_t)ADDRESS_MIB << 20,
    };
    const struct rights *rights = &rights_of[verb];
    const struct capability_sets capabilities = {
        .effective = rights->capabilities,
        .permitted = rights->capabilities,
    };

    if (confine_limits_enter(&limits, err) < 0 || confine_streams_close(err) < 0)
        return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        return err_sys(err, "give up new privileges");
    if (files_enter(rights, directories, n_directories, err) < 0)
        return -1;
    if (capability_set(&capabilities) < 0)
        return err_sys(err, "give up capabilities");
    return confine_filter_enter(&confinement->filters[verb], err);
}
