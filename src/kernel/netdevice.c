/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel takes a device's addresses away when it changes its namespace, so they are read
 * before and set again behind it. The other namespace is entered only for as long as it takes to
 * open a socket in it: a netlink socket stays where it was opened.
 */
#include "kernel/netdevice.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    REQUEST_MAX = 512,
    ANSWER_MAX = 32 << 10,
    ADDRESSES_MAX = 256,
};

struct request {
    union {
        struct nlmsghdr header;
        char room[REQUEST_MAX];
    };
};

struct addresses {
    struct request at[ADDRESSES_MAX];
    size_t len;
};

static void *request_begin(struct request *request, uint16_t type, uint16_t flags, size_t body)
{
    memset(request, 0, sizeof(*request));
    request->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(body);
    request->header.nlmsg_type = type;
    request->header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    return NLMSG_DATA(&request->header);
}

static void request_add(struct request *request, uint16_t type, const void *data, size_t len)
{
    size_t at = NLMSG_ALIGN(request->header.nlmsg_len);
    if (at + RTA_LENGTH(len) > sizeof(request->room))
        return; /* addresses and names are far smaller */
    struct rtattr *attribute = (struct rtattr *)(request->room + at);
    attribute->rta_type = type;
    attribute->rta_len = (uint16_t)RTA_LENGTH(len);
    memcpy(RTA_DATA(attribute), data, len);
    request->header.nlmsg_len = (uint32_t)(at + RTA_LENGTH(len));
}

static int socket_open(void)
{
    return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

/* Sends, and waits for the kernel's verdict. -1 with errno. */
static int request_do(int fd, struct request *request)
{
    union {
        struct nlmsghdr header;
        char room[4096];
    } answer;
    request->header.nlmsg_flags |= NLM_F_ACK;
    if (send(fd, request, request->header.nlmsg_len, 0) < 0)
        return -1;
    ssize_t len = recv(fd, &answer, sizeof(answer), 0);
    if (len < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)) ||
        answer.header.nlmsg_type != NLMSG_ERROR) {
        errno = len < 0 ? errno : EPROTO;
        return -1;
    }
    const struct nlmsgerr *verdict = NLMSG_DATA(&answer.header);
    errno = -verdict->error;
    return verdict->error ? -1 : 0;
}

/* What is needed to set the address again. */
static void address_keep(struct nlmsghdr *header, unsigned index, struct addresses *addresses)
{
    const struct ifaddrmsg *from = NLMSG_DATA(header);
    if (from->ifa_index != index || from->ifa_scope != RT_SCOPE_UNIVERSE ||
        !(from->ifa_flags & IFA_F_PERMANENT) || addresses->len == ADDRESSES_MAX)
        return;
    struct request *request = &addresses->at[addresses->len++];
    struct ifaddrmsg *to =
        request_begin(request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, sizeof(*to));
    *to = *from;
    to->ifa_flags = 0;
    size_t rest = header->nlmsg_len - NLMSG_LENGTH(sizeof(*from));
    for (const struct rtattr *at = IFA_RTA(from); RTA_OK(at, rest); at = RTA_NEXT(at, rest))
        if (at->rta_type == IFA_LOCAL || at->rta_type == IFA_ADDRESS ||
            at->rta_type == IFA_BROADCAST)
            request_add(request, at->rta_type, RTA_DATA(at), RTA_PAYLOAD(at));
}

/* Until the dump's end. -1 with errno. */
static int addresses_read(int fd, unsigned index, struct addresses *addresses)
{
    struct request request;
    (void)request_begin(&request, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
    if (send(fd, &request, request.header.nlmsg_len, 0) < 0)
        return -1;
    auto_free char *answer = xmalloc(ANSWER_MAX);
    for (;;) {
        ssize_t len = recv(fd, answer, ANSWER_MAX, 0);
        if (len < 0)
            return -1;
        size_t rest = (size_t)len;
        for (struct nlmsghdr *header = (struct nlmsghdr *)answer; NLMSG_OK(header, rest);
             header = NLMSG_NEXT(header, rest)) {
            if (header->nlmsg_type == NLMSG_DONE)
                return 0;
            if (header->nlmsg_type == NLMSG_ERROR) {
                errno = EPROTO;
                return -1;
            }
            if (header->nlmsg_type == RTM_NEWADDR)
                address_keep(header, index, addresses);
        }
    }
}

/* Moving takes it down by itself, but one that is up cannot be renamed on the way. */
static int device_move(int fd, unsigned index, int netns, const char *new_name)
{
    struct request request;
    struct ifinfomsg *link = request_begin(&request, RTM_NEWLINK, 0, sizeof(*link));
    link->ifi_index = (int)index;
    link->ifi_change = IFF_UP;
    if (request_do(fd, &request) < 0)
        return -1;
    link = request_begin(&request, RTM_NEWLINK, 0, sizeof(*link));
    link->ifi_index = (int)index;
    request_add(&request, IFLA_NET_NS_FD, &netns, sizeof(netns));
    request_add(&request, IFLA_IFNAME, new_name, strlen(new_name) + 1);
    return request_do(fd, &request);
}

static int device_restore(int fd, unsigned index, struct addresses *addresses)
{
    struct request request;
    for (size_t i = 0; i < addresses->len; i++) {
        struct ifaddrmsg *address = NLMSG_DATA(&addresses->at[i].header);
        address->ifa_index = index;
        if (request_do(fd, &addresses->at[i]) < 0)
            return -1;
    }
    struct ifinfomsg *link = request_begin(&request, RTM_NEWLINK, 0, sizeof(*link));
    link->ifi_index = (int)index;
    link->ifi_flags = IFF_UP;
    link->ifi_change = IFF_UP;
    return request_do(fd, &request);
}

/* A socket in the other namespace, and what number the device has there. -1 with errno. */
static int socket_open_in(int netns, const char *name, unsigned *ret_index)
{
    auto_close int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (own < 0 || setns(netns, CLONE_NEWNET) < 0)
        return -1;
    int fd = socket_open();
    *ret_index = if_nametoindex(name);
    int saved = errno;
    if (setns(own, CLONE_NEWNET) < 0)
        fd_close(&fd);
    else
        errno = saved;
    return fd;
}

int netdevice_move(const char *name, int netns, const char *new_name, struct err *err)
{
    unsigned index = if_nametoindex(name);
    if (!index)
        return err_set(err, ERR_NOT_FOUND, "network device %s: there is none of that name", name);
    auto_free struct addresses *addresses = xnew(struct addresses);
    auto_close int here = socket_open();
    if (here < 0 || addresses_read(here, index, addresses) < 0)
        return err_sys(err, "read the addresses of network device %s", name);
    if (device_move(here, index, netns, new_name) < 0)
        return err_sys(err, "move network device %s to the container as %s", name, new_name);
    auto_close int there = socket_open_in(netns, new_name, &index);
    if (there < 0 || device_restore(there, index, addresses) < 0)
        return err_sys(err, "set up network device %s in the container", new_name);
    return 0;
}
