/* SPDX-License-Identifier: Apache-2.0 */
/* ruche-transfer: handles archives for ruche, which starts it, confined. It has no command line of
 * its own. */
#include "main_helper.h"
#include "transfer/serve.h"
#include "transfer/transfer.h"

const struct helper_program helper_program = {
    .name = "ruche-transfer",
    .when = "handles archives",
    .control_fd = TRANSFER_CONTROL_FD,
    .serve = serve,
};
