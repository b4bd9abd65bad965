/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/request.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "registry/answer.h"
#include "registry/gate.h"
#include "registry/handlers.h"
#include "registry/name.h"
#include "registry/turns.h"
#include "registry/upload.h"

/* A body that was not asked for is read to its end if it is short, so that the client sees the answer;
 * before a long one the connection is closed. */
enum { SHORT_BODY = 1 << 20 };

const char *request_header(const struct request *request, const char *name)
{
    for (size_t i = 0; i < request->headers.len; i++)
        if (strcasecmp(request->headers.at[i].key, name) == 0)
            return request->headers.at[i].value;
    return NULL;
}

/* ---- what stands before every handler ---- */

/* "localhost" or an address, with or without a port: what no web page's name can be made to mean. */
static bool host_is_own(const char *header)
{
    unsigned char address[sizeof(struct in6_addr)];
    bool bracket = header[0] == '[';
    auto_free char *host =
        xstrndup(header + bracket, strcspn(header + bracket, bracket ? "]" : ":"));
    if (bracket)
        return inet_pton(AF_INET6, host, address) == 1;
    return strcasecmp(host, "localhost") == 0 || inet_pton(AF_INET, host, address) == 1;
}

/* A browser on this machine reaches what outsiders do not, by a page of theirs: one whose name leads
 * here, or one that sends without being shown the answer. */
static bool keep_pages_out(struct request *request)
{
    bool reads = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
    if (!request->service->local)
        return true;
    for (size_t i = 0; i < request->headers.len; i++) {
        const struct pair *header = &request->headers.at[i];
        bool own = strcasecmp(header->key, "Host") != 0 || host_is_own(header->value);
        if (own && (reads || strcasecmp(header->key, "Origin") != 0))
            continue;
        answer_fault(request, FAULT_DENIED,
                     own ? "a web page may not write here"
                         : "ask by an address or localhost; other names need --htpasswd");
        return false;
    }
    return true;
}

static bool let_in(struct request *request)
{
    if (!request->service->gate)
        return true;
    switch (gate_ask(request->service->gate, request_header(request, "Authorization"),
                     request->peer, &request->user)) {
    case GATE_OPEN:
        return true;
    case GATE_CLOSED:
        answer_header(request, "WWW-Authenticate", "Basic realm=\"ruche\", charset=\"UTF-8\"");
        answer_fault(request, FAULT_UNAUTHORIZED, NULL);
        return false;
    case GATE_TOO_FAST:
        answer_headerf(request, "Retry-After", "%d", GATE_WAIT_S);
        answer_fault(request, FAULT_TOOMANYREQUESTS, "too many wrong passwords from this address");
        return false;
    }
    return false;
}

static bool find_route(struct request *request)
{
    auto_done(str) methods = {};
    switch (
        route_find(registry_routes, request->method, request->target, &request->place, &methods)) {
    case ROUTE_FOUND:
        return true;
    case ROUTE_MALFORMED:
        answer_fault(request, FAULT_NAME_INVALID, "the path is malformed");
        return false;
    case ROUTE_UNKNOWN:
        answer_fault_as(request, HTTP_NOT_FOUND, FAULT_UNSUPPORTED,
                        "there is nothing of that path");
        return false;
    case ROUTE_METHOD:
        answer_header(request, "Allow", str_text(&methods));
        answer_fault(request, FAULT_UNSUPPORTED, NULL);
        return false;
    }
    return false;
}

static bool find_repository(struct request *request)
{
    struct err err;
    if (!request->place.name)
        return true;
    if (repository_valid(request->place.name) &&
        repository_normal(request->place.name, &request->repository, &err) == 0)
        return true;
    answer_fault(request, FAULT_NAME_INVALID, request->place.name);
    return false;
}

static bool may(struct request *request)
{
    if (!(request->place.route->flags & ROUTE_WRITES) || !request->service->read_only)
        return true;
    answer_fault(request, FAULT_DENIED, "the registry is read-only");
    return false;
}

/* Gives back what others may be waiting for. */
static void give_back(struct request *request)
{
    if (request->upload)
        upload_release(request->service->uploads, take_ptr(request->upload));
    if (request->holds_body)
        manifest_body_drop(request);
}

void request_begin(struct request *request)
{
    answer_header(request, "Docker-Distribution-Api-Version", "registry/2.0");
    if (keep_pages_out(request) && let_in(request) && find_route(request) && may(request) &&
        find_repository(request) && request->place.route->begin)
        request->place.route->begin(request);
    if (request->answer.status != 0)
        give_back(request);
    bool is_short = request->has_length && request->length <= SHORT_BODY;
    request->unread = request->answer.status != 0 && request->has_body && !is_short;
}

void request_data(struct request *request, const char *at, size_t len)
{
    if (request->answer.status == 0 && request->place.route->data)
        request->place.route->data(request, at, len);
}

/* A document of 4 MiB may take a hundred while it is read, and there are a thousand connections. */
static void handle(struct request *request)
{
    const struct route *route = request->place.route;
    struct turns *turns = route->flags & ROUTE_READS ? request->service->turns : NULL;
    turns_take(turns);
    route->end(request);
    turns_give(turns);
}

void request_end(struct request *request)
{
    if (request->answer.status == 0)
        handle(request);
    /* Before the client sees the answer: its next request may come by another connection. */
    give_back(request);
}

void request_done(struct request *request)
{
    give_back(request);
    free(request->method);
    free(request->target);
    free(request->peer);
    free(request->user);
    free(request->repository);
    pairs_done(&request->headers);
    place_done(&request->place);
    str_done(&request->body);
    answer_done(&request->answer);
}
