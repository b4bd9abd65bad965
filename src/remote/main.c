/* SPDX-License-Identifier: Apache-2.0 */
/* ruche-remote: talks to a registry for ruche, which starts it, confined. It has no command line of
 * its own. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "remote/remote.h"
#include "remote/serve.h"

enum { EXIT_ENGINE = 125 };

static bool is_control(int fd)
{
    int type = 0;
    socklen_t len = sizeof(type);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("ruche-remote %s\n", RUCHE_VERSION);
        return 0;
    }
    if (argc != 1 || !is_control(REMOTE_CONTROL_FD)) {
        fprintf(stderr, "ruche-remote: started by ruche when it talks to a registry, and good for "
                        "nothing else; see ruche(1)\n");
        return EXIT_ENGINE;
    }
    struct err err;
    if (serve(REMOTE_CONTROL_FD, &err) < 0) {
        fprintf(stderr, "ruche-remote: %s\n", err.text);
        return EXIT_ENGINE;
    }
    return 0;
}
