/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/serve_args.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/number.h"

enum { PORT_DEFAULT = 5000, PORT_MAX = 65535 };

static const char *const log_formats[] = { "text", "json", NULL };

/* clang-format off */
const struct option registry_serve_table[] = {
    OPTION_TEXT(registry_serve_args, listen, 0, "listen", "ADDRESS[:PORT]",
        "Where to listen, 127.0.0.1:5000 by default; 0.0.0.0 and [::] are all addresses, port 0 is one that is free"),
    OPTION_TEXT(registry_serve_args, tls_cert, 0, "tls-cert", "FILE", "Certificate and those of its issuers (PEM)"),
    OPTION_TEXT(registry_serve_args, tls_key, 0, "tls-key", "FILE", "The certificate's key (PEM)"),
    OPTION_TEXT(registry_serve_args, htpasswd, 0, "htpasswd", "FILE",
        "Let in only whom this file of `htpasswd -B` names"),
    OPTION_BOOL(registry_serve_args, read_only, 0, "read-only", "Let nobody push or delete"),
    OPTION_CHOICE(registry_serve_args, log_format, 0, "log-format", "FORMAT", log_formats,
        "How requests are logged on standard error, text by default"),
    OPTION_END,
};
/* clang-format on */

static int address_invalid(const char *text, struct err *err)
{
    err_set(err, ERR_USAGE, "cannot listen on \"%s\"", text);
    return err_hint(err, "give a numeric address and a port, as 0.0.0.0:5000 or [::1]:5000");
}

/* Splits "host:port" and "[host]:port". False: it is neither. */
static bool address_split(const char *text, struct view *ret_host, struct view *ret_port)
{
    struct view rest = view_of(text);
    *ret_port = (struct view){};
    if (rest.len > 0 && rest.at[0] == '[') {
        rest = (struct view){ rest.at + 1, rest.len - 1 };
        if (!view_cut(&rest, ']', ret_host))
            return false;
        if (rest.len == 0)
            return true;
        *ret_port = (struct view){ rest.at + 1, rest.len - 1 };
        return rest.at[0] == ':';
    }
    if (!view_cut(&rest, ':', ret_host))
        return true;
    *ret_port = rest;
    return true;
}

static int address_parse(const char *text, struct registry_address *ret_address, struct err *err)
{
    struct view host_view, port_view;
    struct registry_address address = {};
    struct sockaddr_in in = { .sin_family = AF_INET };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
    int64_t port = PORT_DEFAULT;
    if (!address_split(text, &host_view, &port_view))
        return address_invalid(text, err);
    auto_free char *host = view_is(host_view, "localhost") ? xstrdup("127.0.0.1")
                                                           : xstrndup(host_view.at, host_view.len);
    auto_free char *port_text = xstrndup(port_view.at, port_view.len);
    if (port_view.at && number_parse(port_text, 0, PORT_MAX, "port", &port, err) < 0)
        return address_invalid(text, err);
    if (inet_pton(AF_INET, host, &in.sin_addr) == 1) {
        in.sin_port = htons((uint16_t)port);
        memcpy(&address.socket, &in, sizeof(in));
        address.len = sizeof(in);
        address.loopback = ntohl(in.sin_addr.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
    } else if (inet_pton(AF_INET6, host, &in6.sin6_addr) == 1) {
        in6.sin6_port = htons((uint16_t)port);
        memcpy(&address.socket, &in6, sizeof(in6));
        address.len = sizeof(in6);
        address.loopback = IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
    } else {
        return address_invalid(text, err);
    }
    *ret_address = address;
    return 0;
}

int registry_serve_check(const struct registry_serve_args *args,
                         struct registry_address *ret_address, struct err *err)
{
    if (!args->tls_cert != !args->tls_key)
        return err_set(err, ERR_USAGE, "--tls-cert and --tls-key go together");
    return address_parse(args->listen ? args->listen : "127.0.0.1", ret_address, err);
}

void registry_address_format(const struct registry_address *address, struct str *out)
{
    char text[INET6_ADDRSTRLEN] = "";
    if (address->socket.ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, &address->socket, sizeof(in6));
        (void)inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof(text));
        str_addf(out, "[%s]:%u", text, ntohs(in6.sin6_port));
    } else {
        struct sockaddr_in in;
        memcpy(&in, &address->socket, sizeof(in));
        (void)inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text));
        str_addf(out, "%s:%u", text, ntohs(in.sin_port));
    }
}
