/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime_cli/runtime_cli.h"

int main(int argc, char **argv)
{
    (void)argc;
    return runtime_cli_main(argv);
}
