/* SPDX-License-Identifier: Apache-2.0 */
/* ruche-remote: talks to a registry for ruche, which starts it, confined. It has no command line of
 * its own. */
#include "main_helper.h"
#include "remote/remote.h"
#include "remote/serve.h"

const struct helper_program helper_program = {
    .name = "ruche-remote",
    .when = "talks to a registry",
    .control_fd = REMOTE_CONTROL_FD,
    .serve = serve,
};
