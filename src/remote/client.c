/* SPDX-License-Identifier: Apache-2.0 */
#include "remote/client.h"

#include <string.h>

#include "remote/exchange.h"
#include "remote/operation.h"
#include "remote/token.h"
#include "remote/url.h"

enum { PARALLEL_DEFAULT = 6 };

static int endpoint_init(struct endpoint *endpoint, const struct remote_endpoint *config,
                         struct err *err)
{
    *endpoint = (struct endpoint){ .config = config };
    if (url_resolve(NULL, config->url, &endpoint->base, err) < 0)
        return err_set(err, ERR_INVALID, "setup: the endpoint's url is none");
    if (config->repository && config->repository[0] && !url_plain_path(config->repository))
        return err_set(err, ERR_INVALID, "setup: the endpoint's repository is none");
    endpoint->may_be_plain = config->insecure || url_is_loopback(endpoint->base);
    if (!url_is_https(endpoint->base) && !endpoint->may_be_plain && !config->plain) {
        err_set(err, ERR_DENIED, "%s: plain HTTP is asked for", config->name);
        return err_hint(err, "if that is meant to be, use --tls-verify=false");
    }
    return 0;
}

static int endpoints_init(struct client *client, struct err *err)
{
    const struct remote_setup *setup = &client->setup;
    client->n_endpoints = setup->endpoints.len;
    client->endpoints = xcalloc(client->n_endpoints, sizeof(*client->endpoints));
    for (size_t i = 0; i < client->n_endpoints; i++)
        if (endpoint_init(&client->endpoints[i], &setup->endpoints.at[i], err) < 0)
            return -1;
    return 0;
}

int client_init(struct client *client, struct remote_setup *setup, struct err *err)
{
    client->setup = *setup;
    *setup = (struct remote_setup){};
    client->preferred = SIZE_MAX;
    if (client->setup.parallel == 0)
        client->setup.parallel = PARALLEL_DEFAULT;
    client->roots = tls_roots_new();
    if (!client->roots)
        return err_set(err, ERR_SYSTEM, "libssl does not start");
    if (endpoints_init(client, err) < 0)
        return -1;
    return network_init(&client->network, &client->loop, exchange_ended, err);
}

void client_done(struct client *client)
{
    while (client->operations)
        operation_free(client->operations);
    for (size_t i = 0; i < client->n_endpoints; i++) {
        tokens_free(&client->endpoints[i]);
        challenge_done(&client->endpoints[i].challenge);
        free(client->endpoints[i].base);
    }
    free(client->endpoints);
    client->endpoints = NULL;
    client->n_endpoints = 0;
    if (client->network.multi)
        network_done(&client->network);
    tls_roots_free(client->roots);
    client->roots = NULL;
    remote_setup_done(&client->setup);
}
