/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <time.h>

#include "base/number.h"
#include "registry/answer.h"
#include "registry/log.h"

enum {
    CONNECTIONS_MAX = 1000,
    CONNECTIONS_OF_ADDRESS = 250, /* a class behind one router */
    FILES_OF_CONNECTION = 3,      /* its socket, what it reads, what it writes */
    FILES_OF_SERVER = 32,
    IDLE_S = 60,
    HEADERS_MAX_BYTES = 64 << 10, /* of a connection's buffers: headers, parts of bodies */
    STACK_BYTES = 512 << 10,
    HEADERS_MAX = 100,
};

struct server {
    struct service *service;
    struct MHD_Daemon *daemon;
    unsigned busy; /* requests under way; atomic */
};

struct exchange {
    struct request request;
    struct server *server;
    uint64_t begun_us;
    uint64_t body_bytes; /* of the answer */
    bool begun;
};

static uint64_t now_us(void)
{
    struct timespec now = {};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- a request comes ---- */

/* Its first line is there. What is given comes back with everything that happens to the request. */
static void *on_target(void *context, const char *target, struct MHD_Connection *connection)
{
    struct server *server = context;
    struct exchange *exchange = xnew(struct exchange);
    (void)connection;
    exchange->server = server;
    exchange->begun_us = now_us();
    exchange->request.service = server->service;
    exchange->request.target = xstrdup(target);
    exchange->request.answer.fd = -1;
    (void)__atomic_add_fetch(&server->busy, 1, __ATOMIC_SEQ_CST);
    return exchange;
}

static enum MHD_Result on_header(void *context, enum MHD_ValueKind kind, const char *key,
                                 const char *value)
{
    struct request *request = context;
    (void)kind;
    if (request->headers.len == HEADERS_MAX)
        return MHD_NO;
    struct pair *pair = array_add(&request->headers);
    pair->key = xstrdup(key);
    pair->value = xstrdup(value ? value : "");
    return MHD_YES;
}

/* The address as text; of one that came by IPv6 and is of IPv4, that. Owned by the caller. */
static char *peer_text(struct MHD_Connection *connection)
{
    char text[INET6_ADDRSTRLEN] = "-";
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info ? info->client_addr : NULL;
    if (address && address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        (void)inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text));
    } else if (address && address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof(in6));
        bool mapped = IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr);
        (void)inet_ntop(mapped ? AF_INET : AF_INET6, in6.sin6_addr.s6_addr + (mapped ? 12 : 0),
                        text, sizeof(text));
    }
    return xstrdup(text);
}

static void fill(struct request *request, struct MHD_Connection *connection, const char *method)
{
    struct err ignored;
    request->method = xstrdup(method);
    request->peer = peer_text(connection);
    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, on_header, request);
    const char *length = request_header(request, "Content-Length");
    request->has_length = length && number_parse_unsigned(length, UINT64_MAX, "length",
                                                          &request->length, &ignored) == 0;
    request->has_body = request->length > 0 || request_header(request, "Transfer-Encoding") != NULL;
}

/* ---- its answer goes ---- */

static struct MHD_Response *response_make(struct exchange *exchange)
{
    struct answer *answer = &exchange->request.answer;
    exchange->body_bytes = answer->fd >= 0 ? answer->length : answer->body.len;
    if (answer->fd >= 0 && answer->length > 0)
        return MHD_create_response_from_fd_at_offset64(answer->length, take_fd(answer->fd),
                                                       answer->offset);
    if (exchange->body_bytes == 0)
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    return MHD_create_response_from_buffer(exchange->body_bytes, str_take(&answer->body),
                                           MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result reply(struct exchange *exchange, struct MHD_Connection *connection)
{
    struct answer *answer = &exchange->request.answer;
    struct MHD_Response *response = response_make(exchange);
    if (!response)
        return MHD_NO;
    for (size_t i = 0; i < answer->headers.len; i++)
        (void)MHD_add_response_header(response, answer->headers.at[i].key,
                                      answer->headers.at[i].value);
    enum MHD_Result result = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return result;
}

/* Called when the headers are there, for each part of the body, and at its end. */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *data_len, void **ret_exchange)
{
    struct exchange *exchange = *ret_exchange;
    struct request *request = &exchange->request;
    (void)context;
    (void)url;
    (void)version;
    if (!exchange->begun) {
        exchange->begun = true;
        fill(request, connection, method);
        request_begin(request);
        /* libmicrohttpd closes the connection after an answer before the body. */
        return request->unread ? reply(exchange, connection) : MHD_YES;
    }
    if (*data_len > 0) {
        request_data(request, data, *data_len);
        *data_len = 0;
        return MHD_YES;
    }
    request_end(request);
    return reply(exchange, connection);
}

/* It is over, or was cut off. */
static void on_completed(void *context, struct MHD_Connection *connection, void **ret_exchange,
                         enum MHD_RequestTerminationCode how)
{
    struct exchange *exchange = *ret_exchange;
    struct server *server = context;
    (void)connection;
    if (!exchange)
        return;
    *ret_exchange = NULL;
    bool head = exchange->begun && strcmp(exchange->request.method, "HEAD") == 0;
    bool whole = how == MHD_REQUEST_TERMINATED_COMPLETED_OK && !head;
    if (exchange->begun)
        log_request(&exchange->request, whole ? exchange->body_bytes : 0,
                    now_us() - exchange->begun_us);
    request_done(&exchange->request);
    free(exchange);
    (void)__atomic_sub_fetch(&server->busy, 1, __ATOMIC_SEQ_CST);
}

/* What libmicrohttpd says is of connections that break; there is nobody to read it. */
__attribute__((format(printf, 2, 0))) static void on_message(void *context, const char *format,
                                                             va_list args)
{
    (void)context;
    (void)format;
    (void)args;
}

/* ---- life ---- */

/* As many as there can be files for. */
static unsigned connections_most(void)
{
    struct rlimit files = {};
    rlim_t wanted = (rlim_t)CONNECTIONS_MAX * FILES_OF_CONNECTION + FILES_OF_SERVER;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return CONNECTIONS_OF_ADDRESS;
    if (files.rlim_cur >= wanted)
        return CONNECTIONS_MAX;
    return (unsigned)((files.rlim_cur - FILES_OF_SERVER) / FILES_OF_CONNECTION);
}

int server_start(struct service *service, int listener, const struct server_tls *tls,
                 struct server **ret_server, struct err *err)
{
    struct server *server = xnew(struct server);
    unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_ITC |
                     MHD_USE_ERROR_LOG | (tls->key ? MHD_USE_TLS : 0);
    const struct MHD_OptionItem secure[] = {
        { MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)tls->certificate },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)tls->key },
        { MHD_OPTION_HTTPS_PRIORITIES, 0,
          (void *)(uintptr_t) "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" },
        { MHD_OPTION_END, 0, NULL },
    };
    static const struct MHD_OptionItem plain[] = { { MHD_OPTION_END, 0, NULL } };
    server->service = service;
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL,
        MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT, connections_most(),
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)CONNECTIONS_OF_ADDRESS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HEADERS_MAX_BYTES, MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_BYTES,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, on_target, server,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_ARRAY,
        tls->key ? secure : plain, MHD_OPTION_END);
    if (!server->daemon) {
        free(server);
        err_set(err, ERR_SYSTEM, "the HTTP server does not start");
        return tls->key ? err_hint(err, "are the certificate and the key each other's?") : -1;
    }
    *ret_server = server;
    return 0;
}

void server_quiesce(struct server *server)
{
    int listener = MHD_quiesce_daemon(server->daemon);
    if (listener >= 0)
        (void)close(listener);
}

unsigned server_busy(const struct server *server)
{
    return __atomic_load_n(&server->busy, __ATOMIC_SEQ_CST);
}

void server_stop(struct server *server)
{
    MHD_stop_daemon(server->daemon);
    free(server);
}
