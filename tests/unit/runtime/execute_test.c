/* SPDX-License-Identifier: Apache-2.0 */
/* The search of PATH, and what is said when a program cannot be executed. */
#include <criterion/criterion.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "runtime/start.h"

enum { FAILED = 213 }; /* what the child ends with when execute came back */

static struct err *why; /* shared with the child */
static char dir[] = "/tmp/ruche-test-XXXXXX";

static void set_up(void)
{
    why = mmap(NULL, sizeof(*why), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert(why != MAP_FAILED && mkdtemp(dir) && chmod(dir, 0755) == 0 && chdir(dir) == 0);
}

static void tidy(void)
{
    struct err err = {};
    cr_expect_eq(tree_remove(AT_FDCWD, dir, &err), 0, "%s", err.text);
}

TestSuite(execute, .init = set_up, .fini = tidy, .timeout = 600);

static void file(const char *path, const void *data, size_t len, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    cr_assert(fd >= 0 && fd_write_all(fd, data, len) == 0 && fchmod(fd, mode) == 0, "%s", path);
    cr_assert_eq(close(fd), 0);
}

static void script(const char *path, const char *text)
{
    file(path, text, strlen(text), 0755);
}

/* Gives the exit status. */
static int run(const char *const *argv, const char *const *env)
{
    int status;
    *why = (struct err){};
    pid_t pid = fork();
    if (pid == 0) {
        (void)execute((char *const *)argv, (char *const *)env, why);
        _exit(FAILED);
    }
    cr_assert(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int run_one(const char *name)
{
    auto_free char *path = xasprintf("PATH=%s/a:%s/b:/no/such/directory", dir, dir);
    return run((const char *const[]){ name, NULL }, (const char *const[]){ path, NULL });
}

static void fails(const char *name, enum err_kind kind, const char *text)
{
    cr_expect_eq(run_one(name), FAILED, "%s was executed", name);
    cr_expect_eq(why->kind, kind, "%s is %s: %s", name, err_kind_name(why->kind), why->text);
    cr_expect(strstr(why->text, text), "%s: \"%s\" is not in \"%s\"", name, text, why->text);
}

Test(execute, finds_programs_by_path)
{
    script("seven", "#!/bin/sh\nexit 7\n");
    auto_free char *path = xasprintf("%s/seven", dir);
    cr_expect_eq(run_one(path), 7);
    cr_expect_eq(run_one("./seven"), 7);
}

Test(execute, searches_path_in_its_order)
{
    cr_assert(mkdir("a", 0755) == 0 && mkdir("b", 0755) == 0);
    script("b/it", "#!/bin/sh\nexit 2\n");
    cr_expect_eq(run_one("it"), 2);
    script("a/it", "#!/bin/sh\nexit 1\n");
    cr_expect_eq(run_one("it"), 1);
}

/* As a shell does it: what cannot be executed is no find. */
Test(execute, goes_on_behind_what_is_not_executable)
{
    cr_assert(mkdir("a", 0755) == 0 && mkdir("b", 0755) == 0);
    file("a/it", "text", 4, 0644);
    script("b/it", "#!/bin/sh\nexit 2\n");
    cr_expect_eq(run_one("it"), 2);
    cr_assert_eq(mkdir("a/dir", 0755), 0);
    script("b/dir", "#!/bin/sh\nexit 3\n");
    cr_expect_eq(run_one("dir"), 3);
}

Test(execute, takes_the_usual_path_where_there_is_none)
{
    const char *const argv[] = { "sh", "-c", "exit 5", NULL };
    cr_expect_eq(run(argv, (const char *const[]){ "HOME=/", NULL }), 5);
}

Test(execute, takes_empty_directories_for_the_current_one)
{
    script("here", "#!/bin/sh\nexit 4\n");
    const char *const argv[] = { "here", NULL };
    cr_expect_eq(run(argv, (const char *const[]){ "PATH=/no/such:", NULL }), 4);
    cr_expect_eq(run(argv, (const char *const[]){ "PATH=/no/such", NULL }), FAILED);
}

Test(execute, hands_arguments_and_environment_over)
{
    script("show", "#!/bin/sh\n[ \"$1\" = 'a b' ] && [ \"$X\" = y ] && exit 6\n");
    const char *const argv[] = { "./show", "a b", NULL };
    cr_expect_eq(run(argv, (const char *const[]){ "X=y", "PATH=/bin", NULL }), 6);
}

Test(execute, says_what_is_not_there)
{
    fails("/no/such/program", ERR_NO_COMMAND,
          "no such file in the container: \"/no/such/program\"");
    fails("nowhere-to-be-found", ERR_NO_COMMAND, "PATH: \"nowhere-to-be-found\"");
    fails("", ERR_NO_COMMAND, "empty");
    fails("/bin/sh/x", ERR_NO_COMMAND, "no directory");
    cr_assert_eq(symlink("/no/such/target", "dangling"), 0);
    fails("./dangling", ERR_NO_COMMAND, "no such file in the container");
}

Test(execute, says_that_a_file_is_not_executable)
{
    file("plain", "#!/bin/sh\n", 10, 0644);
    fails("./plain", ERR_NOT_EXECUTABLE, "chmod +x");
    cr_assert_eq(mkdir("a", 0755), 0);
    file("a/plain", "#!/bin/sh\n", 10, 0644);
    fails("plain", ERR_NOT_EXECUTABLE, "chmod +x");
    cr_assert_eq(mkfifo("fifo", 0755), 0);
    fails("./fifo", ERR_NOT_EXECUTABLE, "Permission denied");
}

Test(execute, says_that_it_is_a_directory)
{
    fails("/bin", ERR_NOT_EXECUTABLE, "this is a directory: \"/bin\"");
    cr_assert(mkdir("a", 0755) == 0 && mkdir("a/dir", 0755) == 0);
    fails("dir", ERR_NOT_EXECUTABLE, "this is a directory");
}

Test(execute, says_what_is_wrong_with_a_script)
{
    script("gone", "#!/no/such/interpreter -x\necho\n");
    fails("./gone", ERR_NO_COMMAND, "not in the image: \"/no/such/interpreter\"");
    script("blanks", "#! \t/no/such/one\necho\n");
    fails("./blanks", ERR_NO_COMMAND, "\"/no/such/one\"");
    script("dos", "#!/bin/sh\r\necho hello\r\n");
    fails("./dos", ERR_NO_COMMAND, "carriage return");
    cr_expect(strstr(why->text, "\"./dos\""), "%s", why->text);
    script("dir", "#!/tmp\n");
    fails("./dir", ERR_NOT_EXECUTABLE, "interpreter cannot be executed: \"/tmp\"");
    file("plain", "text\n", 5, 0644);
    auto_free char *text = xasprintf("#!%s/plain\n", dir);
    script("by-plain", text);
    fails("./by-plain", ERR_NOT_EXECUTABLE, "interpreter cannot be executed");
}

Test(execute, says_that_text_is_no_program)
{
    script("text", "echo hello\n");
    fails("./text", ERR_NOT_EXECUTABLE, "neither a program nor a script");
    script("empty", "");
    fails("./empty", ERR_NOT_EXECUTABLE, "neither a program nor a script");
    script("short", "#!");
    fails("./short", ERR_NOT_EXECUTABLE, "neither a program nor a script");
    script("magic", "\177ELF");
    fails("./magic", ERR_NOT_EXECUTABLE, "neither a program nor a script");
}

struct program {
    Elf64_Ehdr header;
    Elf64_Phdr rows[2];
    char loader[32];
    char code[4096];
};

#if defined(__x86_64__)
enum { OURS = EM_X86_64, FOREIGN = EM_AARCH64 };
#elif defined(__aarch64__)
enum { OURS = EM_AARCH64, FOREIGN = EM_X86_64 };
#else
enum { OURS = EM_RISCV, FOREIGN = EM_AARCH64 };
#endif

/* A program that would load, if its machine and its loader were there. */
static struct program program_of(unsigned machine, const char *loader)
{
    struct program program = {
        .header = {
            .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
            .e_type = ET_EXEC,
            .e_machine = (Elf64_Half)machine,
            .e_version = EV_CURRENT,
            .e_entry = 0x400000,
            .e_phoff = offsetof(struct program, rows),
            .e_ehsize = sizeof(Elf64_Ehdr),
            .e_phentsize = sizeof(Elf64_Phdr),
            .e_phnum = 2,
        },
        .rows = {
            { .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = 0x400000, .p_filesz = sizeof(struct program),
              .p_memsz = sizeof(struct program), .p_align = 4096 },
            { .p_type = loader ? PT_INTERP : PT_NULL, .p_flags = PF_R, .p_offset = offsetof(struct program, loader),
              .p_filesz = loader ? strlen(loader) + 1 : 0, .p_align = 1 },
        },
    };
    if (loader)
        (void)snprintf(program.loader, sizeof(program.loader), "%s", loader);
    return program;
}

Test(execute, says_which_architecture_a_program_is_for)
{
    static const struct {
        unsigned machine;
        bool big_endian;
        const char *name;
    } rows[] = {
        { EM_PPC64, false, "\"ppc64le\"" },
        { EM_S390, true, "\"s390x\"" },
        { EM_LOONGARCH, false, "\"loong64\"" },
        { EM_SPARCV9, true, "another architecture" },
        { FOREIGN, false, FOREIGN == EM_AARCH64 ? "\"arm64\"" : "\"amd64\"" },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        struct program program = program_of(rows[i].machine, NULL);
        if (rows[i].big_endian) {
            program.header.e_ident[EI_DATA] = ELFDATA2MSB;
            program.header.e_machine = __builtin_bswap16(program.header.e_machine);
        }
        file("foreign", &program, sizeof(program), 0755);
        fails("./foreign", ERR_NOT_EXECUTABLE, rows[i].name);
        cr_expect(strstr(why->text, "this machine is"), "%s", why->text);
    }
}

Test(execute, says_which_loader_is_missing)
{
    struct program program = program_of(OURS, "/lib/ld-of-another-libc.so.1");
    file("dynamic", &program, sizeof(program), 0755);
    fails("./dynamic", ERR_NO_COMMAND, "\"/lib/ld-of-another-libc.so.1\"");
    cr_assert_eq(mkdir("a", 0755), 0);
    file("a/dynamic", &program, sizeof(program), 0755);
    fails("dynamic", ERR_NO_COMMAND, "loader");
}

/* A header that lies about where its tables are leads nowhere. */
Test(execute, survives_broken_programs)
{
    struct program program = program_of(OURS, "/no/such/loader");
    program.header.e_phoff = UINT64_MAX - 8;
    file("beyond", &program, sizeof(program), 0755);
    fails("./beyond", ERR_NOT_EXECUTABLE, "");
    program = program_of(OURS, "/no/such/loader");
    program.rows[1].p_offset = INT64_MAX;
    file("off", &program, sizeof(program), 0755);
    fails("./off", ERR_NOT_EXECUTABLE, "");
    program = program_of(OURS, NULL);
    file("cut", &program, sizeof(program.header), 0755);
    fails("./cut", ERR_NOT_EXECUTABLE, "");
}

Test(execute, survives_long_names)
{
    char name[8192];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    fails(name, ERR_NO_COMMAND, "PATH");
    name[0] = '/';
    cr_expect_eq(run_one(name), FAILED);
    cr_expect_eq(why->errnum, ENAMETOOLONG);
}

Test(execute, shows_no_more_of_a_script_than_its_first_line)
{
    auto_done(str) text = {};
    str_add(&text, "#!/");
    for (int i = 0; i < 1000; i++)
        str_add_char(&text, 'i');
    str_add(&text, "\nsecret\n");
    file("long", text.at, text.len, 0755);
    cr_expect_eq(run_one("./long"), FAILED);
    cr_expect(!strstr(why->text, "secret"), "%s", why->text);
}
