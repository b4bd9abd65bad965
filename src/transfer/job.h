/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One request, served by a process of its own: forked from a server that no foreign byte has
 * touched, confined, and gone when it is done. So what one archive may do to it cannot reach what
 * the next one brings.
 */
#include "transfer/channel.h"
#include "transfer/confine.h"

struct job {
    struct transfer_request request;
    struct channel channel;
    int fds[TRANSFER_FDS_MAX]; /* the channel's first; -1 behind the last */
    uint64_t bytes;            /* the result */
    uint64_t entries;
    size_t devices_left_out;
    char *first_left_out;
    int *layers; /* of an EXPORT */
    size_t n_layers;
    size_t warnings; /* of what a layer has that is left out */
};

/* Confines the process, serves the request and reports. */
void job_run(struct job *job, const struct confinement *confinement);

/* The verbs, each in the file of its name. */
int job_spool(struct job *job, struct err *err);
int job_digest(struct job *job, struct err *err);
int job_inflate(struct job *job, struct err *err);
int job_content(struct job *job, struct err *err);
int job_keep(struct job *job, struct err *err);
int job_sum(struct job *job, struct err *err);
int job_unpack(struct job *job, struct err *err);
int job_pack(struct job *job, struct err *err);
int job_deflate(struct job *job, struct err *err);
int job_export(struct job *job, struct err *err);
/* Before the process is confined: takes the layers. */
int job_export_prepare(struct job *job, struct err *err);
int job_remove(struct job *job, struct err *err);
int job_sign(struct job *job, struct err *err);
int job_verify(struct job *job, struct err *err);
