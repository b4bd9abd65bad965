/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/environment.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "parsed.h"

static char path[] = "/tmp/ruche-environment-XXXXXX";

static void file_make(void)
{
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    (void)close(fd);
}

static void file_remove(void)
{
    (void)unlink(path);
}

TestSuite(environment, .init = file_make, .fini = file_remove);

static void put(const char *text, size_t len)
{
    auto_close int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    cr_assert_eq(fd_write_all(fd, text, len), 0);
}

#define PUT(text) put(text, sizeof(text) - 1)

Test(environment, takes_variables_and_ours)
{
    cr_assert_eq(setenv("RUCHE_TEST_SET", "from here", 1), 0);
    cr_assert_eq(unsetenv("RUCHE_TEST_UNSET"), 0);
    PARSE(parsed, "-e", "A=1", "--env=B=two words=x", "-e", "EMPTY=", "-e", "RUCHE_TEST_SET", "-e",
          "RUCHE_TEST_UNSET", "-eA=2");
    ASSERT_LIST(parsed.config.env, "A=2", "B=two words=x", "EMPTY=", "RUCHE_TEST_SET=from here");
}

Test(environment, refuses_variables_without_name)
{
    REFUSE("--env", "-e", "=x");
    REFUSE("--env", "-e", "");
}

Test(environment, reads_files)
{
    cr_assert_eq(setenv("RUCHE_TEST_SET", "here", 1), 0);
    PUT("\xef\xbb\xbf"
        "A=1\n"
        "# a comment\n"
        "   # another\n"
        "\n"
        "  B= two \t\r\n"
        "C=a=b#c\n"
        "QUOTED=\"x\"\n"
        "RUCHE_TEST_SET\n"
        "RUCHE_TEST_UNSET\n"
        "LAST=x");
    PARSE(parsed, "--env-file", path);
    ASSERT_LIST(parsed.config.env, "A=1", "B= two \t", "C=a=b#c", "QUOTED=\"x\"",
                "RUCHE_TEST_SET=here", "LAST=x");
}

Test(environment, puts_options_before_files)
{
    PUT("A=file\nB=file\n");
    PARSE(parsed, "-e", "A=option", "--env-file", path);
    ASSERT_LIST(parsed.config.env, "A=option", "B=file");
}

Test(environment, names_the_line)
{
    PUT("A=1\n\n=2\n");
    REFUSE("line 3", "--env-file", path);
    PUT("A B=1\n");
    REFUSE("blanks", "--env-file", path);
    PUT("A=\xff\n");
    REFUSE("UTF-8", "--env-file", path);
    PUT("A=1\0002\n");
    REFUSE("zero byte", "--env-file", path);
}

Test(environment, needs_the_file)
{
    (void)unlink(path);
    REFUSE("--env-file", "--env-file", path);
    REFUSE("--label-file", "--label-file", path);
}

Test(environment, reads_labels)
{
    PUT("from.file=1\nempty\n");
    PARSE(parsed, "-l", "a=1", "--label", "b", "-l", "a=2=3", "--label-file", path, "--label",
          "from.file=2");
    const struct pairs *labels = &parsed.config.labels;
    cr_assert_eq(labels->len, 4);
    cr_expect_str_eq(pairs_value(labels, "a"), "2=3");
    cr_expect_str_eq(pairs_value(labels, "b"), "");
    cr_expect_str_eq(pairs_value(labels, "empty"), "");
    cr_expect_str_eq(pairs_value(labels, "from.file"), "2");
    REFUSE("--label", "--label", "=x");
}

Test(environment, reads_annotations)
{
    PARSE(parsed, "--annotation", "io.example=a=b");
    cr_expect_str_eq(pairs_value(&parsed.config.annotations, "io.example"), "a=b");
    REFUSE("--annotation", "--annotation", "key");
}
