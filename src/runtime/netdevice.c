/* SPDX-License-Identifier: Apache-2.0 */
/* Network devices of the host that the container takes over (linux.netDevices). */
#include "kernel/netdevice.h"

#include <fcntl.h>
#include <stdio.h>

#include "kernel/namespace.h"
#include "runtime/start.h"

size_t count_netdevices(const struct plan *plan)
{
    return plan->n_netdevices;
}

static const char *inner_name(const struct spec_net_device *device)
{
    return device->name && *device->name ? device->name : device->key;
}

void describe_netdevice(const struct plan *plan, size_t i, struct str *words, struct str *arguments)
{
    const struct spec_net_device *device = &plan->netdevices[i];
    str_addf(words, " %s", device->key);
    str_addf(arguments, "RTM_NEWLINK, IFLA_NET_NS_FD, %s", inner_name(device));
}

int parent_netdevice(struct start *start, size_t i, struct err *err)
{
    const struct plan *plan = start->plan;
    const struct spec_net_device *device = &plan->netdevices[i];
    char own[40];
    (void)snprintf(own, sizeof(own), "/proc/%d/ns/net", start->pid);
    auto_close int netns = open(own, O_RDONLY | O_CLOEXEC); /* its own, or the one it joined */
    if (netns < 0)
        return err_sys(err, "open %s", own);
    return netdevice_move(device->key, netns, inner_name(device), err);
}
