/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/path.h"

#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

int path_absolute(const char *path, const char *what, char **ret_path, struct err *err)
{
    auto_done(str) whole = {};
    auto_done(str) plain = {};
    if (path[0] != '/') {
        auto_free char *here = getcwd(NULL, 0);
        if (!here)
            return err_sys(err, "%s: the working directory", what);
        str_addf(&whole, "%s/", here);
    }
    str_add(&whole, path);

    struct view rest = view_of(str_text(&whole));
    struct view part;
    bool more = true;
    while (more) {
        more = view_cut(&rest, '/', &part);
        if (part.len == 0 || view_is(part, "."))
            continue;
        str_add_char(&plain, '/');
        str_add_bytes(&plain, part.at, part.len);
    }
    if (plain.len == 0)
        str_add_char(&plain, '/');
    *ret_path = str_take(&plain);
    return 0;
}
