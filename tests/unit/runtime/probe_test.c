#include "box.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <sched.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <stdlib.h>
static struct box box;
static void fini(void){ box_close(&box); }
TestSuite(probe, .fini = fini, .timeout = 60);
#define SAY(r) fprintf(stderr, "[%s] %d %s\n%s\n", __func__, r, box.err.text, box.output ? box.output : "")
Test(probe, plan_fail)
{
    cr_assert(box_open(&box, 0));
    free(box.spec.process->cwd); box.spec.process->cwd = strdup("x");
    int r = box_start(&box);
    SAY(r);
    cr_expect(fcntl(0, F_GETFD) >= 0, "stdin closed");
}
static void shared(void)
{
    cr_assert(unshare(CLONE_NEWNS) == 0);
    cr_assert(mount("none", "/", NULL, MS_REC|MS_PRIVATE, NULL) == 0);
    cr_assert(mount("none", "/tmp", "tmpfs", 0, NULL) == 0);
    cr_assert(mount("none", "/tmp", NULL, MS_SHARED, NULL) == 0);
}
Test(probe, shared_dir) { shared(); cr_assert(box_open(&box, 0)); int r = box_run_script(&box, "cat /proc/self/mountinfo"); SAY(r);
 system("cat /proc/self/mountinfo | grep ruche-test"); }
Test(probe, shared_dir_host) { shared(); cr_assert(box_open(&box, BOX_HOST_USERNS)); int r = box_run_script(&box, "cat /proc/self/mountinfo"); SAY(r); 
 system("cat /proc/self/mountinfo | grep ruche-test"); }
Test(probe, shared_overlay) { shared(); cr_assert(box_open(&box, BOX_OVERLAY)); int r = box_run_script(&box, "cat /proc/self/mountinfo"); SAY(r); 
 system("cat /proc/self/mountinfo | grep ruche-test"); }
Test(probe, shared_bind) { shared(); cr_assert(box_open(&box, BOX_OVERLAY));
 box_mount_add(&box, "/data", "bind", xasprintf("%s/data", box.dir), "rbind");
 box_mount_add(&box, "/data/below", "tmpfs", "tmpfs", "mode=755");
 int r = box_run_script(&box, "cat /proc/self/mountinfo"); SAY(r); 
 system("cat /proc/self/mountinfo | grep ruche-test"); }
Test(probe, memory_upper) { cr_assert(box_open(&box, BOX_OVERLAY)); box.rootfs.upper = NULL; box.rootfs.flags = ROOTFS_TMPFS;
 int r = box_run_script(&box, "touch /x; ls /; cat /from-below"); SAY(r);  }
Test(probe, sysctl) { cr_assert(box_open(&box, 0)); pairs_put(&box.spec.linux->sysctl, "kernel.shmmax", "4096");
 pairs_put(&box.spec.linux->sysctl, "net.ipv4.ip_forward", "1");
 int bad = 0, r = 0; for (int i = 0; i < 100; i++) { r = box_run_script(&box, "cat /proc/sys/kernel/shmmax"); bad += r != 0; if (r) fprintf(stderr, "%s\n", box.err.text);} SAY(r); fprintf(stderr, "bad %d\n", bad);  }
Test(probe, timens) { cr_assert(box_open(&box, 0)); 
 struct spec_namespace *n = array_add(&box.spec.linux->namespaces); n->type = SPEC_NAMESPACE_TIME;
 struct spec_time_offset *o = array_add(&box.spec.linux->time_offsets); o->key = strdup("boottime"); o->secs = 1000000;
 int r = box_run_script(&box, "cat /proc/uptime; cat /proc/self/timens_offsets;ls -l /proc/self/ns"); SAY(r); system("cat /proc/uptime"); }
Test(probe, tty) { cr_assert(box_open(&box, 0)); 
 int m = posix_openpt(O_RDWR|O_NOCTTY); grantpt(m); unlockpt(m);
 if (fork() == 0) {  setsid(); int s = open(ptsname(m), O_RDWR); ioctl(s, TIOCSCTTY, 0); close(s); 
 int r = box_run_script(&box, "echo hello >/dev/tty; cat /proc/self/stat"); SAY(r); _exit(0); }
 wait(NULL); fcntl(m, F_SETFL, O_NONBLOCK); char b[100] = ""; read(m, b, 99); fprintf(stderr, "tty got: %s\n", b); close(m); }
Test(probe, null) { cr_assert(box_open(&box, BOX_HOST_USERNS)); 
 char *p = xasprintf("%s/null", box.dir); mknod(p, S_IFCHR|0666, makedev(1,3)); chmod(p, 0666);
 int fd = open(p, O_RDWR); 
 box.request.stdio[0] = box.request.stdio[1] = box.request.stdio[2] = fd;
 box.request.user = "7";
 box_script(&box, "true");
 int r = runtime_create(&box.request, &box.process, &box.err); SAY(r);
 struct stat st; fstat(fd, &st); fprintf(stderr, "owner %d\n", st.st_uid); close(fd); }
Test(probe, cwd) { cr_assert(box_open(&box, BOX_HOST_USERNS)); 
 int fd = open(xasprintf("%s/data", box.dir), O_PATH|O_DIRECTORY|O_CLOEXEC);
 box_link(&box, xasprintf("/proc/self/fd/%d", fd), "/work");
 free(box.spec.process->cwd); box.spec.process->cwd = strdup("/work/evil");
 int r = box_run_script(&box, "pwd"); SAY(r); close(fd);
 system(xasprintf("ls -la %s/data", box.dir)); }
Test(probe, allcaps) { cr_assert(box_open(&box, BOX_HOST_USERNS)); 
 const char *names[64] = {}; 
#include "kernel/capability.h"
 for (int i = 0; i < CAPABILITY_COUNT; i++) names[i] = capability_name(i);
 box_capabilities(&box, names);
 int r = box_run_script(&box, "grep Cap /proc/self/status"); SAY(r); }
Test(probe, nofile) { cr_assert(box_open(&box, BOX_OVERLAY)); 
 struct spec_rlimit *l = array_add(&box.spec.process->rlimits); l->type = strdup("RLIMIT_NOFILE"); l->soft = l->hard = 10;
 int r = box_run_script(&box, "ulimit -n"); SAY(r); }
Test(probe, join) { cr_assert(box_open(&box, BOX_HOST_USERNS)); 
 cr_assert(box.spec.linux->namespaces.len);
 pid_t p = fork(); if (p == 0) { unshare(CLONE_NEWNET|CLONE_NEWUTS); pause(); }
 usleep(100000);
 system("readlink /proc/self/ns/net");
 for (size_t i = 0; i < box.spec.linux->namespaces.len; i++) if (box.spec.linux->namespaces.at[i].type == SPEC_NAMESPACE_NETWORK) box.spec.linux->namespaces.at[i].path = xasprintf("/proc/%d/ns/net", p);
 int r = box_run_script(&box, "readlink /proc/self/ns/net"); SAY(r); 
 system("readlink /proc/self/ns/net"); kill(p, 9); waitpid(p, NULL, 0);}
Test(probe, exec) { cr_assert(box_open(&box, 0)); 
 box_script(&box, "sleep 100"); int r = box_start(&box); SAY(r);
 r = box_exec(&box, "id; ls -l /proc/self/fd /proc/self/ns; cat /proc/self/cgroup; ps; cat /proc/self/status | grep -E 'Cap|NoNew|Seccomp|NSsid'"); SAY(r); }
