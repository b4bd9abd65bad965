/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rr: runs commands in turn, round after round, and prints a line for each with its times and
 * memory. Every round has all of them, in an order of its own: whatever disturbs the machine, and
 * what a command leaves to be done after it, disturbs all alike.
 *
 *   rr [-n ROUNDS] [-w WARM-UPS] [-p PAUSE_MS] [-e FILE] <LIST
 *
 * LIST has a line for each tool: NAME, a tab, a mount namespace to enter (a path such as
 * /proc/PID/ns/mnt, or "-"), a tab, and a command's words with blanks between them; no shell is
 * in the time. Before each timed run it waits PAUSE_MS: runs that follow each other at once share
 * what the kernel puts off (RCU), so they hide what somebody meets who runs one command. Standard
 * error of the commands goes to FILE. A tool that fails is reported there, and not run again.
 *
 * A tool may have several steps, with tabs between them, which run in their order in each round:
 * "LABEL: WORDS" is timed under that label, "-: WORDS" is not timed. Steps of one label that stand
 * side by side are one measure: their times are added, and there is no pause between them.
 *
 * Printed, with tabs: NAME (or NAME: LABEL), median, least, tenth and ninetieth percentile in
 * microseconds, runs, and the greatest resident memory in KiB that a command or a process it waited
 * for had (the median of the runs). What failed has 0 runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TOOLS_MAX = 64, STEPS_MAX = 16, WORDS_MAX = 64 };

struct step {
    int measure; /* index of the tool's, or -1: not timed */
    char *words[WORDS_MAX + 1];
};

struct tool {
    const char *name;
    int mount_namespace; /* -1: the one we are in */
    struct step steps[STEPS_MAX];
    size_t n_steps;
    const char *labels[STEPS_MAX]; /* of the measures; NULL: the tool's only one */
    size_t n_measures;
    uint64_t *ns; /* measure after measure, so many as there are rounds each */
    uint64_t *kib;
    size_t runs;
    int failure; /* wait status of the first failed run */
};

struct options {
    size_t rounds;
    size_t warm_ups;
    unsigned pause_ms;
    int errors;
};

static void die(const char *what)
{
    fprintf(stderr, "rr: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- the list ---- */

/* Where a step of this label is counted: with the step before it, or as a new measure. */
static int measure_of(struct tool *tool, const char *label)
{
    if (label && strcmp(label, "-") == 0)
        return -1;
    int last = tool->n_steps > 0 ? tool->steps[tool->n_steps - 1].measure : -1;
    if (last >= 0 && label && tool->labels[last] && strcmp(tool->labels[last], label) == 0)
        return last;
    tool->labels[tool->n_measures] = label;
    return (int)tool->n_measures++;
}

/* Takes the text. Returns whether it is a step. */
static bool step_parse(struct tool *tool, char *text)
{
    if (tool->n_steps == STEPS_MAX)
        return false;
    char *label = NULL;
    char *colon = strstr(text, ": ");
    if (colon) {
        *colon = '\0';
        label = text;
        text = colon + 2;
    }
    struct step *step = &tool->steps[tool->n_steps];
    step->measure = measure_of(tool, label);
    size_t n = 0;
    for (char *word; n < WORDS_MAX && (word = strsep(&text, " "));)
        if (*word)
            step->words[n++] = word;
    tool->n_steps++;
    return n > 0 && !text;
}

static void tool_parse(struct tool *tool, char *line, size_t rounds)
{
    char *rest = line;
    tool->name = strsep(&rest, "\t");
    const char *namespace = strsep(&rest, "\t");
    bool valid = rest;
    while (valid && rest)
        valid = step_parse(tool, strsep(&rest, "\t"));
    if (!valid) {
        errno = EINVAL;
        die(tool->name ? tool->name : "empty line");
    }
    tool->mount_namespace = -1;
    if (strcmp(namespace, "-") != 0) {
        tool->mount_namespace = open(namespace, O_RDONLY | O_CLOEXEC);
        if (tool->mount_namespace < 0)
            die(namespace);
    }
    tool->ns = calloc(tool->n_measures * rounds + 1, sizeof(*tool->ns));
    tool->kib = calloc(tool->n_measures * rounds + 1, sizeof(*tool->kib));
    if (!tool->ns || !tool->kib)
        die("memory");
}

static size_t tools_read(struct tool *tools, size_t rounds)
{
    size_t n = 0;
    char *line = NULL;
    size_t room = 0;
    for (ssize_t len; n < TOOLS_MAX && (len = getline(&line, &room, stdin)) > 0;
         line = NULL, room = 0) {
        if (line[len - 1] == '\n')
            line[len - 1] = '\0';
        tool_parse(&tools[n++], line, rounds); /* which keeps the line */
    }
    free(line);
    return n;
}

/* ---- running ---- */

static void child(const struct tool *tool, const struct step *step, int errors)
{
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(errors, 2) < 0)
        _exit(126);
    if (null > 2)
        (void)close(null);
    if (tool->mount_namespace >= 0 && setns(tool->mount_namespace, CLONE_NEWNS) < 0)
        _exit(126);
    execvp(step->words[0], step->words);
    _exit(127);
}

/* Runs it once. Returns its wait status. */
static int step_run(const struct tool *tool, const struct step *step, int errors, uint64_t *ret_ns,
                    uint64_t *ret_kib)
{
    uint64_t begin = clock_ns();
    pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0)
        child(tool, step, errors);
    int status;
    struct rusage usage;
    while (wait4(pid, &status, 0, &usage) < 0)
        if (errno != EINTR)
            die("wait4");
    *ret_ns = clock_ns() - begin;
    *ret_kib = (uint64_t)usage.ru_maxrss;
    return status;
}

/* One round of a tool: it counts only if all steps succeed. */
static void tool_run(struct tool *tool, const struct options *options, bool counts)
{
    uint64_t ns[STEPS_MAX] = {};
    uint64_t kib[STEPS_MAX] = {};
    int before = -1;
    for (size_t i = 0; i < tool->n_steps && !tool->failure; i++) {
        const struct step *step = &tool->steps[i];
        int measure = step->measure;
        if (measure >= 0 && measure != before)
            (void)usleep(options->pause_ms * 1000);
        before = measure;
        uint64_t step_ns, step_kib;
        tool->failure = step_run(tool, step, options->errors, &step_ns, &step_kib);
        if (tool->failure)
            dprintf(options->errors, "rr: %s, step %zu failed, wait status 0x%x\n", tool->name,
                    i + 1, (unsigned)tool->failure);
        if (measure < 0)
            continue;
        ns[measure] += step_ns;
        if (step_kib > kib[measure])
            kib[measure] = step_kib;
    }
    if (!counts || tool->failure)
        return;
    for (size_t i = 0; i < tool->n_measures; i++) {
        tool->ns[i * options->rounds + tool->runs] = ns[i];
        tool->kib[i * options->rounds + tool->runs] = kib[i];
    }
    tool->runs++;
}

/* The same orders whenever rr runs. */
static void order_shuffle(size_t *order, size_t n, uint32_t *seed)
{
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = n; i > 1; i--) {
        *seed = *seed * 1664525u + 1013904223u;
        size_t other = (*seed >> 16) % i;
        size_t kept = order[i - 1];
        order[i - 1] = order[other];
        order[other] = kept;
    }
}

static void rounds_run(struct tool *tools, size_t n, const struct options *options)
{
    size_t order[TOOLS_MAX];
    uint32_t seed = 1;
    for (size_t round = 0; round < options->warm_ups + options->rounds; round++) {
        order_shuffle(order, n, &seed);
        for (size_t i = 0; i < n; i++)
            tool_run(&tools[order[i]], options, round >= options->warm_ups);
    }
}

/* ---- results ---- */

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static double us_at(const uint64_t *ns, size_t n, size_t percent)
{
    size_t at = (n - 1) * percent / 100;
    return (double)ns[at] / 1e3;
}

static void measure_print(const struct tool *tool, size_t measure, size_t rounds)
{
    const char *label = tool->labels[measure];
    uint64_t *ns = tool->ns + measure * rounds;
    uint64_t *kib = tool->kib + measure * rounds;
    size_t n = tool->runs;
    printf("%s%s%s", tool->name, label ? ": " : "", label ? label : "");
    if (tool->failure || n == 0) {
        printf("\t-\t-\t-\t-\t0\t-\n");
        return;
    }
    qsort(ns, n, sizeof(*ns), by_size);
    qsort(kib, n, sizeof(*kib), by_size);
    printf("\t%.0f\t%.0f\t%.0f\t%.0f\t%zu\t%llu\n", us_at(ns, n, 50), us_at(ns, n, 0),
           us_at(ns, n, 10), us_at(ns, n, 90), n, (unsigned long long)kib[n / 2]);
}

int main(int argc, char **argv)
{
    struct options options = { .rounds = 20, .warm_ups = 2, .errors = 2 };
    static struct tool tools[TOOLS_MAX];
    for (int option; (option = getopt(argc, argv, "n:w:p:e:")) != -1;) {
        switch (option) {
        case 'n':
            options.rounds = strtoul(optarg, NULL, 10);
            break;
        case 'w':
            options.warm_ups = strtoul(optarg, NULL, 10);
            break;
        case 'p':
            options.pause_ms = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'e':
            options.errors = open(optarg, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
            if (options.errors < 0)
                die(optarg);
            break;
        default:
            return 2;
        }
    }
    if (options.rounds == 0)
        return 2;
    size_t n = tools_read(tools, options.rounds);
    rounds_run(tools, n, &options);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < tools[i].n_measures; k++)
            measure_print(&tools[i], k, options.rounds);
    return 0;
}
