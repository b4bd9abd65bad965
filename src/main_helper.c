/* SPDX-License-Identifier: Apache-2.0 */
#include "main_helper.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { EXIT_ENGINE = 125 };

static bool is_control(int fd)
{
    int type = 0;
    socklen_t len = sizeof(type);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET;
}

int main(int argc, char **argv)
{
    const struct helper_program *program = &helper_program;
    struct err err;
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("%s %s\n", program->name, RUCHE_VERSION);
        return 0;
    }
    if (argc != 1 || !is_control(program->control_fd)) {
        fprintf(stderr,
                "%s: started by ruche when it %s, and good for nothing else; see ruche(1)\n",
                program->name, program->when);
        return EXIT_ENGINE;
    }
    if (program->serve(program->control_fd, &err) < 0) {
        fprintf(stderr, "%s: %s\n", program->name, err.text);
        return EXIT_ENGINE;
    }
    return 0;
}
