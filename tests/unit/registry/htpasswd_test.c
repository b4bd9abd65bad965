/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/htpasswd.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "registry/gate.h"

/* The password is "secret"; made by htpasswd -B. */
#define BEE "bee:$2y$05$cKJyDM0h49LjIpqJU9e9YOKLex3LVXc3fBjgAM.tz3IxesouW1aDe\n"

/* "Basic" and base64 of user:password. */
#define RIGHT     "Basic YmVlOnNlY3JldA=="
#define WRONG     "Basic YmVlOndyb25n"
#define NO_COLON  "Basic YmVl"
#define ZERO_BYTE "Basic YmVlOgBz"

static struct htpasswd *parse(const char *text)
{
    struct htpasswd *htpasswd = NULL;
    struct err err;
    cr_assert_eq(htpasswd_parse(text, strlen(text), &htpasswd, &err), 0, "%s", err.text);
    return htpasswd;
}

Test(htpasswd, passwords)
{
    auto_drop(htpasswd) *htpasswd = parse("# people\n\n" BEE);
    cr_expect(htpasswd_check(htpasswd, "bee", "secret"));
    cr_expect(!htpasswd_check(htpasswd, "bee", "Secret"));
    cr_expect(!htpasswd_check(htpasswd, "bee", ""));
    cr_expect(!htpasswd_check(htpasswd, "wasp", "secret"));
    cr_expect(!htpasswd_check(htpasswd, "", ""));
}

Test(htpasswd, refuses)
{
    static const struct {
        const char *text;
        const char *says;
    } rows[] = {
        { "", "no users" },
        { "# only a comment\n", "no users" },
        { BEE "nonsense\n", "line 2" },
        { ":x\n", "line 1" },
        { "bee:secret\n", "no bcrypt" },
        { "bee:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n", "htpasswd -B" },
        { "bee:$apr1$v5KrigmS$j5XF2eBr69JCXSrGPoFdz0\n", "no bcrypt" },
        { "bee:rqXexS6ZhobKA\n", "no bcrypt" },
        { BEE BEE, "once more" },
    };
    for (size_t i = 0; i < array_size(rows); i++) {
        struct htpasswd *htpasswd = NULL;
        struct err err;
        cr_assert_eq(htpasswd_parse(rows[i].text, strlen(rows[i].text), &htpasswd, &err), -1);
        cr_expect(strstr(err.text, rows[i].says), "row %zu: %s", i, err.text);
    }
}

Test(htpasswd, headers)
{
    static const char *const bad[] = {
        NULL,          "",           "Basic",      "Basic ", "Bearer YmVlOnNlY3JldA==",
        "Basic YmVlO", "Basic !!!!", "Basic ====", NO_COLON, ZERO_BYTE,
    };
    auto_free char *user = NULL;
    auto_free char *password = NULL;
    cr_assert(basic_parse("basic YmVlOnM6dA==", &user, &password));
    cr_expect_str_eq(user, "bee");
    cr_expect_str_eq(password, "s:t");
    for (size_t i = 0; i < array_size(bad); i++) {
        char *no_user = NULL, *no_password = NULL;
        cr_expect(!basic_parse(bad[i], &no_user, &no_password), "%s", bad[i]);
    }
}

Test(gate, opens)
{
    auto_drop(gate) *gate = gate_new(parse(BEE));
    for (int i = 0; i < 3; i++) {
        auto_free char *user = NULL;
        cr_expect_eq(gate_ask(gate, RIGHT, "192.0.2.1", &user), GATE_OPEN);
        cr_expect_str_eq(user, "bee");
    }
    auto_free char *nobody = NULL;
    cr_expect_eq(gate_ask(gate, WRONG, "192.0.2.1", &nobody), GATE_CLOSED);
    cr_expect_eq(gate_ask(gate, NULL, "192.0.2.1", &nobody), GATE_CLOSED);
    cr_expect_null(nobody);
}

Test(gate, guessers_wait)
{
    auto_drop(gate) *gate = gate_new(parse(BEE));
    auto_free char *user = NULL;
    enum gate_result result = GATE_CLOSED;
    int guesses = 0;
    for (; guesses < 100 && result == GATE_CLOSED; guesses++)
        result = gate_ask(gate, WRONG, "192.0.2.1", &user);
    cr_expect_eq(result, GATE_TOO_FAST);
    cr_expect_lt(guesses, 20);
    /* Not even the right one is looked at, */
    cr_expect_eq(gate_ask(gate, RIGHT, "192.0.2.1", &user), GATE_TOO_FAST);
    /* but it is from elsewhere, and then it is known. */
    cr_expect_eq(gate_ask(gate, RIGHT, "192.0.2.2", &user), GATE_OPEN);
    free(user);
    user = NULL;
    cr_expect_eq(gate_ask(gate, RIGHT, "192.0.2.1", &user), GATE_OPEN);
}

/* No end to the table of addresses, nor to how long they are. */
Test(gate, many_guessers)
{
    auto_drop(gate) *gate =
        gate_new(parse("bee:$2y$04$cKJyDM0h49LjIpqJU9e9YOKLex3LVXc3fBjgAM.tz3IxesouW1aDe\n"));
    auto_free char *user = NULL;
    char peer[200];
    memset(peer, 'x', sizeof(peer) - 1);
    peer[sizeof(peer) - 1] = '\0';
    cr_expect_eq(gate_ask(gate, WRONG, peer, &user), GATE_CLOSED);
    for (int i = 0; i < 300; i++) {
        snprintf(peer, sizeof(peer), "192.0.2.%d", i);
        cr_expect_eq(gate_ask(gate, WRONG, peer, &user), GATE_CLOSED);
    }
}
