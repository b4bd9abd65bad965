/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdarg.h>
#include <string.h>

#include "engine/create.h"
#include "engine/defaults.h"

static struct container_config config;
static struct oci_image_config image;

static void done(void)
{
    container_config_done(&config);
    strings_done(&image.entrypoint);
    strings_done(&image.cmd);
    strings_done(&image.env);
    pairs_done(&image.labels);
}

TestSuite(config_image, .fini = done);

/* Words apart by blanks; '' is an empty one. */
static void words_add(struct strings *list, const char *text)
{
    auto_free char *copy = xstrdup(text);
    char *rest = NULL;
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        strings_add(list, strcmp(word, "''") == 0 ? "" : word);
}

static void assert_words(const struct strings *list, const char *wanted)
{
    auto_done(str) text = {};
    for (size_t i = 0; i < list->len; i++)
        str_addf(&text, "%s%s", i > 0 ? " " : "", list->at[i]);
    cr_assert_str_eq(str_text(&text), wanted);
    cr_assert(list->len == 0 || list->at[list->len] == NULL);
}

Test(config_image, has_dockers_rules_of_entrypoint_and_cmd)
{
    static const struct {
        const char *image_entrypoint, *image_cmd, *entrypoint, *arguments;
        const char *wanted_entrypoint, *wanted_command;
    } rows[] = {
        { "", "sh -l", "", "", "", "sh -l" },
        { "", "sh -l", "", "ls /", "", "ls /" },
        { "/init run", "--help", "", "", "/init run", "--help" },
        { "/init run", "--help", "", "-v", "/init run", "-v" },
        { "/init run", "--help", "/bin/x", "", "/bin/x", "" },
        { "/init run", "--help", "/bin/x", "-a -b", "/bin/x", "-a -b" },
        { "/init run", "--help", "''", "", "", "" },
        { "/init run", "--help", "''", "ls", "", "ls" },
        { "/init", "", "", "", "/init", "" },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        words_add(&image.entrypoint, rows[i].image_entrypoint);
        words_add(&image.cmd, rows[i].image_cmd);
        words_add(&config.entrypoint, rows[i].entrypoint);
        words_add(&config.command, rows[i].arguments);
        config_add_image(&config, &image);
        assert_words(&config.entrypoint, rows[i].wanted_entrypoint);
        assert_words(&config.command, rows[i].wanted_command);
        done();
    }
}

Test(config_image, merges_the_environment)
{
    words_add(&image.env, "A=image B=image C=image broken");
    words_add(&config.env, "B=user D=user C A=1 A=2 E");
    config_add_image(&config, &image);
    assert_words(&config.env, "A=2 B=user PATH=" DEFAULT_PATH " D=user");
}

Test(config_image, keeps_the_images_path)
{
    words_add(&image.env, "PATH=/image");
    config_add_image(&config, &image);
    assert_words(&config.env, "PATH=/image");
}

Test(config_image, merges_labels)
{
    pairs_put(&image.labels, "a", "image");
    pairs_put(&image.labels, "b", "image");
    pairs_put(&config.labels, "b", "user");
    pairs_put(&config.labels, "c", "user");
    config_add_image(&config, &image);
    cr_assert_eq(config.labels.len, 3);
    cr_assert_str_eq(pairs_value(&config.labels, "a"), "image");
    cr_assert_str_eq(pairs_value(&config.labels, "b"), "user");
    cr_assert_str_eq(pairs_value(&config.labels, "c"), "user");
}

Test(config_image, lets_the_user_say_otherwise)
{
    image.user = (char *)"app";
    image.working_dir = (char *)"/app";
    image.stop_signal = (char *)"SIGQUIT";
    config.user = xstrdup("root");
    config_add_image(&config, &image);
    cr_assert_str_eq(config.user, "root");
    cr_assert_str_eq(config.workdir, "/app");
    cr_assert_str_eq(config.stop_signal, "SIGQUIT");
}
